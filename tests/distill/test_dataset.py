from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hadesd.distill.dataset import EDGE, DatasetLayout, Region, one_hot_labels

layouts = st.builds(
    DatasetLayout,
    pairs=st.integers(1, 20),
    observation=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    actions=st.integers(1, 6),
    discrete=st.booleans(),
    labels=st.sampled_from(["fixed", "learned"]),
)


@given(layouts, st.integers(0, 2**32 - 1))
def test_every_entry_of_the_vector_is_used_once_and_targets_are_distributions(layout, seed):
    vector = np.random.default_rng(seed).normal(size=layout.size).astype(np.float32)
    states, targets = layout.unflatten(vector)
    assert states.shape == (layout.pairs, *layout.observation)
    assert targets.shape == (layout.pairs, layout.actions)
    used = states.size + (0 if layout.fixed_labels else targets.size)
    assert used == layout.size
    if layout.discrete:
        assert np.allclose(np.sum(targets, axis=1), 1.0, atol=1e-5)
        assert np.all(targets >= 0)


@given(layouts, st.sampled_from([0.0, 3.0]), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_pairs_are_written_as_the_vector_that_makes_them(layout, bound, frequencies, seed):
    rng = np.random.default_rng(seed)
    few = min(frequencies, *layout.observation[:2]) if len(layout.observation) == 3 else 0
    layout = replace(layout, bound=bound, frequencies=few)
    vector = rng.normal(size=layout.size).astype(np.float32)
    region = Region(*(rng.uniform(1.0, 2.0, layout.observation).astype(np.float32) for _ in range(2)))
    states, targets = layout.unflatten(vector, region)
    rest = None if layout.fixed_labels else np.log(targets) if layout.discrete else targets
    again = layout.unflatten(layout.flatten(states, rest, region), region)
    assert np.allclose(again.states, states, atol=1e-3)
    assert np.allclose(again.targets, targets, atol=1e-5)


def test_a_state_beyond_the_bound_goes_to_its_edge_and_an_entry_that_never_varies_to_its_mean():
    layout = DatasetLayout(1, (3,), 2, discrete=False, labels="fixed", bound=2.0)
    region = Region(np.zeros(3, np.float32), np.array([1.0, 1.0, 0.0], np.float32))
    actions = np.zeros((1, 2), np.float32)
    states, _ = layout.unflatten(layout.flatten(np.array([[50.0, -1.0, 7.0]]), actions, region), region)
    assert np.allclose(states, [[2.0 * EDGE, -1.0, 0.0]], atol=1e-5)


def test_numpy_and_jax_agree():
    layout = DatasetLayout(5, (3,), 4, discrete=True, labels="learned")
    vector = np.linspace(-3, 3, layout.size, dtype=np.float32)
    on_host, on_device = layout.unflatten(vector), layout.unflatten(jnp.asarray(vector))
    assert np.allclose(on_host.targets, on_device.targets, atol=1e-6)
    assert np.array_equal(on_host.states, on_device.states)


@given(st.integers(1, 60), st.integers(1, 8))
def test_fixed_labels_are_spread_evenly_in_action_order(pairs, actions):
    labels = one_hot_labels(pairs, actions)
    counts = labels.sum(0)
    assert counts.sum() == pairs
    assert counts.max() - counts.min() <= 1
    assert list(labels.argmax(1)) == sorted(labels.argmax(1))


@given(layouts, st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_elements_lead_from_a_dataset_to_one_of_its_own_pairs_in_another_order_and_number(layout, picks, seed):
    sources = np.array(picks) % layout.pairs
    vector = np.random.default_rng(seed).normal(size=layout.size).astype(np.float32)
    other = replace(layout, pairs=len(sources))
    states, targets = other.unflatten(vector[layout.source_dimensions(sources)])
    mine = layout.unflatten(vector)
    assert np.array_equal(states, mine.states[sources])
    if not layout.fixed_labels:
        assert np.array_equal(targets, mine.targets[sources])


@given(layouts)
def test_every_entry_belongs_to_the_pair_in_which_a_change_of_it_shows(layout):
    owners = layout.owners
    assert owners.shape == (layout.size,)
    for entry in range(0, layout.size, 7):
        vector = np.zeros(layout.size, np.float32)
        vector[entry] = 1.0
        changed, plain = layout.unflatten(vector), layout.unflatten(np.zeros(layout.size, np.float32))
        differs = [
            pair
            for pair in range(layout.pairs)
            if any(not np.array_equal(a[pair], b[pair]) for a, b in zip(changed, plain, strict=True))
        ]
        single_label = layout.discrete and layout.actions == 1  # its probability is 1 whatever the logit
        assert differs == [owners[entry]] or (single_label and differs == [])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_images_of_few_cosines_are_smooth_and_those_of_all_can_be_any(height, width, channels, seed):
    side = min(height, width)
    random = np.random.default_rng(seed)
    layout = DatasetLayout(2, (height, width, channels), 2, discrete=True, labels="fixed", frequencies=side)
    assert layout.size == len(layout.owners) == 2 * side * side * channels
    vector = random.normal(size=layout.size).astype(np.float32)
    states = layout.unflatten(vector).states
    assert states.shape == (2, height, width, channels)
    np.testing.assert_allclose(states, layout.unflatten(jnp.asarray(vector)).states, atol=1e-4)
    # Cosines with a mean square of 1 over the image are orthonormal in it: the sum's mean square is the coefficients'.
    np.testing.assert_allclose(np.square(states).mean(), np.square(vector).mean() * side**2, rtol=1e-3)
    few = replace(layout, frequencies=1)
    flat = few.unflatten(random.normal(size=few.size).astype(np.float32)).states
    np.testing.assert_allclose(flat, np.broadcast_to(flat[:, :1, :1], flat.shape), atol=1e-6)


def test_pairs_of_cosines_are_reordered_like_others():
    layout = DatasetLayout(3, (6, 5, 2), 2, discrete=False, labels="fixed", frequencies=2)
    vector = np.random.default_rng(0).normal(size=layout.size).astype(np.float32)
    sources = np.array([2, 0, 0, 1])
    other = replace(layout, pairs=4).unflatten(vector[layout.source_dimensions(sources)])
    np.testing.assert_array_equal(other.states, layout.unflatten(vector).states[sources])
    np.testing.assert_array_equal(other.targets, layout.unflatten(vector).targets[sources])
