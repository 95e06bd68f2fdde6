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

from hadesd.distill import cloning, images, normalise, policies, rollout
from hadesd.distill.dataset import Layout
from hadesd.distill.environments.base import Environment
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import CNN, MLP, Params, Policy, Switched
from hadesd.distill.rollout import Evaluation, Outcome
from hadesd.distill.sharding import AXIS, map_over_mesh, trim
from hadesd.distill.strategies import Strategy

CONSTANTS_STREAM = 2**32 - 1
START_STREAM = 2**32 - 2
"""Generations that no run reaches: their keys serve what is drawn once a run."""

MEAN_CHUNK = 8
"""Fresh policies that evaluate_mean trains and rolls out side by side on a device."""

MEAN_STREAM = 2**32 - 3
"""Folded into a generation's key: the random numbers of the mean dataset's own evaluation."""


class Givens(NamedTuple):
    """Arrays that never change. The compiled programs get them as arguments, so that they are no constants in them.

    fixed_init: the one initialisation of HaDES-F, stacked [1, ...]; None: k fresh ones every generation.
    train, test: the real images of supervised distillation.
    """

    fixed_init: Params | None = None
    train: LabelledImages | None = None
    test: LabelledImages | None = None


class Variation(NamedTuple):
    """How the k policies that judge a candidate differ beyond their initialisation.

    rate_factor: float32 [k], factors on the learning rate of the cloning. activation: int32 [k], index into
    ACTIVATIONS.
    """

    rate_factor: jax.Array
    activation: jax.Array


@dataclass(frozen=True)
class Problem:
    """Everything that does not change from generation to generation.

    layout: None for direct neuroevolution, where a candidate is the policy's flat parameters.
    unflatten: flat vector -> parameters, for direct neuroevolution.
    alternatives: the policy with each of ACTIVATIONS, where `variation` is set.
    mean_inits, mean_groups: fresh initialisations, and groups of E environments for each, of evaluate_mean.
    """

    env: Environment | ImageTask
    policy: MLP | CNN
    evaluation: Evaluation
    strategy: Strategy
    population: int
    inits: int
    seed: int
    layout: Layout | None
    optimizer: optax.GradientTransformation | None
    epochs: int
    givens: Givens
    unflatten: Callable[[jax.Array], Params] | None
    mean_inits: int
    mean_groups: int
    variation: Variation | None = None
    alternatives: tuple[MLP | CNN, ...] = ()


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
    env = problem.env
    if problem.evaluation.normalisation == "fixed" and not isinstance(env, ImageTask):
        measure = jax.jit(lambda key: normalise.measure(env, key))
        constants = measure(generation_key(problem.seed, CONSTANTS_STREAM))
    else:
        constants = normalise.unit(env.observation)
    return EvolutionState(
        strategy=problem.strategy.init(key_start, mean),
        generation=jnp.int32(0),
        constants=constants,
    )


class Shared(NamedTuple):
    """What all candidates of a generation have in common: what is compared are the datasets.

    inits: stacked [k, ...], None for direct neuroevolution. data: the real images, None for environments.
    key: of the resets and the action noise.
    """

    inits: Params | None
    constants: Statistics
    data: LabelledImages | None
    key: jax.Array


def evaluate_candidate(problem: Problem, shared: Shared, candidate: jax.Array) -> Outcome:
    """Fitness of one candidate float32 [dim]: clone k policies and judge each."""
    keys = jax.random.split(shared.key, problem.inits)
    if problem.layout is None:
        assert problem.unflatten is not None
        return _judge(problem, problem.policy, shared, problem.unflatten(candidate), keys[0])

    def one(params: Params, key: jax.Array, variation: Variation | None) -> Outcome:
        policy: Policy = problem.policy
        factor = None
        if variation is not None:
            policy, factor = Switched(problem.alternatives, variation.activation), variation.rate_factor
        return _judge(problem, policy, shared, _train(problem, policy, params, candidate, factor), key)

    fitness, episodes, unfinished = jax.vmap(one)(shared.inits, keys, problem.variation)
    return Outcome(jnp.mean(fitness), jnp.sum(episodes), jnp.sum(unfinished))


def _train(
    problem: Problem, policy: Policy, params: Params, candidate: jax.Array, rate_factor: jax.Array | None = None
) -> Params:
    assert problem.layout is not None
    assert problem.optimizer is not None
    states, targets = problem.layout.unflatten(candidate)
    trained, _ = cloning.clone(policy, params, states, targets, problem.optimizer, problem.epochs, rate_factor)
    return trained


def _judge(problem: Problem, policy: Policy, shared: Shared, params: Params, key: jax.Array) -> Outcome:
    """Mean return of a trained policy, or minus the loss of a trained classifier on real images."""
    if shared.data is not None:
        return Outcome(-images.loss(policy, params, shared.data), jnp.int32(0), jnp.int32(0))
    assert not isinstance(problem.env, ImageTask)
    return rollout.evaluate(problem.env, policy, params, shared.constants, key, problem.evaluation)


class Judged(NamedTuple):
    """A population float32 [P, dim] with its outcomes [at least P], and the strategy's state that it came from."""

    population: jax.Array
    outcome: Outcome
    asked: Any


