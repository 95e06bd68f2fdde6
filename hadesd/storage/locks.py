"""flock(2) on files and directories: one daemon per state directory, one writer per run, one change at a time.

A lock is held by an open file descriptor and ends with the process, however that ends.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hades_protocol.errors import UsageError, WrongStateError
from hadesd.storage.layout import RunPaths

ATTEMPTS = 6
PAUSE = 0.1
"""Seconds between attempts. `is_locked` takes a lock for an instant, so one failure does not mean that it is held."""

FOR_NOBODY = (errno.EACCES, errno.EPERM, errno.ELOOP)
"""Of a lock file that cannot be opened, and will not be."""


def try_lock(fd: int, attempts: int = ATTEMPTS) -> bool:
    """Take the exclusive lock on an open file; whether that worked within so many attempts, PAUSE apart."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(PAUSE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def open_lock_file(path: Path) -> int:
    """A descriptor of a lock file, which is made where it is missing.

    Raises:
        OSError: its directory is missing or cannot be written.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock on a file; no where there is no such file."""
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


def is_run_locked(directory: Path) -> bool:
    """Whether a worker or a command holds the lock of a run.

    No where nobody can open its file: none could take it, and the next that wants it says so.

    Raises:
        OSError: the disk does not say, now.
    """
    try:
        return is_locked(RunPaths(directory).lock)
    except OSError as error:
        if error.errno not in FOR_NOBODY:
            raise
        return False


@contextlib.contextmanager
def lock_file(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock on a file, which is made where it is missing.

    Raises:
        WrongStateError: another process holds it; its text is `busy`.
        OSError: the file cannot be opened.
    """
    fd = open_lock_file(path)
    try:
        if not try_lock(fd):
            raise WrongStateError(busy)
        yield
    finally:
        os.close(fd)


def lock_run(directory: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a run, as its worker does: a worker that starts meanwhile waits.

    Raises, when it is entered:
        WrongStateError: a worker or another command holds it.
        OSError: there is no such directory, or it cannot be written.
    """
    busy = f"{directory} is in use by a worker or by another command: pause the run or wait"
    return lock_file(RunPaths(directory).lock, busy)


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Wait for the lock on a directory itself, so that of two commands at once none loses the other's change.

    Raises:
        OSError: there is no such directory, or it cannot be read.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


class DaemonLock:
    """Held until the process ends or `release` is called; taken before any socket is bound. Names the holder's pid."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            WrongStateError: another daemon holds it.
            UsageError: its file cannot be opened.
        """
        try:
            self._fd = open_lock_file(path)
        except OSError as error:
            raise UsageError(f"cannot use the lock file {path}: {error.strerror or error}; nothing done") from error
        if not try_lock(self._fd):
            holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise WrongStateError(
                f"a daemon already runs for {path.parent} (pid {holder}): use it, or end it with 'hadesd stop'"
            )
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same, its holder has no name
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next daemon start."""
        os.close(self._fd)
