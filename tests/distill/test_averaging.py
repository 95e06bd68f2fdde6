"""The mean dataset as an average of the strategy's means."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hadesd.distill.averaging import averaged, mean_of
from hadesd.distill.generation import GenerationStep, init_state
from hadesd.distill.resizing import resize_pairs, sources_to_grow
from hadesd.distill.sharding import make_mesh
from tests.distill.toys import Counter, problem

values = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30)


def average_of(share: float, means: list[float]) -> float:
    average = np.float32(0.0)
    for n, mean in enumerate(means, 1):
        average = averaged(share, average, np.float32(mean), np.int32(n))
    return float(average)


@given(values)
def test_a_share_of_one_is_the_plain_average_and_none_is_the_newest(means):
    assert np.isclose(average_of(1.0, means), np.mean(means), atol=1e-3)
    assert np.isclose(average_of(0.0, means), means[-1], atol=1e-3)


@given(values, st.floats(0.0, 1.0))
def test_an_average_lies_among_its_means_and_that_of_equals_is_what_they_are(means, share):
    average = average_of(share, means)
    assert min(means) - 1e-3 <= average <= max(means) + 1e-3
    assert average_of(share, [7.0] * len(means)) == 7.0


def test_a_tenth_leaves_the_first_half_behind():
    ones = [1.0] * 500
    assert average_of(0.1, [100.0] * 500 + ones) < 1.2
    assert average_of(1.0, [100.0] * 500 + ones) > 50


def test_the_average_follows_the_search_and_changes_nothing_about_it():
    plain, mesh = problem(Counter(7), pairs=2), make_mesh(1)
    task = replace(plain, averaging=0.3)
    start = jnp.ones(plain.layout.size)
    state, other = init_state(task, start), init_state(plain, start)
    assert np.array_equal(mean_of(task, state), start)
    step, other_step = GenerationStep(task, mesh, 8), GenerationStep(plain, mesh, 8)
    expected = np.zeros(plain.layout.size, np.float32)
    for n in range(1, 5):
        (state, _), (other, _) = step(state), other_step(other)
        newest = np.asarray(task.strategy.mean(state.strategy))
        expected = expected + (newest - expected) / np.float32(1 + 0.3 * (n - 1))
        assert np.allclose(mean_of(task, state), expected, rtol=1e-5, atol=1e-6)
        assert np.array_equal(mean_of(plain, other), newest)
    for left, right in zip(jax.tree.leaves(state.strategy), jax.tree.leaves(other.strategy), strict=True):
        assert np.array_equal(left, right)


def test_pairs_that_are_copied_take_their_average_along():
    old, new = (replace(problem(Counter(7), pairs), averaging=0.1) for pairs in (2, 4))
    before = jax.device_get(init_state(old, jnp.arange(float(old.layout.size))))
    before = before._replace(averaged=before.averaged + 0.5)
    after = resize_pairs(old, new, sources_to_grow(old.layout, 4), before)
    assert np.array_equal(after.averaged, np.asarray(after.strategy.mean) + 0.5)
