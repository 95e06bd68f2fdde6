"""Any strategy of evosax by the name of its class."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import evosax.algorithms
import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

from hadesd.distill.strategies.base import State, Strategy, strong
from hadesd.distill.strategies.shaping import SHAPINGS

UNKNOWN_COST = 1e6
"""Of a member that was never evaluated: worse than any real one."""


def named(
    name: str,
    population: int,
    dim: int,
    *,
    sigma: float,
    schedule: Callable[[Any], Any],
    optimizer: optax.GradientTransformation | None,
    shaping: str | None,
    parameters: dict[str, float],
) -> Strategy:
    """An evosax algorithm with our settings where it has a place for them, and its own defaults elsewhere.

    name: class in evosax.algorithms. sigma: initial standard deviation; schedule: generation -> standard deviation,
    for algorithms that take one. optimizer: of the mean, None where the algorithm has none. shaping: key of
    SHAPINGS, None for the algorithm's own. parameters: fields of its Params, by name.
    """
    cls = getattr(evosax.algorithms, name)
    accepted = inspect.signature(cls.__init__).parameters
    options: dict[str, Any] = {}
    if "std_schedule" in accepted:
        # evosax reads the schedule before it counts the generation, and for the next one: hence the shift.
        options["std_schedule"] = lambda count: jnp.asarray(schedule(count + 1), jnp.float32)
    if optimizer is not None:
        options["optimizer"] = optimizer
    if shaping is not None:
        options["fitness_shaping_fn"] = SHAPINGS[shaping]
    algorithm = cls(population, jnp.zeros(dim), **options)
    params = algorithm.default_params
    given = {key: jnp.asarray(value, jnp.asarray(getattr(params, key)).dtype) for key, value in parameters.items()}
    if hasattr(params, "std_init"):
        given["std_init"] = jnp.float32(sigma)
    params = params.replace(**given) if given else params
    if isinstance(algorithm, PopulationBasedAlgorithm):
        return PopulationBased(algorithm, params, worst_for_nan=True, spread=sigma, population=population)
    return DistributionBased(algorithm, params, worst_for_nan=shaping is None, start=schedule(0))


@dataclass(frozen=True, kw_only=True)
class DistributionBased(Strategy):
    """An algorithm around a mean, whose first generation already has the standard deviation that was asked for."""

    start: Any

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        state = super().init(key, mean)
        if hasattr(self.algorithm, "std_schedule"):
            state = state.replace(std=jnp.broadcast_to(jnp.asarray(self.start, jnp.float32), jnp.shape(state.std)))
        return state


@dataclass(frozen=True, kw_only=True)
class PopulationBased(Strategy):
    """A genetic algorithm or swarm: it starts from Gaussian samples around the mean, none of them evaluated yet."""

    spread: float
    population: int

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        key_start, key_init = jax.random.split(key)
        start = mean + self.spread * jax.random.normal(key_start, (self.population, mean.size))
        # Finite: some of these algorithms compute with the fitness of the generation before.
        unknown = jnp.full(self.population, UNKNOWN_COST)
        return strong(self.algorithm.init(key_init, start, unknown, self.params))

    def mean(self, state: State) -> jax.Array:
        """float32 [dim]: the fittest member, as there is no mean that would be a solution."""
        return state.population[jnp.argmin(state.fitness)]
