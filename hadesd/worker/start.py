"""What rank 0 of a group tells the others before the first generation."""

from typing import Any

import jax
import msgspec
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill.problem import EvolutionState


class Header(msgspec.Struct, frozen=True):
    """How environment steps are computed and policies are trained; None: as the settings lead to."""

    physics: str | None
    cloning: str | None


class Start(msgspec.Struct, frozen=True):
    """Where the group begins: after that generation, from the leaves of the state. devices: of a host."""

    generation: int
    chunk: int
    devices: int
    leaves: list[bytes]


def packed(state: EvolutionState) -> list[bytes]:
    """The leaves of a state as bytes."""
    return [np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(jax.device_get(state))]


def unpacked(like: EvolutionState, leaves: list[bytes], mesh: Mesh) -> EvolutionState:
    """The state in those bytes, on every device. like: one with the same leaves, whatever their values."""
    shapes, structure = jax.tree.flatten(jax.device_get(like))
    arrays: list[Any] = [
        np.frombuffer(data, np.asarray(leaf).dtype).reshape(np.shape(leaf))
        for data, leaf in zip(leaves, shapes, strict=True)
    ]
    return jax.device_put(jax.tree.unflatten(structure, arrays), NamedSharding(mesh, PartitionSpec()))
