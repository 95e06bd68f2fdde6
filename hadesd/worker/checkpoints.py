"""Orbax checkpoints of the evolution state: one a generation, verified before they are believed.

The only module that imports orbax. A checkpoint is a directory `checkpoints/<generation>` with the Orbax checkpoint
`state` (every leaf of the state, packed into one byte array: one file to write instead of twenty) and
`hades.json`, which says what it is without jax: generation, leaves with dtype and shape, the SHA-256 of the
packed bytes, versions. A checkpoint of a run that has a dataset also holds `dataset.npz`, the mean dataset after that
generation, for whoever wants to see it without jax; nothing is restored from it. All is written to a partial
directory that is then renamed, so a checkpoint is there whole or not at all.

What is promised: no SIGKILL loses a committed checkpoint. Against a power cut one checkpoint in DURABLE_SECONDS is also
flushed to the disk, and kept until the next one is.
"""

import contextlib
import errno
import hashlib
import logging
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import orbax.checkpoint as ocp

from hades_protocol.errors import HadesError
from hades_protocol.messages import GenerationMetrics
from hades_protocol.run_spec import Retention
from hadesd.storage import metric_lines
from hadesd.storage.atomic import sync_file, sync_renames
from hadesd.storage.checkpoints import (
    BAD,
    PARTIAL,
    Description,
    Leaf,
    Manifest,
    check_access,
    discard,
    flush,
    flush_lines,
    generations,
    manifest_text,
    read_fitness,
    read_manifest,
    retained,
)
from hadesd.storage.layout import DATASET, MANIFEST, METRICS, RunPaths

DURABLE_SECONDS = 30.0

NEXT = "put one back from a copy and resume, or begin anew with 'hadesd start'"


class CheckpointError(HadesError):
    """No checkpoint can be restored, or one does not fit the settings."""

    code = "checkpoint"


