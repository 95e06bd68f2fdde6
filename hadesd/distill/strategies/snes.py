"""Separable NES (Wierstra et al. 2014), the strategy of the paper's MinAtar experiments."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.distribution_based.snes import SNES

from hadesd.distill.strategies.base import Strategy


def snes(
    population: int,
    dim: int,
    sigma: float,
    learning_rate: float | Callable[[Any], Any],
    temperature: float,
    parameters: dict[str, float] | None = None,
) -> Strategy:
    """SNES with the weights that the HaDES authors used for MinAtar.

    weights = softmax(-t * sigmoid(t * (rank / (P - 1) - 0.5))), rank 0 the best, t the temperature (20).
    parameters: evosax's own, e.g. lr_std_init, the learning rate of the standard deviations.
    """
    algorithm = SNES(population, jnp.zeros(dim), optimizer=optax.sgd(learning_rate))
    rank = jnp.arange(population) / (population - 1) - 0.5
    weights = jax.nn.softmax(-temperature * jax.nn.sigmoid(temperature * rank))
    given = {name: jnp.float32(value) for name, value in (parameters or {}).items()}
    params = algorithm.default_params.replace(std_init=jnp.float32(sigma), weights=weights, **given)
    return Strategy(algorithm, params)
