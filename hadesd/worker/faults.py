"""What a worker makes of an error that is the disk's, or of other hosts: it ends in good order, with a reason."""

from pathlib import Path

import msgspec

from hades_protocol.errors import ExitCode
from hadesd.storage import disk
from hadesd.storage.checkpoints import generations
from hadesd.storage.layout import RunPaths
from hadesd.worker.group import GroupError
from hadesd.worker_protocol import WorkerOutcome


class Ending(msgspec.Struct, frozen=True):
    """How to end: outcome and reason of the exit report, the last committed generation, and the exit status."""

    outcome: WorkerOutcome
    generation: int
    reason: str
    status: ExitCode


def ending(error: BaseException, directory: Path) -> Ending | None:
    """How to end where the disk is full, the directory cannot be used or a host has gone; None: the error is a bug."""
    if why := disk.directory_problem(directory):
        reason = f"{why}; put that right, then 'hadesd resume {directory.name}'"
        return Ending(WorkerOutcome.FAILED, 0, reason, ExitCode.RUN_FAILED)
    if disk.is_full(error):
        done = committed(directory)
        reason = f"{disk.describe_full_disk(directory)}: generation {done + 1} is not committed"
        return Ending(WorkerOutcome.DISK_FULL, done, reason, ExitCode.CHECKPOINTED)
    if isinstance(error, GroupError):
        return Ending(WorkerOutcome.CRASHED, 0, str(error), ExitCode.RUN_FAILED)
    return None


def committed(directory: Path) -> int:
    """The newest generation that has a checkpoint; 0 where there is none."""
    return max(generations(RunPaths(directory).checkpoints), default=0)
