"""The bound of the pairs: the squashing, the region that it keeps to, and when that is measured."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from hadesd.distill import normalise, policies, rollout, visited
from hadesd.distill.dataset import DatasetLayout, Region
from hadesd.distill.generation import GenerationStep, init_state
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import MLP
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import make_mesh
from hadesd.distill.strategies import open_es
from tests.distill.toys import Counter, problem

numbers = st.floats(-1e6, 1e6, width=32)


def layout(bound: float, observation: int = 3) -> DatasetLayout:
    return DatasetLayout(2, (observation,), 2, discrete=False, labels="fixed", bound=bound)


@given(
    st.sampled_from([0.5, 3.0, 5.0]),
    st.lists(numbers, min_size=10, max_size=10),
    st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3),
    st.lists(st.floats(0, 50, width=32), min_size=3, max_size=3),
)
def test_whatever_the_search_asks_for_states_stay_inside_the_bound_and_keep_their_order(bound, vector, mean, std):
    region = Region(np.array(mean, np.float32), np.array(std, np.float32))
    vector = np.array(vector, np.float32)
    states = layout(bound).unflatten(vector, region).states
    reach = bound * region.std
    assert np.all(np.abs(states - region.mean) <= reach * (1 + 1e-5) + 1e-5 * np.abs(region.mean))
    further = layout(bound).unflatten(vector + 1, region).states
    assert np.all(further >= states - 1e-6 * reach), "but for rounding"


def test_near_the_mean_a_coordinate_counts_standard_deviations_and_actions_are_left_alone():
    region = Region(np.array([1.0, -2.0, 0.0], np.float32), np.array([0.5, 4.0, 0.0], np.float32))
    vector = np.array([0.1, 0.1, 5.0, -0.1, 0.0, -5.0, *[7.0, -7.0, 0.5, 0.0]], np.float32)
    states, actions = layout(3.0).unflatten(vector, region)
    assert np.allclose(states, [[1.05, -1.6, 0.0], [0.95, -2.0, 0.0]], atol=1e-3)
    assert np.array_equal(actions, [[7.0, -7.0], [0.5, 0.0]])
    on_device = layout(3.0).unflatten(jnp.asarray(vector), region)
    assert np.allclose(states, on_device.states, rtol=1e-6)


def test_an_entry_far_out_still_feels_the_search():
    slope = jax.grad(lambda x: layout(3.0).unflatten(x * jnp.ones(10), Region(jnp.zeros(3), jnp.ones(3))).states[0, 0])
    assert slope(30.0) > 5e-4
    assert slope(0.0) == pytest.approx(1.0)


def test_the_region_is_measured_ever_more_rarely():
    assert [g for g in range(400) if visited.is_due(g)] == [10, 20, 40, 80, 160, 320]


def test_a_measure_counts_half_and_what_broke_leaves_an_entry_as_it_was():
    old = Statistics(np.zeros(2, np.float32), np.ones(2, np.float32), np.float32(1))
    found = Statistics(
        np.array([[2.0, np.nan], [4.0, 0.0]], np.float32), np.array([[0.0, 1.0], [2.0, 1.0]], np.float32), np.ones(2)
    )
    after = visited.merged(old, found)
    # Of a mixture of both policies: mean 3, variance 1 + 1; half of that and half of N(0, 1).
    assert np.allclose(after.mean, [1.5, 0.0])
    assert np.allclose(after.variance, [0.5 * (1 + 2) + 0.25 * 9, 1.0])


def test_the_states_of_a_rollout_are_measured_in_natural_units_whatever_the_policy_sees():
    env, policy = Counter(4), MLP(2, True, width=8, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), (2,))
    constants = Statistics(jnp.full(2, 5.0), jnp.full(2, 9.0), jnp.float32(1))
    for normalisation in ("none", "fixed"):
        found = rollout.visited(
            env, policy, params, constants, jax.random.key(1), Evaluation(2, 8, normalisation, greedy=True)
        )
        steps = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0])  # the first observation, and one after each of eight steps
        assert np.allclose(found.mean, [steps.mean(), 1 - steps.mean()], atol=1e-3), normalisation
        assert np.allclose(found.variance, steps.var(), atol=1e-3), normalisation


def bounded(normalisation: str = "none"):
    free = problem(Counter(7), pairs=2)
    assert free.layout is not None
    evaluation = replace(free.evaluation, normalisation=normalisation, steps=12)
    return replace(free, layout=replace(free.layout, bound=3.0), evaluation=evaluation)


def states_of(task, state) -> tuple[np.ndarray, Region]:
    region = visited.region_of(task, state.constants, state.visited)
    assert region is not None
    return np.asarray(task.layout.unflatten(task.strategy.mean(state.strategy), region).states), region


def test_a_search_that_was_interrupted_measures_the_same_as_one_that_was_not():
    task, mesh = bounded(), make_mesh(1)
    states = {0: init_state(task, jnp.zeros(task.layout.size))}
    step = GenerationStep(task, mesh, 8)
    for generation in range(12):
        states[generation + 1], _ = step(states[generation])
    assert not np.array_equal(states[10].visited.mean, states[11].visited.mean), "due before the generation after 10"
    assert np.array_equal(states[9].visited.mean, states[10].visited.mean)
    again, _ = GenerationStep(task, mesh, 8)(jax.device_get(states[10]))
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(states[11]), strict=True):
        assert np.array_equal(a, b, equal_nan=True)
    pairs, region = states_of(task, states[12])
    assert np.all(np.abs(pairs - region.mean) <= 3.0 * region.std * (1 + 1e-6))


def test_constants_are_what_policies_visit_at_first_and_later_go_there_by_degrees():
    mesh = make_mesh(1)
    for method in ("hades-r", "es"):
        task = replace(problem(Counter(7), pairs=2), remeasure=True)
        task = replace(task, evaluation=replace(task.evaluation, normalisation="fixed", steps=12))
        if method == "es":
            flat, unflatten = ravel_pytree(policies.init(task.policy, jax.random.key(0), (2,)))
            strategy = open_es(16, flat.size, lambda _: 0.1, 0.05, 0.9, "ranks")
            task = replace(task, layout=None, training=None, unflatten=unflatten, strategy=strategy, inits=1)
        else:
            flat = jnp.zeros(task.layout.size)
        state, step = init_state(task, flat), GenerationStep(task, mesh, 8)
        random = jax.device_get(state.constants)
        for _ in range(11):
            before, state = state, step(state)[0]
        assert np.array_equal(before.constants.mean, random.mean), method
        assert not np.array_equal(state.constants.mean, random.mean), "due before the generation after 10"
        follows = normalise.usable(jax.tree.map(jnp.asarray, jax.device_get(state.visited)))
        assert np.array_equal(state.constants.variance, follows.variance), method
        late, _ = step(state._replace(generation=jnp.int32(320)))
        goal = normalise.usable(jax.tree.map(jnp.asarray, jax.device_get(late.visited)))
        assert not np.array_equal(goal.mean, follows.mean), "due again"
        for was, now, there in zip(follows[:2], late.constants[:2], goal[:2], strict=True):
            assert np.allclose(now, was + (there - was) * 2 / (321 + 1), rtol=1e-5), method

        def further(generation, state, task=task):
            state = state._replace(generation=generation)
            return state._replace(constants=visited.followed(task, state))

        late = jax.lax.fori_loop(322, 4000, further, late)
        assert np.allclose(late.constants.variance, goal.variance, rtol=1e-2), method
        again, _ = GenerationStep(task, mesh, 8)(jax.device_get(before))
        for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
            assert np.array_equal(a, b, equal_nan=True), method


def test_in_normalised_units_the_bound_is_in_those_units():
    for normalisation, known in (("running", True), ("fixed", False)):
        task = bounded(normalisation)
        state = init_state(task, jnp.full(task.layout.size, 1e3))
        assert (state.visited is None) == known
        pairs, region = states_of(task, state)
        # At the start a random policy's states are what both the constants and the region are measured from.
        assert np.allclose(region.mean, 0.0, atol=1e-5)
        assert np.allclose(region.std, 1.0, rtol=1e-3)
        assert np.allclose(pairs, 3.0, rtol=1e-2)


def test_without_a_bound_nothing_is_measured_and_the_state_has_the_leaves_that_it_had():
    free = problem(Counter(7), pairs=2)
    state = init_state(free, jnp.zeros(free.layout.size))
    assert state.visited is None
    assert len(jax.tree.leaves(state)) == len(jax.tree.leaves((state.strategy, state.generation, state.constants)))
    assert normalise.unit((2,)).mean.shape == state.constants.mean.shape
