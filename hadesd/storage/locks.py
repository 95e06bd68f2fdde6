"""One daemon per state directory: an exclusive flock, taken before any socket is bound."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hades_protocol.errors import WrongStateError

ATTEMPTS = 6
PAUSE = 0.1
"""`hadesd stop` and `doctor` look at the lock by taking it for an instant: try again a few times."""


class DaemonLock:
    """Holds the lock until the process ends or `release` is called. The file names the holder."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            WrongStateError: another daemon holds it.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for attempt in range(ATTEMPTS):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == ATTEMPTS - 1:
                    holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
                    os.close(self._fd)
                    raise WrongStateError(
                        f"a daemon already runs for {path.parent} (pid {holder}): use it, or end it with 'hadesd stop'"
                    ) from None
                time.sleep(PAUSE)
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same, its holder has no name
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next daemon start."""
        os.close(self._fd)


@contextlib.contextmanager
def hold_lock(directory: Path) -> Iterator[None]:
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


def is_locked(path: Path) -> bool:
    """Whether some process holds the flock on a file; no where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


LOCK_FILE = "lock"
"""In a run's directory; its worker holds a flock on it as long as it lives."""
