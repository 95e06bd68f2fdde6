"""The interface of an evolution strategy: init, ask, tell, mean.

Here everything maximises; evosax minimises, so fitness changes its sign in this file and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

State = Any


@dataclass(frozen=True)
class Strategy:
    """An evosax algorithm with its parameters.

    worst_for_nan: replace NaN by the worst finite fitness before the algorithm sees it; for algorithms whose own
        shaping does not deal with NaN.
    """

    algorithm: Any
    params: Any
    worst_for_nan: bool = False

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        """State around a mean float32 [dim]."""
        return strong(self.algorithm.init(key, mean, self.params))

    def ask(self, key: jax.Array, state: State) -> tuple[jax.Array, State]:
        """Population float32 [P, dim] and the state."""
        population, state = self.algorithm.ask(key, state, self.params)
        return population, state

    def tell(self, key: jax.Array, population: jax.Array, fitness: jax.Array, state: State) -> State:
        """The state after seeing fitness float32 [P] (higher is better; NaN ranks worst)."""
        cost = -fitness
        if self.worst_for_nan:
            cost = worst_for_nan(cost)
        after, _ = self.algorithm.tell(key, population, cost, state, self.params)
        after = jax.tree.map(lambda new, old: new.astype(old.dtype), strong(after), state)
        return self._learned(fitness, state, after)

    def _learned(self, fitness: jax.Array, before: State, after: State) -> State:
        """`after`, where a generation has taught something; after one of nothing but NaN the state before."""
        return where(jnp.any(jnp.isfinite(fitness)), after, before)

    def widened(self, state: State) -> State:
        """The state with the least standard deviation that the settings allow it; the same where they set none."""
        return state

    def mean(self, state: State) -> jax.Array:
        """float32 [dim]: what is exported."""
        return state.mean

    def best_fitness(self, state: State) -> jax.Array:
        """Fitness of the best candidate so far, float32 []; -inf before the first."""
        return -state.best_fitness

    def sigma(self, state: State, population: jax.Array) -> jax.Array:
        """Mean standard deviation of the search, float32 []; that of the population where the state has none."""
        std = getattr(state, "std", None)
        return jnp.mean(jnp.std(population, axis=0) if std is None else std)


def exponential(start: float, decay: float, floor: float) -> Callable[[Any], Any]:
    """Schedule: generation -> max(floor, start * decay ** generation)."""
    return lambda generation: jnp.maximum(floor, start * decay**generation)


def worst_for_nan(cost: jax.Array) -> jax.Array:
    """NaN (in evosax's minimised fitness) becomes the worst finite value; all NaN: zeros."""
    finite = jnp.isfinite(cost)
    worst = jnp.max(jnp.where(finite, cost, -jnp.inf))
    return jnp.where(finite, cost, jnp.where(jnp.any(finite), worst, 0.0))


def where(condition: jax.Array, yes: State, no: State) -> State:
    """One state or the other, whole."""
    return jax.tree.map(lambda this, that: jnp.where(condition, this, that), yes, no)


def strong(tree: State) -> State:
    """The same arrays without weak types: a state that came from a checkpoint must not compile anew."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.asarray(leaf).dtype), tree)
