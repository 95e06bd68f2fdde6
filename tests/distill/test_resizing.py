from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hadesd.distill import cloning, policies
from hadesd.distill.dataset import DatasetLayout, label_counts, one_hot_labels
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import MLP
from hadesd.distill.problem import EvolutionState
from hadesd.distill.resizing import CannotResize, resize_pairs, sources_to_grow, sources_to_keep
from tests.distill.toys import Counter, problem

layouts = st.builds(
    DatasetLayout,
    pairs=st.integers(1, 20),
    observation=st.just((2,)),
    actions=st.integers(1, 6),
    discrete=st.booleans(),
    labels=st.sampled_from(["fixed", "learned"]),
)


def labels_of(layout):
    """The action of each pair where that is fixed, else one group for all."""
    if not layout.fixed_labels:
        return np.zeros(layout.pairs, int)
    return one_hot_labels(layout.pairs, layout.actions).argmax(1)


@given(layouts, st.integers(0, 20))
def test_growing_copies_every_pair_within_its_action_and_as_evenly_as_the_actions_allow(layout, more):
    pairs = layout.pairs + more
    if layout.fixed_labels and layout.pairs < min(pairs, layout.actions):
        with pytest.raises(CannotResize, match="there is none of action"):
            sources_to_grow(layout, pairs)
        return
    sources = sources_to_grow(layout, pairs)
    assert sources.shape == (pairs,)
    before, after = labels_of(layout), labels_of(replace(layout, pairs=pairs))
    assert np.array_equal(before[sources], after)
    times = np.bincount(sources, minlength=layout.pairs)
    assert times.min() >= 1, "no pair is lost"
    for group in np.unique(before):
        assert np.ptp(times[before == group]) <= 1


@given(layouts, st.integers(2, 4))
def test_a_multiple_of_the_pairs_has_every_pair_equally_often(layout, factor):
    if layout.fixed_labels and layout.pairs % layout.actions:
        layout = replace(layout, pairs=layout.pairs * layout.actions)
    times = np.bincount(sources_to_grow(layout, factor * layout.pairs))
    assert times.tolist() == [factor] * layout.pairs


@given(layouts, st.data())
def test_shrinking_never_drops_a_pair_whose_absence_costs_more_than_one_that_it_keeps(layout, data):
    pairs = data.draw(st.integers(1, layout.pairs))
    costs = data.draw(st.lists(st.floats(width=32), min_size=layout.pairs, max_size=layout.pairs).map(np.array))
    kept = sources_to_keep(layout, costs, pairs)
    assert kept.shape == (pairs,)
    assert np.all(np.diff(kept) > 0)
    labels = labels_of(layout)
    assert np.array_equal(labels[kept], labels_of(replace(layout, pairs=pairs)))
    dropped = np.setdiff1d(np.arange(layout.pairs), kept)
    known = np.where(np.isnan(costs), np.inf, costs)
    for action in np.unique(labels):
        mine, gone = known[kept[labels[kept] == action]], known[dropped[labels[dropped] == action]]
        assert not mine.size or not gone.size or mine.min() >= gone.max()


def test_a_cost_that_is_not_known_counts_as_the_highest_and_of_equals_the_first_stay():
    layout = DatasetLayout(5, (1,), 1, discrete=False, labels="learned")
    assert sources_to_keep(layout, np.array([1.0, np.nan, 3.0, 2.0, np.nan]), 2).tolist() == [1, 4]
    assert sources_to_keep(layout, np.zeros(5), 2).tolist() == [0, 1]


@pytest.mark.parametrize("pairs", [0, 5])
def test_what_is_no_shrinking_or_growing_is_refused(pairs):
    layout = DatasetLayout(4, (1,), 2, discrete=True, labels="learned")
    with pytest.raises(ValueError, match="of 4 pairs"):
        sources_to_keep(layout, np.zeros(4), pairs)
    with pytest.raises(ValueError, match="3 pairs are fewer than 4"):
        sources_to_grow(layout, 3)


KINDS = [(True, "fixed"), (True, "learned"), (False, "learned")]


@cache
def loss_of(layout, activation):
    """The policy, and (parameters, pairs) -> loss and gradient: compiled once a shape."""
    policy = MLP(layout.actions, layout.discrete, width=4, depth=1, activation=activation)
    return policy, jax.jit(jax.value_and_grad(lambda p, pairs: policies.log_likelihood(policy, p, *pairs)))


