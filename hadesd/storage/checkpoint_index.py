"""Index of a run's checkpoints, read from its directory without jax."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hades_protocol.errors import NotFoundError
from hades_protocol.messages import CheckpointList, DatasetSnapshot, HistoryEntry, HistoryKind
from hades_protocol.run_spec import Retention
from hadesd.storage.checkpoints import BAD, is_generation, listed, read_manifest
from hadesd.storage.datasets import read_file
from hadesd.storage.layout import DATASET, MANIFEST, RunPaths


class _Checkpoint(NamedTuple):
    """A kept checkpoint. inode: of its directory, so that one that was written anew is looked at again."""

    inode: int
    size: int
    has_pairs: bool
    committed_at: float


class CheckpointIndex:
    """The checkpoints of one run. What is in a checkpoint never changes, so each is looked at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = RunPaths(directory).checkpoints
        self._checkpoints: dict[int, _Checkpoint] = {}

    def describe(self, rule: Retention, history: Iterable[HistoryEntry]) -> CheckpointList:
        """What there is now. history: of hadesd.storage.records."""
        damaged = self._scan()
        generations = tuple(self._checkpoints)
        newest = self._checkpoints[generations[-1]] if generations else None
        verified = _last_restore(history)
        return CheckpointList(
            generations=generations,
            with_pairs=self._with_pairs(),
            bytes=sum(checkpoint.size for checkpoint in self._checkpoints.values()),
            bytes_newest=newest.size if newest else 0,
            committed_at=newest.committed_at if newest else None,
            keep_newest=rule.keep_newest,
            keep_every=rule.keep_every,
            keep_best=rule.keep_best,
            verified_generation=verified.generation if verified else None,
            verified_at=verified.at if verified else None,
            damaged=damaged,
            execution=_execution(self._directory / str(generations[-1])) if generations else "",
        )

    def dataset(self, run: str, generation: int) -> DatasetSnapshot:
        """The mean dataset of a kept generation.

        Raises:
            NotFoundError: it is not kept, or was written without a dataset; those that can be asked for are named.
            InternalError: the file is damaged.
        """
        try:
            return read_file(self._directory / str(generation) / DATASET)
        except FileNotFoundError:
            self._scan()
        there = self._with_pairs()
        none = "none of its checkpoints holds any" if self._checkpoints else "it has no checkpoint yet"
        has = f"it has those of {listed(there)}" if there else none
        raise NotFoundError(f"run {run} keeps no pairs of generation {generation}; {has}") from None

    def _with_pairs(self) -> tuple[int, ...]:
        return tuple(generation for generation, checkpoint in self._checkpoints.items() if checkpoint.has_pairs)

    def _scan(self) -> tuple[str, ...]:
        """Bring the checkpoints up to date; the names of what was set aside as damaged."""
        found: dict[int, int] = {}
        damaged = []
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    if is_generation(entry.name):
                        found[int(entry.name)] = entry.inode()
                    elif entry.name.startswith(BAD):
                        damaged.append(entry.name)
        except OSError:  # before the first commit; where it cannot be read, the monitor says so
            found = {}
        known, self._checkpoints = self._checkpoints, {}
        newest = max(found, default=None)
        for generation, inode in sorted(found.items()):
            checkpoint = known.get(generation)
            if checkpoint is None or checkpoint.inode != inode or generation == newest:
                checkpoint = _measure(self._directory / str(generation), inode)
            if checkpoint is not None:
                self._checkpoints[generation] = checkpoint
        return tuple(sorted(damaged))


def _measure(directory: Path, inode: int) -> _Checkpoint | None:
    """Look at a checkpoint; None where its worker has just removed it, or where it cannot be read."""
    try:
        size = _tree_bytes(os.fspath(directory))
        committed_at = os.stat(directory / MANIFEST).st_mtime
    except OSError:
        return None
    return _Checkpoint(inode, size, (directory / DATASET).exists(), committed_at)


def _execution(checkpoint: Path) -> str:
    """How a checkpoint was computed, for people; empty where its manifest is damaged."""
    manifest = read_manifest(checkpoint)
    if manifest is None:
        return ""
    where = f"{manifest.devices} x {manifest.platform}"
    how = f"physics {manifest.physics}, cloning {manifest.cloning}"
    return f"{where}, {how}, {manifest.chunk} candidates at a time"


def _tree_bytes(directory: str) -> int:
    size = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            is_directory = entry.is_dir(follow_symlinks=False)
            size += _tree_bytes(entry.path) if is_directory else entry.stat(follow_symlinks=False).st_size
    return size


def _last_restore(history: Iterable[HistoryEntry]) -> HistoryEntry | None:
    """The newest entry of a worker that went on from a checkpoint: it had found its SHA-256 right before."""
    return max(
        (entry for entry in history if entry.what == HistoryKind.RESUME and entry.bit_exact is not None),
        key=lambda entry: entry.at,
        default=None,
    )
