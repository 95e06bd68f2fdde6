"""Brax's training code, imported without what it says to its developers, and fitted to the jax that is installed."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

with (
    contextlib.redirect_stdout(io.StringIO()),  # "Failed to import warp", which is optional
    contextlib.redirect_stderr(io.StringIO()),
    warnings.catch_warnings(),
):
    warnings.simplefilter("ignore")  # brax 0.14.2 imports jaxopt, which is no longer maintained
    from brax import envs
    from brax.training import distribution, networks
    from brax.training.agents.ppo import networks as ppo_networks
    from brax.training.agents.ppo import train as ppo

__all__ = ["distribution", "envs", "networks", "ppo", "ppo_networks", "with_replication"]

REMOVED = "device_put_replicated"


@contextlib.contextmanager
def with_replication() -> Iterator[None]:
    """Give jax back, for a while, the function that brax 0.14.2 calls and jax 0.10 removed.

    https://github.com/google/brax/issues/671; the replacement is the one of jax's own guide to the new pmap.
    Does nothing with a jax that still has it, and nothing bad with a Brax that no longer needs it.
    """
    if hasattr(jax, REMOVED):
        yield
        return
    setattr(jax, REMOVED, _device_put_replicated)
    try:
        yield
    finally:
        delattr(jax, REMOVED)


def _device_put_replicated(tree: Any, devices: Sequence[jax.Device]) -> Any:
    """Every leaf stacked once per device, [devices, ...], each device holding its own copy."""
    sharding = NamedSharding(Mesh(np.array(devices), ("copies",)), PartitionSpec("copies"))
    return jax.tree.map(lambda leaf: jax.device_put(jnp.stack([leaf] * len(devices)), sharding), tree)
