"""Evolution strategies from evosax behind one small interface: init, ask, tell, mean.

All of it maximises; evosax minimises, so fitness changes its sign here and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.distribution_based.open_es import Open_ES
from evosax.algorithms.distribution_based.snes import SNES
from evosax.core.fitness_shaping import centered_rank_fitness_shaping_fn

State = Any


@dataclass(frozen=True)
class Strategy:
    """An evosax algorithm with its parameters."""

    algorithm: Any
    params: Any

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        """State around a mean float32 [dim]."""
        return _strong(self.algorithm.init(key, mean, self.params))

    def ask(self, key: jax.Array, state: State) -> tuple[jax.Array, State]:
        """Population float32 [P, dim] and the state."""
        population, state = self.algorithm.ask(key, state, self.params)
        return population, state

    def tell(self, key: jax.Array, population: jax.Array, fitness: jax.Array, state: State) -> State:
        """The state after seeing fitness float32 [P] (higher is better; NaN ranks worst)."""
        after, _ = self.algorithm.tell(key, population, -fitness, state, self.params)
        return jax.tree.map(lambda new, old: new.astype(old.dtype), _strong(after), state)

    def mean(self, state: State) -> jax.Array:
        """float32 [dim]."""
        return state.mean

    def best_fitness(self, state: State) -> jax.Array:
        """Fitness of the best candidate so far, float32 []; -inf before the first."""
        return -state.best_fitness

    def sigma(self, state: State) -> jax.Array:
        """Mean standard deviation of the search, float32 []."""
        return jnp.mean(state.std)


def open_es(
    population: int,
    dim: int,
    sigma: Callable[[Any], Any],
    learning_rate: float,
    momentum: float,
    shaping: str,
) -> Strategy:
    """OpenES with antithetic samples and Adam (beta2 0.999, eps 1e-8) on the mean (Salimans et al. 2017).

    sigma: generation (from 0) -> standard deviation. evosax reads its schedule before it counts the
    generation, and for the *next* one, hence the shift by one.
    """
    algorithm = Open_ES(
        population,
        jnp.zeros(dim),
        optimizer=optax.adam(learning_rate, b1=momentum, b2=0.999, eps=1e-8),
        std_schedule=lambda count: jnp.asarray(sigma(count + 1), jnp.float32),
        fitness_shaping_fn=SHAPINGS[shaping],
    )
    return _FirstSigma(algorithm, algorithm.default_params, sigma)


@dataclass(frozen=True)
class _FirstSigma(Strategy):
    """OpenES whose generation 0 uses sigma(0)."""

    schedule: Callable[[Any], Any]

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        state = super().init(key, mean)
        return state.replace(std=jnp.asarray(self.schedule(0), jnp.float32))


def snes(population: int, dim: int, sigma: float, learning_rate: float, temperature: float) -> Strategy:
    """Separable NES (Wierstra et al. 2014) with the weights that the HaDES authors used for MinAtar.

    weights = softmax(-t * sigmoid(t * (rank / (P - 1) - 0.5))), rank 0 the best, t the temperature (20).
    """
    algorithm = SNES(population, jnp.zeros(dim), optimizer=optax.sgd(learning_rate))
    rank = jnp.arange(population) / (population - 1) - 0.5
    weights = jax.nn.softmax(-temperature * jax.nn.sigmoid(temperature * rank))
    params = algorithm.default_params.replace(std_init=jnp.float32(sigma), weights=weights)
    return Strategy(algorithm, params)


def exponential_sigma(sigma: float, decay: float, floor: float) -> Callable[[Any], Any]:
    """generation -> max(floor, sigma * decay ** generation)."""
    return lambda generation: jnp.maximum(floor, sigma * decay**generation)


def _worst_for_nan(fitness: jax.Array) -> jax.Array:
    """NaN (in evosax's minimised fitness) becomes the worst finite value; all NaN: zeros."""
    finite = jnp.isfinite(fitness)
    worst = jnp.max(jnp.where(finite, fitness, -jnp.inf))
    return jnp.where(finite, fitness, jnp.where(jnp.any(finite), worst, 0.0))


def _raw(population: jax.Array, fitness: jax.Array, state: State, params: Any) -> jax.Array:
    return _worst_for_nan(fitness)


def _zscore(population: jax.Array, fitness: jax.Array, state: State, params: Any) -> jax.Array:
    fitness = _worst_for_nan(fitness)
    return (fitness - jnp.mean(fitness)) / (jnp.std(fitness) + 1e-8)


SHAPINGS: dict[str, Any] = {"raw": _raw, "zscore": _zscore, "ranks": centered_rank_fitness_shaping_fn}


def _strong(tree: State) -> State:
    """The same arrays without weak types: a state that came from a checkpoint must not compile anew."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.asarray(leaf).dtype), tree)
