"""What a strategy sees of the fitness. Costs, as evosax minimises."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.core.fitness_shaping import centered_rank_fitness_shaping_fn

from hadesd.distill.strategies.base import worst_for_nan


def raw(population: jax.Array, cost: jax.Array, state: Any, params: Any) -> jax.Array:
    """float32 [P]: as measured."""
    return worst_for_nan(cost)


def zscore(population: jax.Array, cost: jax.Array, state: Any, params: Any) -> jax.Array:
    """float32 [P]: with mean 0 and variance 1."""
    cost = worst_for_nan(cost)
    return (cost - jnp.mean(cost)) / (jnp.std(cost) + 1e-8)


def weights_of_ranks(population: jax.Array, cost: jax.Array, state: Any, params: Any) -> jax.Array:
    """float32 [P]: the weight of each candidate's rank, equals in an order of no meaning; NaN ranks last.

    evosax gives equals the weight of the middle one of their ranks. Those of many equals do not add up to one then, and
    algorithms that judge their step by its length take ever smaller ones. The order is that of a fixed permutation, as
    samples may come in pairs of both signs.
    """
    count = cost.shape[-1]
    shuffled = jnp.asarray(np.random.default_rng(0).permutation(count))
    order = shuffled[jnp.argsort(jnp.where(jnp.isnan(cost), jnp.inf, cost)[shuffled], stable=True)]
    ranks = jnp.zeros(count, jnp.int32).at[order].set(jnp.arange(count, dtype=jnp.int32))
    return jnp.where(jnp.all(jnp.isnan(cost)), 0.0, params.weights[ranks])


SHAPINGS: dict[str, Any] = {"raw": raw, "zscore": zscore, "ranks": centered_rank_fitness_shaping_fn}
"""Fitness shaping, what a strategy's gradient sees of the fitness.

raw: as measured (published). zscore: mean 0, variance 1. ranks: evenly spaced in [-0.5, 0.5].
"""
