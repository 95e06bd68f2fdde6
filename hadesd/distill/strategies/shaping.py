"""Fitness shaping: what a strategy's gradient sees of the fitness."""

from typing import Any

import jax
import jax.numpy as jnp
from evosax.core.fitness_shaping import centered_rank_fitness_shaping_fn

from hadesd.distill.strategies.base import worst_for_nan


def _raw(population: jax.Array, cost: jax.Array, state: Any, params: Any) -> jax.Array:
    return worst_for_nan(cost)


def _zscore(population: jax.Array, cost: jax.Array, state: Any, params: Any) -> jax.Array:
    cost = worst_for_nan(cost)
    return (cost - jnp.mean(cost)) / (jnp.std(cost) + 1e-8)


SHAPINGS: dict[str, Any] = {"raw": _raw, "zscore": _zscore, "ranks": centered_rank_fitness_shaping_fn}
"""raw: as measured (published). zscore: mean 0, variance 1. ranks: evenly spaced in [-0.5, 0.5]."""
