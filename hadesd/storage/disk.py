"""What the disk under a directory allows: how much room there is, and whether the directory can be used at all."""

import os
from collections.abc import Iterator
from pathlib import Path

from hades_protocol.errors import NO_ROOM

MIB = 2**20


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that there is no room (NO_ROOM).

    Libraries without OSError (Orbax, on top of TensorStore) quote the system's text. An exhausted memory of a
    device carries neither.
    """
    texts = tuple(os.strerror(number) for number in NO_ROOM)
    return any(
        (isinstance(one, OSError) and one.errno in NO_ROOM) or any(text in str(one) for text in texts)
        for one in chain(error)
    )


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def free_bytes(directory: Path) -> int:
    """Bytes that this user can still write below a directory; 0 where no new file can be made.

    Raises:
        OSError: there is no such directory.
    """
    found = os.statvfs(directory)
    no_files = found.f_files > 0 and found.f_favail == 0
    return 0 if no_files else found.f_bavail * found.f_frsize


def describe_full_disk(directory: Path) -> str:
    """For example `no room on /data/runs (12 MiB free)`."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        return f"no room on {directory} ({error.strerror or error})"
    if found.f_files > 0 and found.f_favail == 0:
        return f"no room on {directory} (no further file can be made on it)"
    return f"no room on {directory} ({found.f_bavail * found.f_frsize / MIB:.0f} MiB free)"


def directory_problem(directory: Path) -> str:
    """Why a run's directory cannot be used, in words; empty where it can."""
    if not os.path.isdir(directory):  # Path.is_dir raises where the way there is barred
        return f"its directory is gone: {directory}"
    if not os.access(directory, os.W_OK | os.X_OK):  # false for root too, on a read-only file system
        return f"its directory cannot be written: {directory}"
    return ""
