"""The steps in a run's `checkpoints`, as far as they can be read and removed without jax, and which of them stay.

A step is a directory `checkpoints/<generation>`; hadesd.worker.checkpoints writes and restores them.
"""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hades_protocol.run_spec import Checkpoints
from hadesd.storage.atomic import sync_directory, sync_file

CHECKPOINTS = "checkpoints"
"""In a run's directory."""

MANIFEST = "hades.json"

DATASET = "dataset.npz"
"""In a step: the mean dataset after its generation. Steps of method es have none."""

SEAL = "manifest_sha256"
DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.EUCLEAN, errno.EBADMSG})
"""Errors of reading a step that say that it is damaged."""

PARTIAL = "partial-"
BAD = "bad-"


def generations(directory: Path) -> list[int]:
    """Generations of the steps in a checkpoint directory, ascending; none where there is no such directory."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """What MANIFEST holds: the entries and, under SEAL, a checksum of them all."""
    return json.dumps({**manifest, SEAL: _checksum(manifest)}, sort_keys=True)


def read_manifest(step: Path) -> dict[str, Any]:
    """The manifest of a step, without its checksum; empty where it cannot be read or does not match the checksum."""
    try:
        manifest = json.loads((step / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(manifest, dict):
        return {}
    seal = manifest.pop(SEAL, None)
    return manifest if seal == _checksum(manifest) else {}


def _checksum(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def read_fitness(directory: Path) -> dict[int, float | None]:
    """The steps in a checkpoint directory, each with its mean fitness (None: not known)."""
    return {generation: _fitness(directory / str(generation)) for generation in generations(directory)}


def _fitness(step: Path) -> float | None:
    value = read_manifest(step).get("fitness_mean")
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def kept(fitness: Mapping[int, float | None], rule: Checkpoints, durable: int | None = None) -> set[int]:
    """The generations that stay: the newest N, every K-th, the best, and a durable one.

    fitness: of every step that is there, None where it is not known. Of equally good ones the newest is the best.
    durable: a step that was flushed to the disk.
    """
    steps = sorted(fitness)
    keep = set(steps[-rule.keep_newest :])
    if rule.keep_every:
        keep |= {g for g in steps if g % rule.keep_every == 0}
    if durable is not None and durable in fitness:
        keep.add(durable)
    scored = [(value, g) for g, value in fitness.items() if value is not None]
    if rule.keep_best and scored:
        keep.add(max(scored)[1])
    return keep


def discard(directory: Path, generation: int) -> None:
    """Remove a step. Renamed first: a removal that is cut short must not leave something that looks like a step.

    Raises:
        OSError: it could not be removed.
    """
    doomed = directory / f"{PARTIAL}old-{generation}"
    if doomed.exists():  # of a removal of that generation that was cut short
        shutil.rmtree(doomed)
    (directory / str(generation)).rename(doomed)
    shutil.rmtree(doomed)


def check_access(step: Path) -> None:
    """Read every file of a step, whatever it holds.

    Raises:
        OSError: something keeps us from reading (rights, descriptors, a server that is away) that may pass, while the
            step may be sound. What is missing or cannot be read off a failing disk raises nothing: that is damage.
    """
    try:
        for root, _, files in os.walk(step, onerror=_raise):
            for name in files:
                Path(root, name).read_bytes()
    except OSError as error:
        if error.errno not in DAMAGE:
            raise


def _raise(error: OSError) -> None:
    raise error


def flush(step: Path) -> None:
    """Force everything below a directory onto the disk.

    Raises:
        OSError: it could not be.
    """
    for root, _, files in os.walk(step):
        for name in files:
            sync_file(Path(root, name))
        sync_directory(Path(root))
