"""Rollouts with auto-reset, and the fitness that they come to."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hadesd.distill import native_rollout, normalise, policies
from hadesd.distill.environments.base import Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import MLP, Params, Policy
from hadesd.physics.program import EnvironmentProgram


class RolloutResult(NamedTuple):
    """Of one evaluation: mean return float32 [], completed episodes int32 [], environments that completed none."""

    fitness: jax.Array
    episodes: jax.Array
    unfinished: jax.Array


@dataclass(frozen=True)
class Evaluation:
    """E environments x T steps. `normalisation`: running, fixed or none."""

    environments: int
    steps: int
    normalisation: str
    greedy: bool


class _Tally(NamedTuple):
    """Per environment, [E]: return of the running episode, sum over completed ones, their number."""

    running: jax.Array
    completed: jax.Array
    episodes: jax.Array


def evaluate(
    env: Environment,
    policy: Policy,
    params: Params,
    constants: Statistics,
    key: jax.Array,
    setting: Evaluation,
) -> RolloutResult:
    """Mean return of a policy over E environments x T steps.

    Every completed episode counts once. An environment in which none completed counts once with the return
    collected so far: scoring it 0, as the published code did, reads 0 for a game that outlasts T (Freeway).
    `constants` are used where normalisation is fixed; `running` starts from nothing in every evaluation.
    """
    if env.form.program is not None and native_rollout.supports(policy):
        return _evaluate_native(env.form.program, policy, params, constants, key, setting)
    key_reset, key_steps = jax.random.split(key)
    states, first = jax.vmap(env.reset)(jax.random.split(key_reset, setting.environments))
    statistics = constants if setting.normalisation == "fixed" else normalise.unit(env.observation)
    if setting.normalisation == "running":
        statistics = normalise.update(statistics, first)
    zeros = jnp.zeros(setting.environments)

    def step(carry: tuple[Any, ...], t: jax.Array) -> tuple[tuple[Any, ...], None]:
        states, observations, statistics, tally = carry
        key_action, key_env = jax.random.split(jax.random.fold_in(key_steps, t))

        def decide(observation: jax.Array, key: jax.Array, statistics: Statistics = statistics) -> jax.Array:
            seen = observation if setting.normalisation == "none" else normalise.apply(statistics, observation)
            return policies.act(policy, params, seen, key, setting.greedy)

        actions = jax.vmap(decide)(observations, jax.random.split(key_action, setting.environments))
        keys = jax.random.split(key_env, setting.environments)
        states, observations, rewards, done = jax.vmap(env.step)(keys, states, actions)
        if setting.normalisation == "running":
            statistics = normalise.update(statistics, observations)
        total = tally.running + rewards
        tally = _Tally(
            running=jnp.where(done, 0.0, total),
            completed=tally.completed + jnp.where(done, total, 0.0),
            episodes=tally.episodes + done.astype(jnp.int32),
        )
        return (states, observations, statistics, tally), None

    start = (states, first, statistics, _Tally(zeros, zeros, zeros.astype(jnp.int32)))
    (_, _, _, tally), _ = jax.lax.scan(step, start, jnp.arange(setting.steps))
    return _score(tally)


def _evaluate_native(
    program: EnvironmentProgram, policy: MLP, params: Params, constants: Statistics, key: jax.Array, setting: Evaluation
) -> RolloutResult:
    statistics = constants if setting.normalisation == "fixed" else normalise.unit((program.step.observation,))
    if setting.normalisation == "none":
        statistics = normalise.neutral((program.step.observation,))
    counts = native_rollout.evaluate(program, policy, params, statistics.mean, statistics.variance, key, setting)
    return _score(_Tally(counts.running[0], counts.completed[0], counts.episodes[0]))


def _score(tally: _Tally) -> RolloutResult:
    none = tally.episodes == 0
    total = jnp.sum(tally.completed) + jnp.sum(jnp.where(none, tally.running, 0.0))
    unfinished = jnp.sum(none.astype(jnp.int32))
    episodes = jnp.sum(tally.episodes)
    # A NaN anywhere must not hide in an episode that was left out.
    total = jnp.where(jnp.all(jnp.isfinite(tally.running)), total, jnp.nan)
    return RolloutResult(total / (episodes + unfinished).astype(total.dtype), episodes, unfinished)
