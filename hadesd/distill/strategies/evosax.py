"""The strategies of evosax: any of them by the name of its class, with nothing left to a default (see `defaults`)."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import evosax.algorithms
import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

from hadesd.distill.strategies.base import State, Strategy, strong, where
from hadesd.distill.strategies.defaults import DEFAULTS
from hadesd.distill.strategies.shaping import SHAPINGS, weights_of_ranks

UNKNOWN_COST = 2.0**50
"""Of a member that was never evaluated: worse than any real one. Some of these algorithms compute with it: its square
is still a number, and a mean of it exact."""

RECORDS = ("best_solution", "best_fitness")
"""Fields of a state that are for people, and decide nothing."""

OWN_SHARE = {"iAMaLGaM_Full": 0.5**0.5, "iAMaLGaM_Univariate": 0.5}
"""Class -> the share that `std` has in the first standard deviation, where a matrix C has the rest of it.

The full covariance is C + std^2, the other's deviations are sqrt(C) + std. Later too std is that share of sigma."""

LEAST_STD, MOST_STD = 1e-7, 1e2
"""Bounds of the standard deviation where a strategy takes them, in initial ones. Where many candidates are equally good
it would drift out of all numbers in a run of days."""


def adam(
    learning_rate: float | Callable[[Any], Any], momentum: float, weight_decay: float
) -> optax.GradientTransformation:
    """Adam on the mean, whose length decays on its own (AdamW, Loshchilov and Hutter 2019): mean -= rate decay mean.

    The published Adam: beta2 0.999, eps 1e-8; beta1, `momentum`, is 0.99 there. weight_decay: 0 for none. Adam's steps
    have the length of the rate in every direction, also in those that fitness says nothing about: there the mean walks
    away from zero, until perturbations of size sigma are small beside it.
    """
    return optax.chain(
        optax.scale_by_adam(b1=momentum, b2=0.999, eps=1e-8),
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )


def descent(learning_rate: float | Callable[[Any], Any], weight_decay: float) -> optax.GradientTransformation:
    """Plain steps on the mean, whose length decays likewise."""
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.sgd(learning_rate))


def open_es(
    population: int,
    dim: int,
    sigma: Callable[[Any], Any],
    learning_rate: float | Callable[[Any], Any],
    momentum: float,
    shaping: str,
    weight_decay: float = 0.0,
    sigma_share: float = 0.0,
) -> Strategy:
    """OpenES with antithetic samples and Adam on the mean: the strategy of the HaDES paper's Brax experiments.

    sigma: generation (from 0) -> standard deviation. learning_rate: a constant or a schedule. momentum, weight_decay:
    see `adam`. sigma_share: see `named`.
    """
    return named(
        "Open_ES",
        population,
        dim,
        sigma=float(sigma(0)),
        schedule=sigma,
        optimizer=adam(learning_rate, momentum, weight_decay),
        shaping=shaping,
        parameters={},
        sigma_share=sigma_share,
    )


def snes(
    population: int,
    dim: int,
    sigma: float,
    learning_rate: float | Callable[[Any], Any],
    temperature: float,
    parameters: dict[str, float] | None = None,
    weight_decay: float = 0.0,
) -> Strategy:
    """SNES with the weights that the HaDES authors used for MinAtar.

    weights = softmax(-t * sigmoid(t * (rank / (P - 1) - 0.5))), rank 0 the best, t the temperature (20).
    parameters: evosax's own, e.g. lr_std_init, the learning rate of the standard deviations.
    """
    rank = jnp.arange(population) / (population - 1) - 0.5
    weights = jax.nn.softmax(-temperature * jax.nn.sigmoid(temperature * rank))
    return named(
        "SNES",
        population,
        dim,
        sigma=sigma,
        schedule=None,
        optimizer=descent(learning_rate, weight_decay),
        shaping=None,
        parameters=parameters or {},
        weights=weights,
    )


def named(
    name: str,
    population: int,
    dim: int,
    *,
    sigma: float,
    schedule: Callable[[Any], Any] | None,
    optimizer: optax.GradientTransformation | None,
    shaping: str | None,
    parameters: dict[str, float],
    weights: jax.Array | None = None,
    sigma_share: float = 0.0,
) -> Strategy:
    """An evosax algorithm with our settings where it has a place for them, and DEFAULTS elsewhere.

    name: class in evosax.algorithms. sigma: initial standard deviation; schedule: generation (from 0) -> standard
    deviation, for algorithms that take one. optimizer: of the mean, None where the algorithm has none. shaping: key of
    SHAPINGS, None for the algorithm's own. parameters: fields of its Params, by name. weights: float32 [P], of the
    ranks, best first, in place of the algorithm's own. sigma_share: the least standard deviation of a generation, in
    root mean squares of its mean; for algorithms that take a schedule.
    """
    cls, defaults = getattr(evosax.algorithms, name), DEFAULTS[name]
    options = dict(defaults.options)
    if schedule is not None and "std_schedule" in inspect.signature(cls.__init__).parameters:
        # evosax reads the schedule before it counts the generation, and for the next one: hence the shift.
        own = OWN_SHARE.get(name, 1.0)
        options["std_schedule"] = lambda count: jnp.asarray(own * schedule(count + 1), jnp.float32)
    if optimizer is not None:
        options["optimizer"] = optimizer
    shaping_fn = defaults.shaping if shaping is None else SHAPINGS[shaping]
    options["fitness_shaping_fn"] = shaping_fn
    algorithm = cls(population, jnp.zeros(dim), **options)
    for key, value in defaults.attributes.items():
        setattr(algorithm, key, value)
    params = algorithm.default_params
    given = defaults.params | {
        key: jnp.asarray(value, jnp.asarray(getattr(params, key)).dtype) for key, value in parameters.items()
    }
    if hasattr(params, "std_init"):
        given["std_init"] = jnp.float32(sigma)
    if hasattr(params, "std_max"):
        bounds = {"std_min": jnp.float32(LEAST_STD * sigma), "std_max": jnp.float32(MOST_STD * sigma)}
        given = bounds | given
    if weights is not None:
        given["weights"] = weights
    if name == "LM_MA_ES":
        # A share of the newest step in a memory. The formula, population / (4^i dimensions), is for small populations:
        # above 2 it asks for the root of a negative number.
        given["c_c"] = jnp.minimum(params.c_c, 1.0)
    params = params.replace(**given) if given else params
    if isinstance(algorithm, PopulationBasedAlgorithm):
        return PopulationBased(algorithm, params, worst_for_nan=True, spread=sigma, population=population)
    ranked = shaping_fn in (weights_of_ranks, SHAPINGS["ranks"])
    return DistributionBased(
        algorithm,
        params,
        worst_for_nan=shaping is None and not ranked,
        ranked=ranked,
        start=sigma if schedule is None else schedule(0),
        sigma_share=sigma_share if "std_schedule" in options else 0.0,
    )


