"""The checkpoints of a run, as far as they can be read and removed without jax, and which of them stay.

A checkpoint is a directory `checkpoints/<generation>`; hadesd.worker.checkpoints writes and restores them.
"""

import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.errors import NotFoundError
from hades_protocol.messages import Count, Generation
from hades_protocol.run_spec import Retention, RunSpec, build_spec
from hadesd.storage.atomic import sync_directory, sync_file, sync_renames
from hadesd.storage.layout import MANIFEST, RunPaths

SEAL = "manifest_sha256"
DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.EUCLEAN, errno.EBADMSG})
"""Errors of reading a checkpoint that say that it is damaged."""

LISTED = 12
"""Generations that a refusal names."""

NUMBER = re.compile("[1-9][0-9]{0,14}")
"""Less than hades_protocol.messages.MAX_COUNT."""

PARTIAL = "partial-"
BAD = "bad-"


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """An array of a state: its path in it, its dtype as numpy calls it, and its shape."""

    path: str
    dtype: str
    shape: tuple[Count, ...]


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of the generation that a checkpoint holds.

    fitness_mean: decides which checkpoint is the best; None: not known. settings: nested, as RunSpec has them.
    versions: of the packages that decide what is computed. The others: as in hadesd.compute.execution.Execution.
    """

    generation: Generation
    fitness_mean: float | None
    env: str
    method: str
    settings: dict[str, Any]
    versions: dict[str, str]
    devices: Count
    platform: str
    device: str
    threads: Count
    chunk: Count
    physics: str
    cloning: str
    options: tuple[str, ...]

    def spec(self) -> RunSpec:
        """The settings that it was computed with.

        Raises:
            UsageError: they are none that this version knows.
        """
        return build_spec(self.settings)


class Manifest(Description, frozen=True, kw_only=True):
    """What MANIFEST says of a checkpoint.

    leaves: the arrays of the state, in the order in which they are packed. sha256: of the packed bytes.
    """

    leaves: tuple[Leaf, ...]
    sha256: str


def generations(directory: Path) -> list[int]:
    """Generations of the checkpoints in a checkpoint directory, ascending; none where there is no such directory."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if is_generation(name))


def is_generation(name: str) -> bool:
    """Whether a directory of that name is a checkpoint: a number from 1 on, written as we write it."""
    return NUMBER.fullmatch(name) is not None


def choose_generation(directory: Path, wanted: int | None) -> int:
    """The generation of a checkpoint of the run in a directory: the wanted one, or the newest.

    Raises:
        NotFoundError: that generation is not kept, and the kept ones are named; or there is none at all.
    """
    kept = generations(RunPaths(directory).checkpoints)
    if not kept:
        raise NotFoundError(f"run {directory.name} has no checkpoint yet: its first generation is not committed")
    if wanted is None:
        return kept[-1]
    if wanted not in kept:
        raise NotFoundError(f"run {directory.name} keeps no checkpoint of generation {wanted}; kept: {listed(kept)}")
    return wanted


def find_checkpoint(directory: Path, generation: int | None) -> Path:
    """The directory of the checkpoint of `choose_generation`, which raises."""
    return RunPaths(directory).checkpoint(choose_generation(directory, generation))


def listed(kept: Sequence[int]) -> str:
    """The newest of these generations, for people; of many the first as well."""
    newest = ", ".join(map(str, kept[-LISTED:]))
    return newest if len(kept) <= LISTED else f"{kept[0]}, …, {newest}"


def manifest_text(manifest: Manifest) -> str:
    """What MANIFEST holds: the entries and, under SEAL, a checksum of them all."""
    return sealed(msgspec.to_builtins(manifest))


def sealed(entries: Mapping[str, Any]) -> str:
    """Entries as JSON with, under SEAL, their checksum."""
    return json.dumps({**entries, SEAL: _checksum(entries)}, sort_keys=True)


def read_manifest(checkpoint: Path) -> Manifest | None:
    """The manifest of a checkpoint; None where it cannot be read, does not match its checksum or lacks entries."""
    try:
        entries = json.loads((checkpoint / MANIFEST).read_text())
        # The checksum is of all entries, also of those that another version has written.
        if not isinstance(entries, dict) or entries.pop(SEAL, None) != _checksum(entries):
            return None
        return msgspec.convert(entries, Manifest)
    except (OSError, ValueError):
        return None


def _checksum(entries: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def read_fitness(directory: Path) -> dict[int, float | None]:
    """The checkpoints in a checkpoint directory, each with its mean fitness (None: not known)."""
    return {generation: _fitness(directory / str(generation)) for generation in generations(directory)}


def _fitness(checkpoint: Path) -> float | None:
    manifest = read_manifest(checkpoint)
    value = None if manifest is None else manifest.fitness_mean
    return value if value is not None and math.isfinite(value) else None


def retained(fitness: Mapping[int, float | None], rule: Retention, durable: int | None = None) -> set[int]:
    """The generations that stay: the newest N, every K-th, the best, and a durable one.

    fitness: of every checkpoint that is there, None where it is not known. Of equally good ones the newest is the best.
    durable: a checkpoint that was flushed to the disk.
    """
    present = sorted(fitness)
    keep = set(present[-rule.keep_newest :])
    if rule.keep_every:
        keep |= {g for g in present if g % rule.keep_every == 0}
    if durable is not None and durable in fitness:
        keep.add(durable)
    scored = [(value, g) for g, value in fitness.items() if value is not None]
    if rule.keep_best and scored:
        keep.add(max(scored)[1])
    return keep


def discard(directory: Path, generation: int) -> None:
    """Remove a checkpoint. Renamed first: a removal that is cut short must not leave what looks like a checkpoint.

    Raises:
        OSError: it could not be removed.
    """
    doomed = directory / f"{PARTIAL}old-{generation}"
    if doomed.exists():  # of a removal of that generation that was cut short
        shutil.rmtree(doomed)
    (directory / str(generation)).rename(doomed)
    shutil.rmtree(doomed)


def check_access(checkpoint: Path) -> None:
    """Read every file of a checkpoint, whatever it holds.

    Raises:
        OSError: something keeps us from reading (rights, descriptors, a server that is away) that may pass, while the
            checkpoint may be sound. What is missing or cannot be read off a failing disk raises nothing: it is damage.
    """
    try:
        for root, _, files in os.walk(checkpoint, onerror=_raise):
            for name in files:
                Path(root, name).read_bytes()
    except OSError as error:
        if error.errno not in DAMAGE:
            raise


def _raise(error: OSError) -> None:
    raise error


def flush(directory: Path) -> None:
    """Force everything below a directory onto the disk.

    Raises:
        OSError: it could not be.
    """
    for root, _, files in os.walk(directory):
        for name in files:
            sync_file(Path(root, name))
        sync_directory(Path(root))


def flush_lines(directory: Path) -> None:
    """Force the line files of a run onto the disk. First: a checkpoint without its lines would leave a hole for ever.

    Raises:
        OSError: they could not be.
    """
    paths = RunPaths(directory)
    for path in (paths.metrics, paths.timings, paths.resumes):
        if path.exists():
            sync_file(path)
    sync_renames(directory)
