"""Whether a run that stopped because a disk was full can go on."""

from pathlib import Path

from hadesd import disk

CHECKPOINTS = 4
"""How many of its newest checkpoints a run must have room for before it goes on."""

SPARE = 8 * disk.MIB
"""And for how many bytes besides: lines, datasets, logs, run.json."""

PATIENCE = 60.0
"""Seconds until another attempt where bytes are not what was missing: a quota, or a limit on the number of files."""


def needed(directory: Path) -> int:
    """Bytes that have to be free before a run goes on."""
    checkpoints = directory / "checkpoints"
    steps = [entry for entry in checkpoints.iterdir() if entry.name.isdigit()] if checkpoints.is_dir() else []
    newest = max(steps, key=lambda step: int(step.name), default=None)
    size = sum(file.stat().st_size for file in newest.rglob("*") if file.is_file()) if newest else 0
    return CHECKPOINTS * size + SPARE


def is_enough(needed: int, free: int, free_when_full: int, waited: float) -> bool:
    """Whether it is worth another attempt.

    free_when_full: bytes that were free when the run stopped. waited: seconds since then.
    """
    return free >= needed and (free_when_full < needed or waited >= PATIENCE)
