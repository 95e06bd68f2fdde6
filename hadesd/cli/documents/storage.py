"""Documents of the verbs about what runs have on disk."""

from typing import Any

import msgspec


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a verb is about, and what it takes on the disk."""

    id: str  # the run
    state: str  # finished, failed, cancelled, paused
    group: str  # its group; empty for none
    generation: int  # newest committed one
    age_seconds: float  # since its state changed last
    bytes: int  # of all of its files
    checkpoint_bytes: int  # of its checkpoints


class RemovalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were removed, or would be."""

    dry_run: bool  # nothing was done
    runs: tuple[StoredRun, ...]  # those that were chosen
    bytes: int  # of all of them
    removed: tuple[str, ...]  # ids of those that are gone
    freed_bytes: int  # of those that are gone


class PackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was packed into a file."""

    id: str  # the run
    file: str  # path of the archive
    bytes: int  # of the archive
    removed: bool  # whether the run is gone (not with --keep)


class ArchiveDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were packed, or would be."""

    dry_run: bool  # nothing was done
    runs: tuple[StoredRun, ...]  # those that were chosen
    archives: tuple[PackedRun, ...]  # those that were packed


class RetainedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The checkpoints of a run under a retention rule."""

    id: str  # the run
    kept: tuple[int, ...]  # generations whose checkpoint stays
    removed: tuple[int, ...]  # generations whose checkpoint is gone, or would go
    bytes: int  # of the removed ones


class RetentionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Checkpoints that were deleted, or would be."""

    dry_run: bool  # nothing was done
    runs: tuple[RetainedRun, ...]  # those whose checkpoints were looked at
    bytes: int  # of all checkpoints that the rule does not keep


class LeftoverFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file or a directory that can go without loss."""

    kind: str  # removed, unfinished, partial, evidence, log, cache
    path: str  # where it is
    bytes: int  # of it
    why: str  # what it is


class GarbageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What crashes and removed runs left behind."""

    dry_run: bool  # nothing was done
    items: tuple[LeftoverFile, ...]  # everything that can go
    bytes: int  # of all of it
    removed: tuple[str, ...]  # paths that are gone
    freed_bytes: int  # of those


class CheckpointLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """An array of the evolution state."""

    path: str  # its place in the state, e.g. .strategy.mean
    shape: tuple[int, ...]  # of the array
    dtype: str  # numpy's name, e.g. float32
    bytes: int  # of the array


class CheckpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint holds."""

    id: str  # the run
    generation: int  # committed with it
    directory: str  # path of the checkpoint
    bytes: int  # of all of its files
    state_bytes: int  # of the packed state: the sum over the leaves
    leaves: tuple[CheckpointLeaf, ...]  # in the order in which they are packed
    metadata: dict[str, Any]  # everything else that hades.json says: settings, fitness_mean, devices, versions, …


class UnpackDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint whose state was written as an npz."""

    id: str  # the run
    generation: int  # committed with the checkpoint
    file: str  # path of the npz
    bytes: int  # of the npz
    leaves: tuple[CheckpointLeaf, ...]  # one array each, named by its path
