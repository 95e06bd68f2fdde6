"""What a worker makes of an error that is the disk's: it ends in good order, with a reason, instead of crashing."""

from pathlib import Path

import msgspec

from hades_protocol.errors import ExitCode
from hadesd.storage import disk
from hadesd.storage.checkpoints import generations
from hadesd.storage.layout import RunPaths
from hadesd.worker_protocol import WorkerOutcome


class Ending(msgspec.Struct, frozen=True):
    """How to end: outcome and reason of the exit report, the last committed generation, and the exit status."""

    outcome: WorkerOutcome
    generation: int
    reason: str
    status: ExitCode


def ending(error: BaseException, directory: Path) -> Ending | None:
    """How to end a run whose disk is full or whose directory cannot be used; None: the error is a crash."""
    if why := disk.directory_problem(directory):
        reason = f"{why}; put that right, then 'hadesd resume {directory.name}'"
        return Ending(WorkerOutcome.FAILED, 0, reason, ExitCode.RUN_FAILED)
    if disk.is_full(error):
        done = committed(directory)
        reason = f"{disk.describe_full_disk(directory)}: generation {done + 1} is not committed"
        reason += "; the run goes on by itself when there is room"
        return Ending(WorkerOutcome.DISK_FULL, done, reason, ExitCode.CHECKPOINTED)
    return None


def committed(directory: Path) -> int:
    """The newest generation that has a checkpoint; 0 where there is none."""
    return max(generations(RunPaths(directory).checkpoints), default=0)
