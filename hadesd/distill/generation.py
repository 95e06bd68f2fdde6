"""One generation of HaDES: ask, evaluate the population over a device mesh, tell (paper, algorithm 1).

`generation_step` is a pure function of the state. Its random numbers come from
fold_in(root key, generation) and nothing else, so that a run that was interrupted ends like one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill import cloning, normalise, policies, rollout
from hadesd.distill.dataset import Layout
from hadesd.distill.environments.base import Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import MLP, Params
from hadesd.distill.rollout import Evaluation, Outcome
from hadesd.distill.sharding import AXIS, map_over_mesh, trim
from hadesd.distill.strategies import Strategy

CONSTANTS_STREAM = 2**32 - 1
START_STREAM = 2**32 - 2
"""Generations that no run reaches: their keys serve what is drawn once a run."""


@dataclass(frozen=True)
class Problem:
    """Everything that does not change from generation to generation.

    layout: None for direct neuroevolution, where a candidate is the policy's flat parameters.
    fixed_init: the one initialisation of HaDES-F, stacked [1, ...]; None: k fresh ones every generation.
    unflatten: flat vector -> parameters, for direct neuroevolution.
    """

    env: Environment
    policy: MLP
    evaluation: Evaluation
    strategy: Strategy
    population: int
    inits: int
    seed: int
    layout: Layout | None
    optimizer: optax.GradientTransformation | None
    epochs: int
    fixed_init: Params | None
    unflatten: Callable[[jax.Array], Params] | None


class EvolutionState(NamedTuple):
    """What a checkpoint holds.

    strategy: evosax's state, which also holds the best candidate so far and its fitness. generation: int32 [],
    generations done. constants: normalisation of mode "fixed", measured once.
    """

    strategy: Any
    generation: jax.Array
    constants: Statistics


class Metrics(NamedTuple):
    """Of one generation. fitness_*: float32 [], over finite candidates; NaN where there is none."""

    fitness_mean: jax.Array
    fitness_best: jax.Array
    fitness_worst: jax.Array
    fitness_std: jax.Array
    best_so_far: jax.Array
    sigma: jax.Array
    episodes: jax.Array
    unfinished: jax.Array
    nan: jax.Array


def generation_key(seed: int, generation: Any) -> jax.Array:
    """Key of a generation (the first is 0)."""
    return jax.random.fold_in(jax.random.key(seed), generation)


def init_state(problem: Problem, mean: jax.Array) -> EvolutionState:
    """The state before the first generation, around a mean float32 [dim]."""
    key_start, _ = jax.random.split(generation_key(problem.seed, START_STREAM))
    if problem.evaluation.normalisation == "fixed":
        measure = jax.jit(lambda key: normalise.measure(problem.env, key))
        constants = measure(generation_key(problem.seed, CONSTANTS_STREAM))
    else:
        constants = normalise.unit(problem.env.observation)
    return EvolutionState(
        strategy=problem.strategy.init(key_start, mean),
        generation=jnp.int32(0),
        constants=constants,
    )


def evaluate_candidate(
    problem: Problem, inits: Params, constants: Statistics, key: jax.Array, candidate: jax.Array
) -> Outcome:
    """Fitness of one candidate float32 [dim]: clone k policies (inits: stacked [k, ...]) and roll them out."""
    keys = jax.random.split(key, problem.inits)
    if problem.layout is None:
        assert problem.unflatten is not None
        return rollout.evaluate(
            problem.env, problem.policy, problem.unflatten(candidate), constants, keys[0], problem.evaluation
        )
    states, targets = problem.layout.unflatten(candidate)
    optimizer = problem.optimizer
    assert optimizer is not None

    def one(params: Params, key: jax.Array) -> Outcome:
        trained, _ = cloning.clone(problem.policy, params, states, targets, optimizer, problem.epochs)
        return rollout.evaluate(problem.env, problem.policy, trained, constants, key, problem.evaluation)

    fitness, episodes, unfinished = jax.vmap(one)(inits, keys)
    return Outcome(jnp.mean(fitness), jnp.sum(episodes), jnp.sum(unfinished))


class Judged(NamedTuple):
    """A population float32 [P, dim] with its outcomes [at least P], and the strategy's state that it came from."""

    population: jax.Array
    outcome: Outcome
    asked: Any


