"""OpenES (Salimans et al. 2017), the strategy of the paper's Brax experiments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.distribution_based.open_es import Open_ES

from hadesd.distill.strategies.base import State, Strategy
from hadesd.distill.strategies.shaping import SHAPINGS


def open_es(
    population: int,
    dim: int,
    sigma: Callable[[Any], Any],
    learning_rate: float | Callable[[Any], Any],
    momentum: float,
    shaping: str,
) -> Strategy:
    """OpenES with antithetic samples and Adam (beta2 0.999, eps 1e-8) on the mean.

    sigma: generation (from 0) -> standard deviation. evosax reads its schedule before it counts the
    generation, and for the *next* one, hence the shift by one. learning_rate: a constant or a schedule.
    """
    algorithm = Open_ES(
        population,
        jnp.zeros(dim),
        optimizer=optax.adam(learning_rate, b1=momentum, b2=0.999, eps=1e-8),
        std_schedule=lambda count: jnp.asarray(sigma(count + 1), jnp.float32),
        fitness_shaping_fn=SHAPINGS[shaping],
    )
    return _FirstSigma(algorithm, algorithm.default_params, schedule=sigma)


@dataclass(frozen=True, kw_only=True)
class _FirstSigma(Strategy):
    """OpenES whose generation 0 uses sigma(0)."""

    schedule: Callable[[Any], Any]

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        state = super().init(key, mean)
        return state.replace(std=jnp.asarray(self.schedule(0), jnp.float32))