@dataclass(frozen=True, kw_only=True)
class DistributionBased(Strategy):
    """An algorithm around a mean, whose first generation already has the standard deviation that was asked for.

    ranked: its shaping sees ranks alone, of which NaN has the last. sigma_share: see `named`. What perturbations of a
    fixed size do to pairs that have grown is mostly chance.
    """

    start: Any
    ranked: bool
    sigma_share: float

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        state = super().init(key, mean)
        name = type(self.algorithm).__name__
        own = OWN_SHARE.get(name, 1.0)
        if hasattr(self.algorithm, "std_schedule"):
            start = jnp.asarray(own * self.start, jnp.float32)
            state = state.replace(std=jnp.broadcast_to(start, jnp.shape(state.std)))
        if name in OWN_SHARE:
            state = state.replace(C=state.std**2 * state.C)
        if name == "xNES":  # evosax has sigma in both, and samples their product
            state = state.replace(B=jnp.eye(mean.size))
        return self.widened(state)

    def widened(self, state: State) -> State:
        """The state with a standard deviation of at least sigma_share root mean squares of its mean."""
        if self.sigma_share == 0.0:
            return state
        least = self.sigma_share * jnp.sqrt(jnp.mean(state.mean**2))
        return state.replace(std=jnp.maximum(state.std, least))

    def sigma(self, state: State, population: jax.Array) -> jax.Array:
        """Mean standard deviation of the search, float32 []: of std and a matrix together where a state has both."""
        name = type(self.algorithm).__name__
        if name == "iAMaLGaM_Full":
            return jnp.mean(jnp.sqrt(state.std**2 + jnp.diag(state.C)))
        if name == "iAMaLGaM_Univariate":
            return jnp.mean(state.std + jnp.sqrt(state.C))
        if name == "xNES":
            return state.std * jnp.exp(jnp.mean(jnp.log(jnp.abs(jnp.diag(state.B)))))
        return super().sigma(state, population)

    def _learned(self, fitness: jax.Array, before: State, after: State) -> State:
        """Nothing but records and counters is new where all candidates are worth the same, or the step is not finite.

        To ranks a candidate of no fitness is worth less than one of any; another shaping gives it the worst fitness.
        Where every candidate solves its task there is no direction to take, but a covariance matrix would shrink in
        every generation until it has no inverse, and take the solution along.
        """
        finite = jnp.isfinite(fitness)
        best = jnp.max(jnp.where(finite, fitness, -jnp.inf))
        differ = jnp.any(finite & (fitness < best))
        if self.ranked:
            differ |= jnp.any(finite) & ~jnp.all(finite)
        kept = where(differ & _stays_finite(before, after), after, before)
        records = {name: getattr(before, name) for name in RECORDS}
        records = where(jnp.any(finite), {name: getattr(after, name) for name in records}, records)
        kept = self.widened(kept)
        return kept.replace(**records, generation_counter=after.generation_counter)


def _stays_finite(before: State, after: State) -> jax.Array:
    """bool []: whether every number of a state is finite that was so before; records do not count.

    All of them, not mean and standard deviation alone: one infinite moment of Adam's stops the mean for good.
    """
    leaves = [jax.tree.leaves(state.replace(**dict.fromkeys(RECORDS))) for state in (before, after)]
    numbers = [(old, new) for old, new in zip(*leaves, strict=True) if jnp.issubdtype(new.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(new) | ~jnp.isfinite(old)) for old, new in numbers]))


@dataclass(frozen=True, kw_only=True)
class PopulationBased(Strategy):
    """A genetic algorithm or swarm: it starts from Gaussian samples around the mean, none of them evaluated yet."""

    spread: float
    population: int

    def init(self, key: jax.Array, mean: jax.Array) -> State:
        key_start, key_init = jax.random.split(key)
        start = mean + self.spread * jax.random.normal(key_start, (self.population, mean.size))
        unknown = jnp.full(self.population, UNKNOWN_COST)
        return strong(self.algorithm.init(key_init, start, unknown, self.params))

    def mean(self, state: State) -> jax.Array:
        """float32 [dim]: the fittest member, as there is no mean that would be a solution."""
        return state.population[jnp.argmin(state.fitness)]
