"""Log files that stay bounded: `x.log` and up to two older ones, `x.log.1` and `x.log.2`, of about 10 MiB each.

A file is renamed, never truncated or copied, so no line is lost: whoever still has the old one open goes on writing
to it under its new name. A log that cannot be rotated (no permission, a full disk) just grows on.
"""

import contextlib
import os
from pathlib import Path

LIMIT = 10 * 2**20
"""Bytes after which a file is rotated, once its writer looks; so one may be larger by what comes in between."""

KEPT = 2
"""Rotated files that are kept."""

DAEMON_STDERR = "daemon.stderr"
"""In the state directory: what a daemon in the background wrote past its log, a fatal error say."""


def rotated(path: Path) -> list[Path]:
    """The rotated files of a log that are there, oldest first."""
    return [old for n in range(KEPT, 0, -1) if (old := _older(path, n)).exists()]


def rotate(path: Path, limit: int = LIMIT) -> bool:
    """Set a large log aside before it is opened; whether that was done."""
    try:
        if path.stat().st_size < limit:
            return False
        _shift(path)
    except OSError:
        return False
    return True


def rotate_open(path: Path, *descriptors: int, limit: int = LIMIT) -> bool:
    """Set a large log aside while this process writes to it; whether that was done.

    descriptors: of this process, open for writing. Those that lead to the log lead to its successor afterwards, with
    no moment in between; those that lead elsewhere (to a terminal, say) are left alone.
    """
    try:
        info = path.stat()
        ours = [fd for fd in descriptors if os.path.samestat(os.fstat(fd), info)]
        if info.st_size < limit or not ours:
            return False
        successor = _succeed(path, info.st_mode & 0o777)
    except OSError:
        return False
    try:
        for fd in ours:
            os.dup2(successor, fd, inheritable=os.get_inheritable(fd))
    finally:
        os.close(successor)
    return True


def _succeed(path: Path, mode: int) -> int:
    """Put an empty file in a log's place; its descriptor. It is made first: without room for it nothing is renamed."""
    empty = path.with_name(f".{path.name}.new")
    fd = os.open(empty, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        _shift(path)
        os.replace(empty, path)
    except OSError:
        os.close(fd)
        with contextlib.suppress(OSError):
            empty.unlink()
        raise
    return fd


def _shift(path: Path) -> None:
    for n in range(KEPT, 1, -1):
        if (newer := _older(path, n - 1)).exists():
            os.replace(newer, _older(path, n))
    os.replace(path, _older(path, 1))


def _older(path: Path, n: int) -> Path:
    return path.with_name(f"{path.name}.{n}")
