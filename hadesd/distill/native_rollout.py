"""Rollouts in machine code: `rollout.evaluate` and `normalise.measure` where an environment has a compiled program.

The random numbers are those of the vmapped form, so that both can be compared pair by pair. Nested `jax.vmap`s over
policies arrive as one kernel call over all of them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from hadesd.distill import native_cloning
from hadesd.distill.policies import MLP, Params
from hadesd.native import kernel, rollout
from hadesd.native.dense import NetworkShape
from hadesd.native.ir import Module
from hadesd.native.rollout import RolloutSetting
from hadesd.physics.program import EnvironmentProgram, reset_rows


class Starts(NamedTuple):
    """First states of R episodes, and the random numbers of their steps.

    moving int32 [R, moving], constant int32 [R, constant], observation float32 [R, O]; noise float32 [R, T, rows];
    keys uint32 [R, T, 2], or [R, 1, 2] where steps read none.
    """

    moving: jax.Array
    constant: jax.Array
    observation: jax.Array
    noise: jax.Array
    keys: jax.Array


class Counts(NamedTuple):
    """Of policies [N] in environments [E]: running return, sum over completed episodes, their number; statistics of
    the observations that were seen [N, O] and their number [N], where they are kept."""

    running: jax.Array
    completed: jax.Array
    episodes: jax.Array
    mean: jax.Array
    variance: jax.Array
    sample_count: jax.Array


def supports(policy: Any) -> TypeGuard[MLP]:
    """Whether a policy's forward pass is part of the kernel."""
    return isinstance(policy, MLP)


def starts_of(
    program: EnvironmentProgram, keys: jax.Array, noise: jax.Array, step_keys: Callable[[], jax.Array]
) -> Starts:
    """Reset environments with typed keys [R]. noise [R, T, rows]; step_keys: typed keys [R, T] of the steps."""
    moving, constant, observation = reset_rows(program, jax.random.key_data(keys))
    data = jax.random.key_data(step_keys()) if program.step.keyed else jnp.zeros((keys.shape[0], 1, 2), jnp.uint32)
    return Starts(moving, constant, observation, noise, data)


@functools.cache
def runner(
    program: EnvironmentProgram, network: NetworkShape | None, environments: int, steps: int, running: bool,
    greedy: bool, measured: bool = False,
) -> Callable[[jax.Array, Starts, jax.Array, jax.Array], Counts]:  # fmt: skip
    """(params [N, P], starts, mean [O], variance [O]) -> Counts; policy i has group i mod (R / E) of E starts."""

    @custom_vmap
    def run(params: jax.Array, starts: Starts, mean: jax.Array, variance: jax.Array) -> Counts:
        count = starts.moving.shape[0]
        setting = RolloutSetting(program.step, network, environments, steps, count, running, greedy, measured)
        return _call(program, setting, params, starts, mean, variance)

    @run.def_vmap
    def over_policies(
        size: int, batched: list[Any], params: jax.Array, starts: Starts, mean: jax.Array, variance: jax.Array
    ) -> tuple[Counts, Any]:
        many_params, many_starts, many_means, many_variances = batched
        if many_means or many_variances:
            raise NotImplementedError("observations are normalised by the same constants for all policies")
        count = params.shape[1] if many_params else params.shape[0]
        if any(many_starts):
            starts = _flatten_starts(size, many_starts, starts, count, environments)
        if not many_params:
            params = jnp.broadcast_to(params, (size, *params.shape))
        counts = run(params.reshape(size * count, -1), starts, mean, variance)
        split = Counts(*(leaf.reshape(size, count, *leaf.shape[1:]) for leaf in counts))
        return split, jax.tree.map(lambda _: True, split)

    return run


