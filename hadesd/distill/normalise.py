"""Observation normalisation: none, fixed constants, or statistics that each evaluation keeps itself."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from hadesd.distill import native_rollout
from hadesd.distill.environments.base import Environment
from hadesd.physics.program import EnvironmentProgram

EPSILON = 1e-8
INITIAL_COUNT = 1e-4
UNSEEN_VARIANCE = 1e-6

MEASURE_ENVIRONMENTS = 16
MEASURE_STEPS = 512


class Statistics(NamedTuple):
    """Running mean and (population) variance of observations; sample_count: how many, from 1e-4, float32 []."""

    mean: jax.Array
    variance: jax.Array
    sample_count: jax.Array


def unit(observation: tuple[int, ...]) -> Statistics:
    """Before anything was seen: mean 0, variance 1, count 1e-4 (as published)."""
    return Statistics(jnp.zeros(observation), jnp.ones(observation), jnp.float32(INITIAL_COUNT))


def neutral(observation: tuple[int, ...]) -> Statistics:
    """Constants with which `apply` changes nothing."""
    return unit(observation)._replace(variance=jnp.full(observation, 1.0 - EPSILON))


def update(statistics: Statistics, batch: jax.Array) -> Statistics:
    """Merge a batch of observations [E, *obs] (Chan et al. 1979, parallel variance)."""
    added = jnp.float32(batch.shape[0])
    total = statistics.sample_count + added
    delta = jnp.mean(batch, axis=0) - statistics.mean
    spread = (
        statistics.variance * statistics.sample_count
        + jnp.var(batch, axis=0) * added
        + jnp.square(delta) * statistics.sample_count * added / total
    )
    return Statistics(statistics.mean + delta * added / total, spread / total, total)


def apply(statistics: Statistics, observation: jax.Array) -> jax.Array:
    """(observation - mean) / sqrt(variance + 1e-8)."""
    return (observation - statistics.mean) / jnp.sqrt(statistics.variance + EPSILON)


def starting(mode: str, constants: Statistics, observation: tuple[int, ...]) -> Statistics:
    """What an evaluation begins with, by its `evaluation.normalisation`: the constants, or nothing seen yet."""
    return constants if mode == "fixed" else unit(observation)


def as_seen(mode: str, statistics: Statistics, observation: jax.Array) -> jax.Array:
    """Observations float32 [..., *obs] as a policy sees them, by `evaluation.normalisation`."""
    return observation if mode == "none" else apply(statistics, observation)


def measure(env: Environment, key: jax.Array) -> Statistics:
    """Constants for fixed normalisation: what a random policy sees.

    An entry that never varied gets variance 1: with its own (zero) it would explode by 10^4 the first time
    that it does vary.
    """
    return usable(observe(env, key))


def observe(env: Environment, key: jax.Array) -> Statistics:
    """Mean and variance over a random policy's observations: 16 environments, 512 steps, uniform actions."""
    if env.form.program is not None:
        return _observe_native(env, env.form.program, key)
    key_reset, key_steps = jax.random.split(key)
    states, first = jax.vmap(env.reset)(jax.random.split(key_reset, MEASURE_ENVIRONMENTS))

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:  # type: ignore[type-arg]
        states, statistics = carry
        key_action, key_env = jax.random.split(key)
        if env.discrete:
            actions = jax.random.randint(key_action, (MEASURE_ENVIRONMENTS,), 0, env.actions)
        else:
            actions = jax.random.uniform(key_action, (MEASURE_ENVIRONMENTS, env.actions), minval=-1.0, maxval=1.0)
        keys = jax.random.split(key_env, MEASURE_ENVIRONMENTS)
        states, observations, _, _ = jax.vmap(env.step)(keys, states, actions)
        return (states, update(statistics, observations)), None

    start = (states, update(unit(env.observation), first))
    (_, found), _ = jax.lax.scan(step, start, jax.random.split(key_steps, MEASURE_STEPS))
    return found


def usable(found: Statistics) -> Statistics:
    """The same with variance 1 where it is (almost) 0."""
    return found._replace(variance=jnp.where(found.variance < UNSEEN_VARIANCE, 1.0, found.variance))


def _observe_native(env: Environment, program: EnvironmentProgram, key: jax.Array) -> Statistics:
    """The same environments, actions and observations, in machine code."""
    key_reset, key_steps = jax.random.split(key)
    pairs = jax.vmap(jax.random.split)(jax.random.split(key_steps, MEASURE_STEPS))
    if env.discrete:
        draw = lambda k: jax.random.randint(k, (MEASURE_ENVIRONMENTS, 1), 0, env.actions).astype(jnp.float32)  # noqa: E731
    else:
        draw = lambda k: jax.random.uniform(k, (MEASURE_ENVIRONMENTS, env.actions), minval=-1.0, maxval=1.0)  # noqa: E731
    actions = jax.vmap(draw)(pairs[:, 0]).transpose(1, 0, 2)
    start = unit(env.observation)
    counts = native_rollout.take_actions(
        program,
        jax.random.split(key_reset, MEASURE_ENVIRONMENTS),
        actions,
        lambda: jax.vmap(lambda k: jax.random.split(k, MEASURE_ENVIRONMENTS))(pairs[:, 1]).T,
        start.mean,
        start.variance,
    )
    shape = env.observation
    return Statistics(counts.mean[0].reshape(shape), counts.variance[0].reshape(shape), counts.sample_count[0])
