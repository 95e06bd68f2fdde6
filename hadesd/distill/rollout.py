"""Rollouts with auto-reset, and the fitness that they come to."""

from dataclasses import dataclass, replace
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
    """E environments x T steps.

    normalisation: running, fixed or none. measured: the observations' statistics too. temperature: see `policies.act`.
    noise_every: actions' noise is drawn anew every so many steps.
    """

    environments: int
    steps: int
    normalisation: str
    greedy: bool
    measured: bool = False
    temperature: float = 1.0
    noise_every: int = 1


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
    noise: jax.Array | None = None,
) -> RolloutResult:
    """Mean return of a policy over E environments x T steps.

    Every completed episode counts once. An environment in which none completed counts once with the return
    collected so far: scoring it 0, as the published code did, reads 0 for a game that outlasts T (Freeway).
    `constants` are used where normalisation is fixed; `running` starts from nothing in every evaluation.
    noise: float32 [], a factor on the noise of drawn actions (`policies.act`); None: 1.
    """
    if env.form.program is not None and native_rollout.supports(policy):
        return _score(_tally(_native(env.form.program, policy, params, constants, key, setting, noise)))
    return _score(_roll_out(env, policy, params, constants, key, setting, noise)[0])


def visited(
    env: Environment,
    policy: Policy,
    params: Params,
    constants: Statistics,
    key: jax.Array,
    setting: Evaluation,
    noise: jax.Array | None = None,
) -> Statistics:
    """Mean and variance of the observations of such a rollout, in the environment's own units: [*obs]."""
    setting = replace(setting, measured=True)
    if env.form.program is not None and native_rollout.supports(policy):
        counts = _native(env.form.program, policy, params, constants, key, setting, noise)
        shape = env.observation
        return Statistics(counts.mean[0].reshape(shape), counts.variance[0].reshape(shape), counts.sample_count[0])
    found = _roll_out(env, policy, params, constants, key, setting, noise)[1]
    assert found is not None
    return found


def _roll_out(
    env: Environment,
    policy: Policy,
    params: Params,
    constants: Statistics,
    key: jax.Array,
    setting: Evaluation,
    noise: jax.Array | None = None,
) -> tuple[_Tally, Statistics | None]:
    """The rollout as vmapped steps; the observations' statistics where they are measured."""
    key_reset, key_steps = jax.random.split(key)
    states, first = jax.vmap(env.reset)(jax.random.split(key_reset, setting.environments))
    statistics = normalise.starting(setting.normalisation, constants, env.observation)
    if setting.normalisation == "running":
        statistics = normalise.update(statistics, first)
    seen_so_far = normalise.update(normalise.unit(env.observation), first) if setting.measured else None
    zeros = jnp.zeros(setting.environments)

    def step(carry: tuple[Any, ...], t: jax.Array) -> tuple[tuple[Any, ...], None]:
        states, observations, statistics, tally, seen_so_far = carry
        key_action, key_env = jax.random.split(jax.random.fold_in(key_steps, t))
        if setting.noise_every > 1:
            key_action, _ = jax.random.split(jax.random.fold_in(key_steps, t - t % setting.noise_every))

        def decide(observation: jax.Array, key: jax.Array, statistics: Statistics = statistics) -> jax.Array:
            seen = normalise.as_seen(setting.normalisation, statistics, observation)
            return policies.act(policy, params, seen, key, setting.greedy, setting.temperature, noise)

        actions = jax.vmap(decide)(observations, jax.random.split(key_action, setting.environments))
        keys = jax.random.split(key_env, setting.environments)
        states, observations, rewards, done = jax.vmap(env.step)(keys, states, actions)
        if setting.normalisation == "running":
            statistics = normalise.update(statistics, observations)
        if seen_so_far is not None:
            seen_so_far = normalise.update(seen_so_far, observations)
        total = tally.running + rewards
        tally = _Tally(
            running=jnp.where(done, 0.0, total),
            completed=tally.completed + jnp.where(done, total, 0.0),
            episodes=tally.episodes + done.astype(jnp.int32),
        )
        return (states, observations, statistics, tally, seen_so_far), None

    start = (states, first, statistics, _Tally(zeros, zeros, zeros.astype(jnp.int32)), seen_so_far)
    (_, _, _, tally, seen_so_far), _ = jax.lax.scan(step, start, jnp.arange(setting.steps))
    return tally, seen_so_far


def _native(
    program: EnvironmentProgram,
    policy: MLP,
    params: Params,
    constants: Statistics,
    key: jax.Array,
    setting: Evaluation,
    noise: jax.Array | None = None,
) -> native_rollout.Counts:
    """The rollout in machine code."""
    statistics = normalise.starting(setting.normalisation, constants, (program.step.observation,))
    if setting.normalisation == "none":
        statistics = normalise.neutral((program.step.observation,))
    constant = (statistics.mean, statistics.variance)
    return native_rollout.evaluate(program, policy, params, constant, key, setting, noise)


def _tally(counts: native_rollout.Counts) -> _Tally:
    return _Tally(counts.running[0], counts.completed[0], counts.episodes[0])


def _score(tally: _Tally) -> RolloutResult:
    none = tally.episodes == 0
    total = jnp.sum(tally.completed) + jnp.sum(jnp.where(none, tally.running, 0.0))
    unfinished = jnp.sum(none.astype(jnp.int32))
    episodes = jnp.sum(tally.episodes)
    # A NaN anywhere must not hide in an episode that was left out.
    total = jnp.where(jnp.all(jnp.isfinite(tally.running)), total, jnp.nan)
    return RolloutResult(total / (episodes + unfinished).astype(total.dtype), episodes, unfinished)