def _flatten_starts(size: int, batched: Any, starts: Starts, count: int, environments: int) -> Starts:
    """Starts [size, R, ...] as [size * count * E, ...]: a group of E for each of the policies."""

    def flat(leaf: jax.Array, has: bool) -> jax.Array:
        leaf = leaf if has else jnp.broadcast_to(leaf, (size, *leaf.shape))
        groups = leaf.shape[1] // environments
        if groups != count:
            leaf = jnp.tile(leaf, (1, count // groups, *[1] * (leaf.ndim - 2)))
        return leaf.reshape(size * count * environments, *leaf.shape[2:])

    return Starts(*(flat(leaf, has) for leaf, has in zip(starts, batched, strict=True)))


def _call(
    program: EnvironmentProgram, s: RolloutSetting, params: jax.Array, starts: Starts, mean: jax.Array,
    variance: jax.Array,
) -> Counts:  # fmt: skip
    module = Module()
    entry = rollout.add_kernel(module, s)
    name = kernel.register(module, entry, len(rollout.ARGUMENTS), len(rollout.RESULTS), linked=program.objects)
    n, wide = params.shape[0], s.wide
    fill = wide - s.step.observation
    shape = jax.ShapeDtypeStruct
    kept = n if s.observing else 1
    results = [
        *[shape((n, s.environments), jnp.float32)] * 2,
        shape((n, s.environments), jnp.int32),
        *[shape((kept, wide), jnp.float32)] * 2,
        shape((kept,), jnp.float32),
        shape((rollout.memory_bytes(s),), jnp.uint8),
    ]
    *out, _ = kernel.call(
        name,
        results,
        params,
        starts.moving,
        starts.constant,
        starts.observation,
        starts.noise.transpose(1, 2, 0),
        starts.keys.transpose(1, 2, 0),
        jnp.pad(mean.reshape(-1), (0, fill)),
        jnp.pad(variance.reshape(-1), (0, fill), constant_values=1.0),
    )
    counts = Counts(*out)
    return counts._replace(
        mean=jnp.broadcast_to(counts.mean[:, : s.step.observation], (n, s.step.observation)),
        variance=jnp.broadcast_to(counts.variance[:, : s.step.observation], (n, s.step.observation)),
        sample_count=jnp.broadcast_to(counts.sample_count, (n,)),
    )


def evaluate(
    program: EnvironmentProgram, policy: MLP, params: Params, constants: tuple[jax.Array, jax.Array], key: jax.Array,
    setting: Any, factor: jax.Array | None = None,
) -> Counts:  # fmt: skip
    """Roll one policy out in E environments for T steps (rollout.Evaluation): Counts with N = 1.

    constants: mean and variance [O], of fixed normalisation. factor: float32 [], on the noise of drawn actions (None:
    1).
    """
    key_reset, key_steps = jax.random.split(key)
    e = setting.environments
    step_keys = jax.vmap(lambda t: jax.random.split(jax.random.fold_in(key_steps, t)))(jnp.arange(setting.steps))
    if setting.greedy:
        noise = jnp.zeros((e, 1, program.step.actions))
    else:
        draw = jax.random.gumbel if program.step.discrete else jax.random.normal
        lasts = min(setting.noise_every, setting.steps)  # what is repeated beyond the last step would take memory
        keys = jax.vmap(lambda k: jax.random.split(k, e))(step_keys[::lasts, 0])
        noise = jax.vmap(jax.vmap(lambda k: draw(k, (program.step.actions,))))(keys).transpose(1, 0, 2)
        noise = jnp.repeat(noise, lasts, axis=1)[:, : setting.steps]
        if program.step.discrete and setting.temperature != 1.0:
            noise *= setting.temperature
        if factor is not None:
            noise *= factor
    starts = starts_of(
        program,
        jax.random.split(key_reset, e),
        noise,
        lambda: jax.vmap(lambda k: jax.random.split(k, e))(step_keys[:, 1]).T,
    )
    network = native_cloning.network_of(policy, program.step.observation)
    running = setting.normalisation == "running"
    run = runner(program, network, e, setting.steps, running, setting.greedy, setting.measured)
    return run(native_cloning.pack(policy, network, params)[None], starts, *constants)


def take_actions(
    program: EnvironmentProgram, keys: jax.Array, actions: jax.Array, step_keys: Callable[[], jax.Array],
    mean: jax.Array, variance: jax.Array,
) -> Counts:  # fmt: skip
    """Take given actions [E, T, rows] in E environments (typed keys [E]) and keep statistics of all observations."""
    environments, steps = actions.shape[:2]
    run = runner(program, None, environments, steps, True, False)
    return run(jnp.zeros((1, 1)), starts_of(program, keys, actions, step_keys), mean, variance)
