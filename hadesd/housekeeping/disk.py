"""How much room directories take, and the lock under which a run's files may be changed."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hades_protocol.errors import WrongStateError
from hadesd.steps import CHECKPOINTS
from hadesd.supervisor.managed import LOCK_FILE

ATTEMPTS = 6
PAUSE = 0.1
"""The daemon and `hadesd stop` look at locks by taking them for an instant: try again a few times."""


class Room(NamedTuple):
    """Bytes in the files of a run: all of them, and those of its checkpoints."""

    total: int
    checkpoints: int


def tree_bytes(path: Path) -> int:
    """Bytes in a file, or in all files below a directory. Links are not followed; what vanishes meanwhile counts 0."""
    try:
        info = os.lstat(path)
        if not stat.S_ISDIR(info.st_mode):
            return info.st_size
        with os.scandir(path) as entries:
            return sum(tree_bytes(Path(entry.path)) for entry in entries)
    except FileNotFoundError:
        return 0


def run_room(directory: Path) -> Room:
    """What a run's directory takes."""
    return Room(tree_bytes(directory), tree_bytes(directory / CHECKPOINTS))


@contextlib.contextmanager
def holding(directory: Path) -> Iterator[None]:
    """Hold the lock of a run, as its worker does: a worker that starts meanwhile waits.

    Raises:
        WrongStateError: a worker or another command holds it.
        OSError: there is no such directory, or it cannot be written.
    """
    fd = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for attempt in range(ATTEMPTS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == ATTEMPTS - 1:
                    raise WrongStateError(
                        f"{directory} is in use by a worker or by another command: pause the run or wait"
                    ) from None
                time.sleep(PAUSE)
        yield
    finally:
        os.close(fd)
