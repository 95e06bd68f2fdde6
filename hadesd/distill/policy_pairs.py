"""Pairs that say what an evolved policy does: where a search for pairs begins in a fork of direct neuroevolution.

Direct neuroevolution finds behaviour that a search among pairs does not get to by itself (docs/results.md,
humanoidstandup). Pairs of it need no search: of states that the policy visits, with what it does there, a handful that
is drawn at random trains fresh policies to much of its return. Draws differ by much, and a few episodes tell little, so
many race: all are evaluated once, the better ones again and more often.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill import normalise, policies, visited
from hadesd.distill.averaging import mean_of
from hadesd.distill.dataset import DatasetLayout, Region, label_counts
from hadesd.distill.environments.base import Environment
from hadesd.distill.fitness import draw_shared_inputs, evaluate_candidate
from hadesd.distill.images import ImageTask
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Params, Policy
from hadesd.distill.problem import (
    POLICY_PAIRS_STREAM,
    START_STREAM,
    EvolutionState,
    Problem,
    TaskData,
    generation_key,
)
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import AXIS, map_over_mesh

ENVIRONMENTS = 32
"""In which the policy acts, side by side."""

STATES = 4096
"""That are kept of those which it visits, at least; from all steps equally many."""

RACE = ((512, 1), (64, 4), (16, 8))
"""Rounds of the race of draws: how many are in it, and how often each is evaluated, as a candidate is."""

AT_ONCE = 64
"""Draws that are evaluated in one call, at most."""


def begin(before: Problem, after: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> EvolutionState:
    """The state of a search for pairs, in `after`, that goes on from direct neuroevolution, `before`.

    Constants and region are those of the states that the policy visits. The generation stays. numpy leaves in and out.

    Raises:
        JaxRuntimeError: RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
    """
    assert before.unflatten is not None
    assert after.layout is not None
    assert not isinstance(before.env, ImageTask)
    root = jax.random.fold_in(generation_key(after.seed, POLICY_PAIRS_STREAM), int(state.generation))
    key_act, key_draw, key_race = jax.random.split(root, 3)
    params = before.unflatten(jnp.asarray(mean_of(before, state)))
    act = jax.jit(visits, static_argnums=(0, 1, 5))
    observations, heads = act(before.env, before.policy, params, state.constants, key_act, before.evaluation)
    seen = normalise.update(normalise.unit(after.env.observation), observations)
    constants = normalise.starting(after.evaluation.normalisation, normalise.usable(seen), after.env.observation)
    measured = seen if visited.is_measured(after) else None
    observations = normalise.as_seen(after.evaluation.normalisation, normalise.usable(seen), observations)
    region = visited.region_of(after, constants, measured)
    drawn = draws(after.layout, np.asarray(observations), np.asarray(heads), region, key_draw, RACE[0][0])

    def started(mean: jax.Array) -> EvolutionState:
        key_start, _ = jax.random.split(generation_key(after.seed, START_STREAM))
        return EvolutionState(
            strategy=after.strategy.init(key_start, mean),
            generation=jnp.int32(state.generation),
            constants=constants,
            visited=measured,
            averaged=mean if after.averaging else None,
        )

    fitness = _fitness_function(after, mesh, chunk, started(jnp.asarray(drawn[0])))
    best = drawn[race(lambda chosen, key: fitness(drawn[chosen], key), key_race)]
    return jax.device_get(started(jnp.asarray(best)))


def visits(
    env: Environment,
    policy: Policy,
    params: Params,
    constants: Statistics,
    key: jax.Array,
    setting: Evaluation,
) -> tuple[jax.Array, jax.Array]:
    """Some of the states that a policy visits while it acts as it is evaluated, and what it says there.

    Observations float32 [N, *obs], in the environment's own units, and heads float32 [N, A]: of continuous actions the
    means before they are clipped, which say how far beyond the limits a policy is, of discrete ones the logits.
    """
    key_reset, key_steps = jax.random.split(key)
    states, observations = jax.vmap(env.reset)(jax.random.split(key_reset, ENVIRONMENTS))
    statistics = normalise.starting(setting.normalisation, constants, env.observation)
    kept = min(ENVIRONMENTS, -(-STATES // setting.steps))

    def step(carry: tuple, t: jax.Array) -> tuple[tuple, tuple[jax.Array, jax.Array]]:  # type: ignore[type-arg]
        states, observations, statistics = carry
        key_action, key_env, key_keep = jax.random.split(jax.random.fold_in(key_steps, t), 3)
        if setting.normalisation == "running":
            statistics = normalise.update(statistics, observations)
        seen = normalise.as_seen(setting.normalisation, statistics, observations)
        heads, _ = jax.vmap(lambda one: policy.apply(params, one))(seen)
        keys = jax.random.split(key_action, ENVIRONMENTS)
        actions = jax.vmap(
            lambda one, key: policies.act(policy, params, one, key, setting.greedy, setting.temperature)
        )(seen, keys)
        keep = jax.random.permutation(key_keep, ENVIRONMENTS)[:kept]
        found = observations[keep], heads[keep]
        keys = jax.random.split(key_env, ENVIRONMENTS)
        states, observations, _, _ = jax.vmap(env.step)(keys, states, actions)
        return (states, observations, statistics), found

    _, (seen, heads) = jax.lax.scan(step, (states, observations, statistics), jnp.arange(setting.steps))
    return seen.reshape(-1, *env.observation), heads.reshape(-1, heads.shape[-1])


def draws(
    layout: DatasetLayout,
    states: np.ndarray,
    heads: np.ndarray,
    region: Region | None,
    key: jax.Array,
    count: int,
) -> np.ndarray:
    """Datasets of states drawn without replacement, with what the policy says there: float32 [count, layout.size].

    states: float32 [N, *obs], in the pairs' units; more pairs than states repeat them. heads: float32 [N, A]. With
    fixed labels, each action's states are those in which the policy takes it, and where it takes it too seldom those in
    which it comes nearest to that.
    """
    groups: list[tuple[np.ndarray, int]] = [(np.zeros(len(states), np.float32), layout.pairs)]
    if layout.fixed_labels:
        behind, counts = heads.max(axis=1, keepdims=True) - heads, label_counts(layout.pairs, layout.actions)
        groups = [(behind[:, action], number) for action, number in enumerate(counts)]
    order = np.asarray(jax.random.uniform(key, (count, len(states))))
    out = []
    for scores in order:
        chosen = np.concatenate([np.resize(np.lexsort((scores, distance)), number) for distance, number in groups])
        rest = None if layout.fixed_labels else heads[chosen]
        out.append(layout.flatten(states[chosen], rest, region))
    return np.stack(out)


def race(fitness: Callable[[np.ndarray, jax.Array], np.ndarray], key: jax.Array) -> int:
    """Which of the draws is best, after the rounds of RACE; each round is decided by its own evaluations alone.

    fitness: numbers of draws int [n] and a key -> fitness float32 [n], NaN or infinite where there is none.
    """
    alive = np.arange(RACE[0][0])
    for number, (count, times) in enumerate(RACE):
        alive = alive[:count]
        keys = jax.random.split(jax.random.fold_in(key, number), times)
        found = np.stack([fitness(alive, one) for one in keys])
        mean = np.where(np.isfinite(found), found, -np.inf).mean(axis=0)
        alive = alive[np.argsort(-mean, kind="stable")]
    return int(alive[0])


def _fitness_function(
    problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> Callable[[np.ndarray, jax.Array], np.ndarray]:
    """(datasets float32 [n, dim], key) -> fitness float32 [n]: on what a generation with that key draws for all.

    One program for all n, which takes AT_ONCE at a time. A key for each dataset would need fewer programs, but then the
    initialisations are drawn for many at once inside the map: jaxlib's QR of a batch waits there for threads of the
    pool that it holds up itself, for ever.
    """
    at_once = min(problem.population, AT_ONCE)
    chunk = min(chunk, -(-at_once // mesh.shape[AXIS]))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def evaluate(state: EvolutionState, task_data: TaskData, drawn: jax.Array, key: jax.Array) -> jax.Array:
        shared = draw_shared_inputs(problem, state, task_data, *jax.random.split(key))
        return map_over_mesh(mesh, chunk, lambda s, one: evaluate_candidate(problem, s, one).fitness, shared, drawn)

    program = jax.jit(evaluate, in_shardings=everywhere, out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)))
    common = jax.device_put((jax.device_get(state), problem.task_data), everywhere)

    def fitness(drawn: np.ndarray, key: jax.Array) -> np.ndarray:
        found = []
        for start in range(0, len(drawn), at_once):
            places = np.minimum(np.arange(start, start + at_once), len(drawn) - 1)  # beyond the end the last one again
            items = jax.device_put((drawn[places], key), everywhere)
            found.append(np.asarray(jax.device_get(program(*common, *items)))[:at_once])
        return np.concatenate(found)[: len(drawn)]

    return fitness
