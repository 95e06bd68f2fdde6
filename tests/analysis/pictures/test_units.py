"""Pairs in natural units."""

from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.pictures.units import Constants, constants_of, in_natural_units
from hadesd.distill import normalise
from hadesd.distill.environments.base import VMAP
from hadesd.spec import environments

ENTRY = environments.find("CartPole-v1")


def dataset(states, **more):
    return DatasetFile(
        Path("x.npz"), np.asarray(states, np.float32), np.eye(2, dtype=np.float32)[[0] * len(states)], **more
    )


@settings(deadline=None)  # the first example compiles
@given(
    hnp.arrays(np.float32, (3, 4), elements=st.floats(-5, 5, width=32)),
    hnp.arrays(np.float32, 4, elements=st.floats(-3, 3, width=32)),
    hnp.arrays(np.float32, 4, elements=st.floats(0.0625, 9, width=32)),
)
def test_natural_units_are_what_the_normalisation_undoes(states, mean, variance):
    pairs = in_natural_units(dataset(states), ENTRY, "fixed", Constants(mean, variance, ""))
    again = normalise.apply(
        normalise.Statistics(jnp.asarray(mean), jnp.asarray(variance), jnp.float32(1)), jnp.asarray(pairs.natural)
    )
    np.testing.assert_allclose(np.asarray(again), states, atol=1e-3)


def test_without_constants_running_pairs_stay_normalised_and_the_caption_says_so():
    pairs = in_natural_units(dataset(np.ones((2, 4))), ENTRY, "running", None)
    assert pairs.natural is None
    assert "normalised units" in pairs.caption


def test_no_normalisation_is_natural_already():
    pairs = in_natural_units(dataset(np.ones((2, 4))), ENTRY, "none", None)
    np.testing.assert_array_equal(pairs.natural, pairs.seen)
    assert "natural" in pairs.caption


def test_entries_that_never_vary_in_the_game_are_known():
    file = dataset(np.ones((1, 4)), obs_mean=np.array([0.0, 0.5, 1.0, 0.0]), obs_var=np.array([1e-11, 1.0, 1.0, 0.2]))
    pairs = in_natural_units(file, ENTRY, "fixed", constants_of(file, (4,)))
    assert pairs.never_varies.tolist() == [True, False, True, False]
    assert "carries" in pairs.caption


def test_entries_that_measuring_found_constant_are_known():
    """In float32 the running mean of a constant 1 ends a little below it."""

    def observation(count):
        return jnp.array([0.0, 1.0, 0.5, 0.0]).at[3].set(count % 2)

    env = SimpleNamespace(
        observation=(4,),
        discrete=True,
        actions=2,
        form=VMAP,
        reset=lambda key: (0, observation(0)),
        step=lambda key, count, action: (count + 1, observation(count), 0.0, False),
    )
    found = normalise.measure(env, jax.random.key(0))
    file = dataset(np.ones((1, 4)), obs_mean=np.asarray(found.mean), obs_var=np.asarray(found.variance))
    pairs = in_natural_units(file, ENTRY, "fixed", constants_of(file, (4,)))
    assert pairs.never_varies.tolist() == [True, True, False, False]
