import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hadesd.distill.dataset import Layout, one_hot_labels

layouts = st.builds(
    Layout,
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


def test_numpy_and_jax_agree():
    layout = Layout(5, (3,), 4, discrete=True, labels="learned")
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
