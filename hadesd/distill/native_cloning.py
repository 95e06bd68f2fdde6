"""Behaviour cloning in machine code: `cloning.clone` for dense policies, on CPUs.

Nested `jax.vmap`s, over candidates and over initialisations, arrive as one kernel call over all policies.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.optimizer import ADAM_EPSILON, Optimizer, TrainingSettings
from hadesd.distill.policies import MLP, Params, Policy
from hadesd.native import cloning, kernel, machine_code
from hadesd.native.cloning import CloneSetting, Sharing
from hadesd.native.dense import NetworkShape
from hadesd.native.ir import Module
from hadesd.native.products import padded


def network_of(policy: MLP, observation: int | tuple[int, ...]) -> NetworkShape:
    """The shape of a policy's network. observation: its number of entries, or its shape."""
    entries = observation if isinstance(observation, int) else math.prod(observation)
    sizes = (entries, *[policy.width] * policy.depth, policy.actions)
    return NetworkShape(sizes, policy.activation, policy.discrete)


def pack(policy: MLP, network: NetworkShape, params: Params) -> jax.Array:
    """A policy's parameters as the kernels have them (hadesd.native.dense): float32 [P]."""
    tree = params["params"]
    parts = []
    for i, layer in enumerate(network.layers):
        dense = tree[f"Dense_{i}"]
        rows = jnp.concatenate([dense["kernel"], dense["bias"][None]])
        rows = rows.T if layer.transposed else rows
        parts.append(jnp.pad(rows, ((0, 0), (0, padded(rows.shape[1]) - rows.shape[1]))).reshape(-1))
    if not policy.discrete:
        parts.append(jnp.pad(tree["log_std"], (0, padded(policy.actions) - policy.actions)))
    return jnp.concatenate(parts)


def unpack(policy: MLP, network: NetworkShape, packed: jax.Array) -> Params:
    """The inverse of `pack`: float32 [..., P] -> a policy's parameters, each [..., *its shape]."""
    lead = packed.shape[:-1]
    tree: dict[str, Params] = {}
    for i, layer in enumerate(network.layers):
        rows = packed[..., layer.offset : layer.offset + layer.parameters].reshape(*lead, layer.shape[0], -1)
        rows = rows[..., : layer.shape[1]]
        rows = rows.swapaxes(-1, -2) if layer.transposed else rows
        tree[f"Dense_{i}"] = {"kernel": rows[..., :-1, :], "bias": rows[..., -1, :]}
    if not policy.discrete:
        tree["log_std"] = packed[..., network.log_std : network.log_std + policy.actions]
    return {"params": tree}


def supported(policy: Policy, training: TrainingSettings) -> TypeGuard[MLP]:
    """Whether such a policy is trained in machine code here, as the settings ask for."""
    optimizer = training.optimizer
    static = isinstance(optimizer, Optimizer) and isinstance(optimizer.learning_rate, float | int)
    return training.native and isinstance(policy, MLP) and static and not machine_code.unavailable()


def clone(
    policy: MLP,
    params: Params,
    pairs: StateActionPairs,
    training: TrainingSettings,
    rate_factor: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> Params:
    """As `cloning.clone`: the trained parameters of one policy. Under `jax.vmap`: of all policies, by one kernel."""
    optimizer, epochs = training.optimizer, training.epochs
    assert isinstance(optimizer, Optimizer), "supported() says so"
    assert isinstance(epochs, int)
    network = network_of(policy, pairs.states.shape[1:])
    setting = CloneSetting(
        network=network,
        pairs=pairs.states.shape[0],
        epochs=epochs,
        adam=optimizer.name == "adam",
        learning_rate=float(optimizer.learning_rate),
        clip_norm=float(optimizer.clip_norm or 0.0),
        epsilon=ADAM_EPSILON,
        weighted=weights is not None,
        weight_decay=float(optimizer.weight_decay),
    )
    operands = [pack(policy, network, params), pairs.states.reshape(-1), pairs.targets.reshape(-1)]
    operands += [] if weights is None else [weights]
    rate = jnp.ones(1) if rate_factor is None else jnp.reshape(rate_factor, 1)
    train = _trainer(setting, (Sharing(),) * len(operands))
    packed = train(rate, *[operand.astype(jnp.float32)[None] for operand in operands])[0]
    return unpack(policy, network, packed)


@functools.cache
def _trainer(setting: CloneSetting, sharing: tuple[Sharing, ...]) -> Callable[..., jax.Array]:
    """(rates [N], operands [*, floats of an entry] ...) -> float32 [N, P], with one more axis under each `jax.vmap`."""

    @custom_vmap
    def train(rates: jax.Array, *operands: jax.Array) -> jax.Array:
        n = rates.shape[0]
        results = [
            jax.ShapeDtypeStruct((n, setting.network.parameters), jnp.float32),
            jax.ShapeDtypeStruct((cloning.scratch_bytes(setting),), jnp.uint8),
        ]
        return kernel.call(_registered(setting, sharing), results, rates, *operands)[0]

    @train.def_vmap
    def over_axis(size: int, batched: Sequence[bool], rates: jax.Array, *operands: jax.Array) -> tuple[Any, bool]:
        n = rates.shape[-1]
        widened = [
            _widen(n, share, operand) if has else (_repeated(share, operand), operand)
            for share, has, operand in zip(sharing, batched[1:], operands, strict=True)
        ]
        wider = _trainer(setting, tuple(share for share, _ in widened))
        params = wider(jnp.broadcast_to(rates, (size, n)).reshape(-1), *(operand for _, operand in widened))
        return params.reshape(size, n, -1), True

    return train


def _repeated(sharing: Sharing, operand: jax.Array) -> Sharing:
    """The sharing of an operand that an outer axis does not have: the same entries again and again."""
    return sharing if sharing.count else Sharing(sharing.repeat, operand.shape[0])


def _widen(n: int, sharing: Sharing, operand: jax.Array) -> tuple[Sharing, jax.Array]:
    """An operand [size, entries, floats] of `size` times n policies, as [*, floats]."""
    entries = operand.shape[1]
    if entries == 1:
        sharing = Sharing(n)
    elif sharing.repeat * entries != n:
        # Its entries come round several times within the n policies, and are others in the next n: write them out.
        operand = operand[:, (jnp.arange(n) // sharing.repeat) % entries]
        sharing = Sharing()
    return Sharing(sharing.repeat), operand.reshape(-1, operand.shape[-1])


@functools.cache
def _registered(setting: CloneSetting, sharing: tuple[Sharing, ...]) -> str:
    """The FFI name of the kernel."""
    module = Module()
    trainer = cloning.trainer(setting)
    entry = cloning.add_kernel(module, setting, trainer.name, sharing)
    return kernel.register(module, entry, 1 + len(sharing), 2, linked=[trainer.body])