class CheckpointStore:
    """The checkpoints of one run. One writer at a time (the worker holds the run's lock)."""

    def __init__(self, directory: Path, retention: Retention) -> None:
        self.directory = directory
        self.retention = retention
        self._orbax = _handler()
        self._durable: int | None = None
        self._flushed_at = -math.inf  # the first checkpoint is flushed: those it makes superfluous may be on the disk
        directory.mkdir(parents=True, exist_ok=True)
        self._identity = _identity(directory)
        for partial in directory.glob(f"{PARTIAL}*"):
            shutil.rmtree(partial)
        self._fitness = read_fitness(directory)
        recent = Retention(keep_newest=retention.keep_newest, keep_every=0, keep_best=retention.keep_best)
        self._unflushed = retained(self._fitness, recent)  # for all that we know

    def generations(self) -> list[int]:
        """Generations of the checkpoints that are there, ascending."""
        return generations(self.directory)

    def newest_manifest(self) -> Manifest | None:
        """What the newest checkpoint says of itself; None where there is none, or where that cannot be read."""
        present = self.generations()
        return read_manifest(self.directory / str(present[-1])) if present else None

    def save(self, state: Any, description: Description, dataset: bytes = b"") -> None:
        """Commit a state (a pytree of host arrays) as the checkpoint of the generation that is described.

        dataset: the mean dataset after that generation, as the content of an npz; empty where there is none.

        Raises:
            OSError, ValueError: the disk is full or not writable; earlier checkpoints are untouched.
        """
        generation = description.generation
        packed = _pack(state)
        partial = self.directory / f"{PARTIAL}{generation}"
        if partial.exists():
            shutil.rmtree(partial)
        manifest = Manifest(
            leaves=_leaves(state),
            sha256=hashlib.sha256(packed.tobytes()).hexdigest(),
            **msgspec.structs.asdict(description),
        )
        durable = time.monotonic() - self._flushed_at >= DURABLE_SECONDS
        final = self.directory / str(generation)
        partial.mkdir()
        try:
            (partial / "state").mkdir()
            # The handler alone: the Checkpointer around it makes a directory of its own to rename, which costs 2.6 ms.
            self._orbax.save(partial / "state", args=ocp.args.ArraySave(packed))
            if dataset:
                (partial / DATASET).write_bytes(dataset)
            (partial / MANIFEST).write_text(manifest_text(manifest))
            self._check_place()
            if durable:
                flush_lines(self.directory.parent)
                flush(partial)
                self._flush_kept()
            if final.exists():  # one that was set aside as unreadable has left; anything else is written once
                shutil.rmtree(final)
            partial.rename(final)
        except Exception:
            shutil.rmtree(partial, ignore_errors=True)  # on a full disk others need that room; the next start sweeps
            self._leave_no_shell()
            raise
        if durable:
            if sync_renames(self.directory):
                self._durable = generation
            self._flushed_at = time.monotonic()
        else:
            self._unflushed.add(generation)
        self._fitness[generation] = description.fitness_mean
        self._retain()

    def settle(self) -> None:
        """Flush the newest checkpoint and the files beside it to the disk: the run ends, or stands still for long.

        An older checkpoint that was kept because it was flushed goes, unless the rule keeps it.

        Raises:
            OSError: they could not be.
        """
        flush_lines(self.directory.parent)
        present = self.generations()
        self._unflushed.update(present[-1:])
        self._flush_kept()
        if sync_renames(self.directory) and present:
            self._durable = present[-1]
        for path in self.directory.parent.glob("*.npz"):
            sync_file(path)
        sync_renames(self.directory.parent)
        self._retain()

    def _flush_kept(self) -> None:
        """The older checkpoints that are kept, as the best is, must not be lost where a newer one is safe."""
        for generation in sorted(self._unflushed.intersection(self.generations())):
            flush(self.directory / str(generation))
        self._unflushed.clear()

    def _check_place(self) -> None:
        """Orbax makes every missing parent: a run moved away while it saves would go on in an empty new directory."""
        if _identity(self.directory) != self._identity:
            raise FileNotFoundError(errno.ENOENT, "was moved away or removed during a checkpoint", str(self.directory))

    def _leave_no_shell(self) -> None:
        """Remove what Orbax made anew, so that what was moved away can come back to its place."""
        if _identity(self.directory) not in (None, self._identity):
            with contextlib.suppress(OSError):  # not empty: somebody else's, or what was moved away has come back
                self.directory.rmdir()
                self.directory.parent.rmdir()

    def restore_newest(self, like: Callable[[Manifest], Any]) -> tuple[Any, Manifest, list[str]] | None:
        """The newest checkpoint that verifies: (state, manifest, what had to be passed over). None: there is none.

        One whose generation has no line in metrics.jsonl, as after a power cut, would leave a hole in the curve for
        ever: it is passed over where an older one has its line, and its generations come again. What is passed over is
        moved aside to `bad-<generation>-<n>`, never deleted.

        `like`: manifest -> a pytree of the same structure; its leaves give dtypes and shapes.

        Raises:
            CheckpointError: there are or were checkpoints, and none can be used; or the state has another form.
            OSError: a checkpoint cannot be looked at now, which says nothing of what it holds; it stays where it is.
        """
        present = self.generations()
        passed_over = self._taken_away(present)
        in_metrics = metric_lines.generations(RunPaths(self.directory.parent).metrics, GenerationMetrics)
        for generation in sorted(present, key=lambda g: (g in in_metrics, g), reverse=True):
            try:
                checkpoint = self.directory / str(generation)
                manifest = require_manifest(checkpoint)
                state = load(checkpoint, manifest, like(manifest))
            except CheckpointMismatch:
                raise
            except CheckpointError as error:
                check_access(checkpoint)
                aside = self._set_aside(generation)
                passed_over.append(f"checkpoint {generation} is unreadable ({error}); kept as {aside.name}")
                continue
            return state, manifest, passed_over + self._set_newer_aside(generation)
        if present:
            raise CheckpointError(
                f"none of the {len(present)} checkpoints in {self.directory} can be read; the newest: "
                f"{passed_over[0]}; {NEXT}"
            )
        if passed_over or any(self.directory.glob(f"{BAD}*")):
            raise CheckpointError(f"no checkpoint that can be read is left in {self.directory}; {NEXT}")
        return None

    def _taken_away(self, present: list[int]) -> list[str]:
        """Says where a committed checkpoint is no longer there: its line in timings.jsonl is written after it."""
        committed = metric_lines.last_generation(RunPaths(self.directory.parent).timings)
        if committed <= max(present, default=0) or any(self.directory.glob(f"{BAD}{committed}-*")):
            return []
        return [f"checkpoint {committed} is gone"]

    def _set_newer_aside(self, generation: int) -> list[str]:
        """Move the checkpoints after a generation aside, as retention would count them as the newest; says so."""
        return [
            f"checkpoint {newer} has no line in {METRICS}; kept as {self._set_aside(newer).name}"
            for newer in self.generations()
            if newer > generation
        ]

    def _set_aside(self, generation: int) -> Path:
        n = 0
        while (aside := self.directory / f"{BAD}{generation}-{n}").exists():
            n += 1
        (self.directory / str(generation)).rename(aside)
        self._fitness.pop(generation, None)
        return aside

    def _retain(self) -> None:
        """Remove the checkpoints that the rule does not keep: newest N, every K-th, the best, a durable one."""
        present = self.generations()
        fitness = {generation: self._fitness.get(generation) for generation in present}
        for generation in set(present) - retained(fitness, self.retention, self._durable):
            discard(self.directory, generation)
            self._fitness.pop(generation, None)
            self._unflushed.discard(generation)


