"""The example with images: what its camera sees, and a run whose pairs are few cosines."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill.environments import own

PACKAGE = Path(__file__).parents[2] / "examples/pixels"


@pytest.fixture(scope="module")
def pixels() -> Iterator[Any]:
    """The example's module."""
    sys.path.insert(0, str(PACKAGE))
    try:
        yield importlib.import_module("hades_pixels.cartpole")
    finally:
        sys.path.remove(str(PACKAGE))


@pytest.mark.environment
def test_the_camera_sees_where_the_pole_leans_and_where_it_goes(pixels: Any) -> None:
    env = own.adapt("pixels", pixels.PixelCartPole())
    assert (env.observation, env.discrete, env.actions) == ((32, 32, 3), True, 2)
    state, first = jax.jit(env.reset)(jax.random.key(0))
    assert first.shape == env.observation
    np.testing.assert_array_equal(first[..., 2], 0.0)

    def leaning(theta: float) -> np.ndarray:
        return np.asarray(pixels.draw(state.inner.replace(x=jnp.float32(0.0), theta=jnp.float32(theta))))[..., 0]

    left, upright, right = (leaning(theta) for theta in (-0.2, 0.0, 0.2))
    np.testing.assert_allclose(left, right[:, ::-1], atol=1e-5)
    columns = np.arange(32)
    assert (right.sum(0) * columns).sum() / right.sum() > (upright.sum(0) * columns).sum() / upright.sum() + 0.3
    step = jax.jit(env.step)
    for turn in range(1, 60):
        state, seen, reward, done = step(jax.random.key(turn), state, jnp.int32(1))
        assert float(reward) == 1.0
        if bool(done):
            break
    assert bool(done), "pushed to one side it falls"
    np.testing.assert_array_equal(np.asarray(seen)[..., 2], 0.0, "the next episode begins at rest")
