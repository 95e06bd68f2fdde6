"""Pairs that say what an evolved policy does: where a search for pairs begins in a fork of direct neuroevolution.

Direct neuroevolution finds behaviour that a search among pairs does not get to by itself (docs/results.md,
humanoidstandup). Pairs of it need no search: of states that the policy visits, with what it does there, a handful that
is drawn at random trains fresh policies to much of its return. Draws differ, so as many are made as the search has
candidates, and they are compared as candidates are.
"""

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
from hadesd.distill.problem import POLICY_PAIRS_STREAM, START_STREAM, EvolutionState, Problem, generation_key
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import AXIS, map_over_mesh

ENVIRONMENTS = 32
"""In which the policy acts, side by side."""

STATES = 4096
"""That are kept of those which it visits, at least; from all steps equally many."""


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
    key_act, key_draw, key_init, key_evaluate = jax.random.split(root, 4)
    params = before.unflatten(jnp.asarray(mean_of(before, state)))
    act = jax.jit(visits, static_argnums=(0, 1, 5))
    observations, heads = act(before.env, before.policy, params, state.constants, key_act, before.evaluation)
    seen = normalise.update(normalise.unit(after.env.observation), observations)
    fixed = after.evaluation.normalisation == "fixed"
    constants = normalise.usable(seen) if fixed else normalise.unit(after.env.observation)
    measured = seen if visited.is_measured(after) else None
    if after.evaluation.normalisation != "none":
        observations = normalise.apply(normalise.usable(seen), observations)
    region = visited.region_of(after, constants, measured)
    drawn = draws(after.layout, np.asarray(observations), np.asarray(heads), region, key_draw, after.population)

    def started(mean: jax.Array) -> EvolutionState:
        key_start, _ = jax.random.split(generation_key(after.seed, START_STREAM))
        return EvolutionState(
            strategy=after.strategy.init(key_start, mean),
            generation=jnp.int32(state.generation),
            constants=constants,
            visited=measured,
            averaged=mean if after.averaging else None,
        )

    fitness = _fitness(after, mesh, chunk, started(jnp.asarray(drawn[0])), drawn, key_init, key_evaluate)
    best = int(np.argmax(np.where(np.isfinite(fitness), fitness, -np.inf)))
    return jax.device_get(started(jnp.asarray(drawn[best])))


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
    statistics = constants if setting.normalisation == "fixed" else normalise.unit(env.observation)
    kept = min(ENVIRONMENTS, -(-STATES // setting.steps))

    def step(carry: tuple, t: jax.Array) -> tuple[tuple, tuple[jax.Array, jax.Array]]:  # type: ignore[type-arg]
        states, observations, statistics = carry
        key_action, key_env, key_keep = jax.random.split(jax.random.fold_in(key_steps, t), 3)
        if setting.normalisation == "running":
            statistics = normalise.update(statistics, observations)
        seen = observations if setting.normalisation == "none" else normalise.apply(statistics, observations)
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


def _fitness(
    problem: Problem,
    mesh: Mesh,
    chunk: int,
    state: EvolutionState,
    drawn: np.ndarray,
    key_init: jax.Array,
    key_evaluate: jax.Array,
) -> np.ndarray:
    """Fitness float32 [count] of each draw float32 [count, dim], all on the same initialisations and environments."""
    chunk = min(chunk, -(-len(drawn) // mesh.shape[AXIS]))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def evaluate(state: EvolutionState, task_data: object, drawn: jax.Array) -> jax.Array:
        shared = draw_shared_inputs(problem, state, task_data, key_init, key_evaluate)  # type: ignore[arg-type]
        return map_over_mesh(mesh, chunk, lambda s, one: evaluate_candidate(problem, s, one).fitness, shared, drawn)

    program = jax.jit(evaluate, in_shardings=everywhere, out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)))
    inputs = jax.device_put((jax.device_get(state), problem.task_data, drawn), everywhere)
    return np.asarray(jax.device_get(program(*inputs)))[: len(drawn)]