def _identity(directory: Path) -> tuple[int, int] | None:
    """Which directory stands under a path; None: none."""
    try:
        found = directory.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class CheckpointMismatch(CheckpointError):
    """A checkpoint is sound, and its state has another form than the settings lead to."""


def _handler() -> ocp.ArrayCheckpointHandler:
    # A plain array needs no OCDBT; orbax warns at every save that there is none to merge.
    logging.getLogger("absl").addFilter(_not_about_ocdbt)
    return ocp.ArrayCheckpointHandler()


def load(checkpoint: Path, manifest: Manifest, like: Any) -> Any:
    """The state of one checkpoint, verified. manifest: what it says of itself.

    Raises:
        CheckpointError: it cannot be read, or its bytes are not the ones that were written.
        CheckpointMismatch: its leaves have other names, dtypes or shapes than those of `like`.
    """
    expected = _leaves(like)
    if manifest.leaves != expected:
        pairs = zip(manifest.leaves, expected, strict=False)
        differing = next((f"{_said(a)} / {_said(b)}" for a, b in pairs if a != b), "count")
        raise CheckpointMismatch(f"{checkpoint} holds another kind of state than these settings have: {differing}")
    return _unpack(_packed(checkpoint, manifest), like)


def _said(leaf: Leaf) -> str:
    return f"{leaf.path} {leaf.dtype} {list(leaf.shape)}"


def load_leaves(checkpoint: Path) -> tuple[dict[str, np.ndarray], Manifest]:
    """The arrays of a checkpoint's state by their path in it, and its manifest, verified; no settings are needed.

    Raises:
        CheckpointError: it cannot be read, or its bytes are not the ones that were written.
    """
    manifest = require_manifest(checkpoint)
    like = {leaf.path: np.empty(leaf.shape, leaf.dtype) for leaf in manifest.leaves}
    packed = _packed(checkpoint, manifest)
    sizes = [array.nbytes for array in like.values()]
    if len(like) != len(manifest.leaves) or sum(sizes) != packed.size:
        raise CheckpointError(f"the leaves in its {MANIFEST} do not add up to its {packed.size} bytes")
    pieces = np.split(packed, np.cumsum(sizes)[:-1])
    found = {
        path: np.frombuffer(piece.tobytes(), array.dtype).reshape(array.shape)
        for (path, array), piece in zip(like.items(), pieces, strict=True)
    }
    return found, manifest


def require_manifest(checkpoint: Path) -> Manifest:
    """What a checkpoint says of itself.

    Raises:
        CheckpointError: it cannot be read.
    """
    manifest = read_manifest(checkpoint)
    if manifest is None:
        raise CheckpointError(f"no readable {MANIFEST}")
    return manifest


def _packed(checkpoint: Path, manifest: Manifest) -> np.ndarray:
    """The bytes of a checkpoint's state, uint8 [bytes], as they were written."""
    try:
        packed = np.asarray(_handler().restore(checkpoint / "state", args=ocp.args.ArrayRestore()), np.uint8)
    except MemoryError:
        raise  # it says nothing of the checkpoint
    except Exception as error:
        raise CheckpointError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    if hashlib.sha256(packed.tobytes()).hexdigest() != manifest.sha256:
        raise CheckpointError("its bytes do not match their SHA-256")
    return packed


def _not_about_ocdbt(record: logging.LogRecord) -> bool:
    return "Skipping merge of OCDBT" not in record.getMessage()


def _leaves(tree: Any) -> tuple[Leaf, ...]:
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return tuple(Leaf(jax.tree_util.keystr(path), str(np.dtype(leaf.dtype)), tuple(leaf.shape)) for path, leaf in flat)


def _pack(tree: Any) -> np.ndarray:
    arrays = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves(tree)]
    return np.frombuffer(b"".join(a.tobytes() for a in arrays), np.uint8)


def _unpack(packed: np.ndarray, like: Any) -> Any:
    leaves, structure = jax.tree.flatten(like)
    out, at = [], 0
    for leaf in leaves:
        dtype = np.dtype(leaf.dtype)
        size = int(np.prod(leaf.shape, dtype=np.int64)) * dtype.itemsize
        out.append(np.frombuffer(packed[at : at + size].tobytes(), dtype).reshape(leaf.shape))
        at += size
    return jax.tree.unflatten(structure, out)
