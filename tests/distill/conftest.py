"""Strict numerics where only our own code computes (Brax and evosax rely on promotion)."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def strict() -> Iterator[None]:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield
