"""Whether a run that stopped because a disk was full can go on."""

from pathlib import Path

from hadesd.storage import disk
from hadesd.storage.checkpoints import CHECKPOINTS, generations

STEPS = 4
"""How many of its newest checkpoints a run must have room for before it goes on."""

SPARE = 8 * disk.MIB
"""And for how many bytes besides: lines, datasets, logs, run.json."""

PATIENCE = 60.0
"""Seconds until another attempt where bytes are not what was missing: a quota, or a limit on the number of files."""


def needed(directory: Path) -> int:
    """Bytes that have to be free before a run goes on."""
    checkpoints = directory / CHECKPOINTS
    newest = max(generations(checkpoints), default=None)
    files = (checkpoints / str(newest)).rglob("*") if newest is not None else ()
    return STEPS * sum(file.stat().st_size for file in files if file.is_file()) + SPARE


def is_enough(needed: int, free: int, free_when_full: int, waited: float) -> bool:
    """Whether it is worth another attempt.

    free_when_full: bytes that were free when the run stopped. waited: seconds since then.
    """
    return free >= needed and (free_when_full < needed or waited >= PATIENCE)
