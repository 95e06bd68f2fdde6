"""What rank 0 of a group tells the others before the first generation."""

from typing import Any

import jax
import msgspec
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.compute.execution import Execution
from hadesd.distill.problem import EvolutionState
from hadesd.worker.group import GroupError


class Header(msgspec.Struct, frozen=True):
    """How environment steps are computed and policies are trained; None: as the settings lead to."""

    physics: str | None
    cloning: str | None


class Start(msgspec.Struct, frozen=True):
    """Where the group begins: after that generation, from the leaves of the state.

    execution, versions: how rank 0 computes.
    """

    generation: int
    leaves: list[bytes]
    execution: Execution
    versions: dict[str, str]


def check_alike(begun: Start, execution: Execution, versions: dict[str, str]) -> None:
    """See that this host computes as rank 0 does: each works out the population and its mean for itself.

    execution, versions: of this host.

    Raises:
        GroupError: it does not; how they differ.
    """
    differences = execution.differences(begun.execution)
    names = sorted(begun.versions.keys() | versions.keys())
    pairs = ((name, begun.versions.get(name, "none"), versions.get(name, "none")) for name in names)
    differences += [f"{name} {theirs} -> {ours}" for name, theirs, ours in pairs if theirs != ours]
    if differences:
        raise GroupError(
            f"this host computes otherwise than rank 0 ({'; '.join(differences)}), and hosts of a run must be alike: "
            "ask for nodes of one kind (sbatch's --constraint, say), and set resources.devices where they have "
            "other numbers of devices"
        )


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