@pytest.mark.parametrize(("discrete", "labels"), KINDS)
@settings(max_examples=30)
@given(
    blocks=st.integers(1, 2),
    actions=st.just(3),
    observation=st.sampled_from([(3,), (2, 2)]),
    activation=st.sampled_from(["tanh", "relu"]),
    scale=st.floats(0.1, 5.0),
    seed=st.integers(0, 2**31 - 1),
)
@pytest.mark.slow
def test_a_doubling_leaves_the_loss_and_its_gradient_equal_for_any_policy(
    discrete, labels, blocks, actions, observation, activation, scale, seed
):
    """In float64: with saturated units float32 rounds by more than any fixed tolerance."""
    layout = DatasetLayout(blocks * actions, observation, actions, discrete, labels)
    twice = replace(layout, pairs=2 * layout.pairs)
    random = np.random.default_rng(seed)
    vector = scale * random.normal(size=layout.size)
    policy, loss = loss_of(layout, activation)
    shapes = jax.eval_shape(lambda: policies.init(policy, jax.random.key(0), observation))
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.asarray(scale * random.normal(size=leaf.shape)), shapes)
        once = loss(params, layout.unflatten(vector))
        grown = vector[layout.source_dimensions(sources_to_grow(layout, twice.pairs))]
        doubled = loss(params, twice.unflatten(grown))
        for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(doubled), strict=True):
            assert a.dtype == jnp.float64
            assert np.allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(jnp.max(jnp.abs(a)))))


@pytest.mark.slow
def test_a_policy_that_is_cloned_from_doubled_pairs_is_the_same_policy():
    layout = DatasetLayout(4, (3,), 2, discrete=True, labels="fixed")
    vector = np.random.default_rng(0).normal(size=layout.size).astype(np.float32)
    policy = MLP(2, True, width=8, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), (3,))
    training = TrainingSettings(Optimizer("adam", 5e-3, 0.5), epochs=50)

    def train(layout, vector):
        return cloning.clone(policy, params, layout.unflatten(jnp.asarray(vector)), training)

    once = train(layout, vector)
    doubled = train(replace(layout, pairs=8), vector[layout.source_dimensions(sources_to_grow(layout, 8))])
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(doubled), strict=True):
        assert np.allclose(a, b, rtol=1e-3, atol=1e-4)


def state_of(old):
    mean = jnp.arange(old.layout.size, dtype=jnp.float32)
    strategy = old.strategy.init(jax.random.key(0), mean)
    constants = {"mean": np.ones(2)}
    return EvolutionState(jax.device_get(strategy), np.int32(7), constants)


def test_generation_and_constants_stay_as_they_are():
    old, new = problem(Counter(3), 4), problem(Counter(3), 8)
    state = state_of(old)
    moved = resize_pairs(old, new, sources_to_grow(old.layout, 8), state)
    assert moved.generation == 7
    assert np.array_equal(moved.constants["mean"], state.constants["mean"])
    assert np.array_equal(moved.strategy.mean, state.strategy.mean[old.layout.source_dimensions(np.arange(8) % 4)])


@pytest.mark.parametrize(
    ("sources", "labels", "text"),
    [
        ([0, 1, 2], "learned", "do not lead"),
        ([3, 2, 1, 0], "learned", "stays where it is"),
        ([0, 2], "fixed", None),
        ([2, 0], "fixed", "its own action"),
    ],
)
def test_sources_that_do_not_fit_the_layouts_are_refused(sources, labels, text):
    old = problem(Counter(3), 4, labels=labels)
    new = problem(Counter(3), 2 if len(sources) == 2 else 4, labels=labels)
    if text is None:
        assert label_counts(4, 2) == [2, 2]
        assert resize_pairs(old, new, np.array(sources), state_of(old)).strategy.mean.size == new.layout.size
        return
    with pytest.raises(ValueError, match=text):
        resize_pairs(old, new, np.array(sources), state_of(old))


def test_direct_neuroevolution_has_no_pairs():
    old = problem(Counter(3), 4)
    with pytest.raises(CannotResize, match="there are no pairs"):
        resize_pairs(replace(old, layout=None), replace(old, layout=None), np.arange(4), state_of(old))