def ask_and_judge(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState, fixed_init: Params | None) -> Judged:
    """The first half of a generation: no communication between devices (see map_over_mesh).

    `fixed_init` is problem.fixed_init, handed in as an argument so that it is no constant of the program.
    """
    key_ask, key_init, key_evaluate, _ = _keys(problem, state)
    population, asked = problem.strategy.ask(key_ask, state.strategy)
    inits = fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.inits)
    # Initialisations, resets and action noise are common to all candidates: what is compared are the datasets.
    common = (inits, state.constants, key_evaluate)

    def judge(common: tuple[Params, Statistics, jax.Array], candidate: jax.Array) -> Outcome:
        return evaluate_candidate(problem, *common, candidate)

    return Judged(population, map_over_mesh(mesh, chunk, judge, common, population), asked)


def tell(problem: Problem, state: EvolutionState, judged: Judged) -> tuple[EvolutionState, Metrics]:
    """The second half of a generation: the strategy learns from the fitness."""
    *_, key_tell = _keys(problem, state)
    outcome: Outcome = trim(judged.outcome, problem.population)
    fitness = jnp.where(jnp.isfinite(outcome.fitness), outcome.fitness, jnp.nan)
    told = problem.strategy.tell(key_tell, judged.population, fitness, judged.asked)
    after = EvolutionState(strategy=told, generation=state.generation + 1, constants=state.constants)
    return after, _metrics(problem, outcome, fitness, after, state)


def generation_step(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> tuple[EvolutionState, Metrics]:
    """Advance by one generation: a pure function of the state."""
    return tell(problem, state, ask_and_judge(problem, mesh, chunk, state, problem.fixed_init))


def _keys(problem: Problem, state: EvolutionState) -> jax.Array:
    return jax.random.split(generation_key(problem.seed, state.generation), 4)


def _metrics(
    problem: Problem, outcome: Outcome, fitness: jax.Array, after: EvolutionState, before: EvolutionState
) -> Metrics:
    return Metrics(
        fitness_mean=jnp.nanmean(fitness),
        fitness_best=jnp.nanmax(fitness),
        fitness_worst=jnp.nanmin(fitness),
        fitness_std=jnp.nanstd(fitness),
        best_so_far=problem.strategy.best_fitness(after.strategy),
        sigma=problem.strategy.sigma(before.strategy),
        episodes=jnp.sum(outcome.episodes),
        unfinished=jnp.sum(outcome.unfinished),
        nan=jnp.sum(jnp.isnan(fitness)).astype(jnp.int32),
    )


def compile_step(
    problem: Problem, mesh: Mesh, chunk: int
) -> Callable[[EvolutionState], tuple[EvolutionState, Metrics]]:
    """`generation_step`, jitted for a mesh and a chunk. States and metrics are replicated on all devices.

    Two programs, with the host in between: only when every device has judged its share do they communicate.

    Raises (the step): JaxRuntimeError RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
    """
    everywhere = NamedSharding(mesh, PartitionSpec())
    shared = NamedSharding(mesh, PartitionSpec(AXIS))
    first = jax.jit(
        lambda state, fixed_init: ask_and_judge(problem, mesh, chunk, state, fixed_init),
        in_shardings=everywhere,
        out_shardings=Judged._make((everywhere, shared, everywhere)),
    )
    second = jax.jit(
        lambda state, judged: tell(problem, state, judged), in_shardings=everywhere, out_shardings=everywhere
    )
    fixed_init = jax.device_put(problem.fixed_init, everywhere)

    def step(state: EvolutionState) -> tuple[EvolutionState, Metrics]:
        judged = jax.block_until_ready(first(state, fixed_init))
        return second(state, judged._replace(outcome=jax.device_put(judged.outcome, everywhere)))

    return step