def ask_and_judge(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState, givens: Givens) -> Judged:
    """The first half of a generation: no communication between devices (see map_over_mesh).

    `givens` are problem.givens, handed in as an argument.
    """
    key_ask, key_init, key_evaluate, _ = _keys(problem, state)
    population, asked = problem.strategy.ask(key_ask, state.strategy)
    inits = givens.fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.inits)
    data = None
    if isinstance(problem.env, ImageTask):
        assert givens.train is not None
        data = images.draw_batch(givens.train, problem.env.batch, key_evaluate)

    def judge(shared: Shared, candidate: jax.Array) -> Outcome:
        return evaluate_candidate(problem, shared, candidate)

    shared = Shared(inits, state.constants, data, key_evaluate)
    return Judged(population, map_over_mesh(mesh, chunk, judge, shared, population), asked)


def evaluate_mean(problem: Problem, mesh: Mesh, state: EvolutionState, givens: Givens) -> jax.Array:
    """What the mean dataset, the one that is exported, is worth after a generation.

    float32 [inits, groups], padded on axis 0: returns of fresh policies (HaDES-F: of its one initialisation; direct
    neuroevolution: of the mean policy) on environments of its own, or the accuracy of fresh classifiers on the test
    images.
    """
    root = jax.random.fold_in(generation_key(problem.seed, state.generation), MEAN_STREAM)
    key_init, key_evaluate = jax.random.split(root)
    mean = problem.strategy.mean(state.strategy)
    inits = givens.fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.mean_inits)
    shared = Shared(None, state.constants, None, key_evaluate)

    def one(given: tuple[Shared, jax.Array, LabelledImages | None], item: tuple[Params | None, jax.Array]) -> jax.Array:
        shared, mean, test = given
        params, key = item
        if problem.layout is None:
            assert problem.unflatten is not None
            params = problem.unflatten(mean)
        else:
            params = _train(problem, problem.policy, params, mean)
        if test is not None:
            return images.accuracy(problem.policy, params, test)[None]
        keys = jax.random.split(key, problem.mean_groups)
        return jax.vmap(lambda k: _judge(problem, problem.policy, shared, params, k).fitness)(keys)

    count = 1 if inits is None else jax.tree.leaves(inits)[0].shape[0]
    items = (inits, jax.random.split(key_evaluate, count))
    chunk = min(MEAN_CHUNK, -(-count // mesh.devices.size))
    return map_over_mesh(mesh, chunk, one, (shared, mean, givens.test), items)


def tell(problem: Problem, state: EvolutionState, judged: Judged) -> tuple[EvolutionState, Metrics]:
    """The second half of a generation: the strategy learns from the fitness."""
    *_, key_tell = _keys(problem, state)
    outcome: Outcome = trim(judged.outcome, problem.population)
    fitness = jnp.where(jnp.isfinite(outcome.fitness), outcome.fitness, jnp.nan)
    told = problem.strategy.tell(key_tell, judged.population, fitness, judged.asked)
    after = EvolutionState(strategy=told, generation=state.generation + 1, constants=state.constants)
    return after, _metrics(problem, outcome, fitness, after, state, judged.population)


def generation_step(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> tuple[EvolutionState, Metrics]:
    """Advance by one generation: a pure function of the state."""
    return tell(problem, state, ask_and_judge(problem, mesh, chunk, state, problem.givens))


def _keys(problem: Problem, state: EvolutionState) -> jax.Array:
    return jax.random.split(generation_key(problem.seed, state.generation), 4)


def _metrics(
    problem: Problem,
    outcome: Outcome,
    fitness: jax.Array,
    after: EvolutionState,
    before: EvolutionState,
    population: jax.Array,
) -> Metrics:
    return Metrics(
        fitness_mean=jnp.nanmean(fitness),
        fitness_best=jnp.nanmax(fitness),
        fitness_worst=jnp.nanmin(fitness),
        fitness_std=jnp.nanstd(fitness),
        best_so_far=problem.strategy.best_fitness(after.strategy),
        sigma=problem.strategy.sigma(before.strategy, population),
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
        lambda state, givens: ask_and_judge(problem, mesh, chunk, state, givens),
        in_shardings=everywhere,
        out_shardings=Judged._make((everywhere, shared, everywhere)),
    )
    second = jax.jit(
        lambda state, judged: tell(problem, state, judged), in_shardings=everywhere, out_shardings=everywhere
    )
    givens = jax.device_put(problem.givens, everywhere)

    def step(state: EvolutionState) -> tuple[EvolutionState, Metrics]:
        judged = jax.block_until_ready(first(state, givens))
        return second(state, judged._replace(outcome=jax.device_put(judged.outcome, everywhere)))

    return step


def compile_mean_evaluation(problem: Problem, mesh: Mesh) -> Callable[[EvolutionState], jax.Array]:
    """`evaluate_mean`, jitted for a mesh: state -> float32 [inits, groups], padding cut off."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    program = jax.jit(
        lambda state, givens: evaluate_mean(problem, mesh, state, givens),
        in_shardings=everywhere,
        out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)),
    )
    givens = jax.device_put(problem.givens, everywhere)
    single = problem.layout is None or problem.givens.fixed_init is not None
    count = 1 if single else problem.mean_inits
    return lambda state: jax.device_get(program(state, givens))[:count]
