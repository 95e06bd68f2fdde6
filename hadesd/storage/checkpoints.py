"""The checkpoints of a run, as far as they can be read and removed without jax, and which of them stay.

A checkpoint is a directory `checkpoints/<generation>`; hadesd.worker.checkpoints writes and restores them.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hades_protocol.errors import NotFoundError
from hades_protocol.run_spec import Retention
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


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """What MANIFEST holds: the entries and, under SEAL, a checksum of them all."""
    return json.dumps({**manifest, SEAL: _checksum(manifest)}, sort_keys=True)


def read_manifest(checkpoint: Path) -> dict[str, Any]:
    """The manifest of a checkpoint without its checksum; empty where it cannot be read or does not match it."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(manifest, dict):
        return {}
    seal = manifest.pop(SEAL, None)
    return manifest if seal == _checksum(manifest) else {}


def _checksum(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def read_fitness(directory: Path) -> dict[int, float | None]:
    """The checkpoints in a checkpoint directory, each with its mean fitness (None: not known)."""
    return {generation: _fitness(directory / str(generation)) for generation in generations(directory)}


def _fitness(checkpoint: Path) -> float | None:
    value = read_manifest(checkpoint).get("fitness_mean")
    return value if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


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
