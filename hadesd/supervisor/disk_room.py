"""How much room a run that found its disk full must have before it goes on."""

from pathlib import Path

from hadesd.storage.checkpoints import generations
from hadesd.storage.disk import MIB
from hadesd.storage.layout import RunPaths

CHECKPOINTS_TO_FIT = 4
"""How many of its newest checkpoints a run must have room for before it goes on."""

SPARE_BYTES = 8 * MIB
"""And for how many bytes besides: lines, datasets, logs, run.json."""

RETRY_SECONDS = 60.0
"""Until another attempt where bytes are not what was missing: a quota, or a limit on the number of files."""


def bytes_needed(directory: Path) -> int:
    """Bytes that have to be free before a run goes on.

    Raises:
        OSError: its checkpoints cannot be looked at.
    """
    checkpoints = RunPaths(directory).checkpoints
    newest = max(generations(checkpoints), default=None)
    files = (checkpoints / str(newest)).rglob("*") if newest is not None else ()
    return CHECKPOINTS_TO_FIT * sum(file.stat().st_size for file in files if file.is_file()) + SPARE_BYTES


def is_enough(needed: int, free: int, free_when_full: int, waited: float) -> bool:
    """Whether it is worth another attempt.

    needed: bytes that have to be free. free_when_full: bytes that were free when the run stopped. waited: seconds
    since then.
    """
    return free >= needed and (free_when_full < needed or waited >= RETRY_SECONDS)
