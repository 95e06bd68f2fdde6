"""Small files that must be whole after a SIGKILL at any moment.

The rename is the commit point. What fails before it means that nothing was done, and nothing is left. What was renamed
is done: an fsync of its directory that fails afterwards is a warning, or a daemon would refuse what the disk has taken.
"""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path

from hadesd.logs.warning import warn

TAIL_BYTES = 64 * 1024

NO_SUCH_CALL = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems say that have no fsync for directories: FUSE and CIFS, for ever."""

_warned: set[Path] = set()
"""Directories of which this process has said that they cannot be flushed."""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file: after a crash it holds the old content or the new one, never a part.

    Raises:
        OSError: it could not be written; the old content stands, and no temporary file is left.
    """
    write_together({path: data})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Replace files of one directory that belong together, each atomically, and none before all are on the disk.

    Raises:
        OSError: one could not be written; the old ones stand.
    """
    written = {path: path.with_name(f".{path.name}.tmp") for path in contents}
    try:
        for path, temporary in written.items():
            with open(temporary, "wb") as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in written.items():
            os.replace(temporary, path)
    except BaseException:
        for temporary in written.values():
            with contextlib.suppress(OSError):  # the first error is the one that says why
                temporary.unlink()  # a part of a file takes room that a full disk has not
        raise
    for directory in {path.parent for path in written}:
        sync_renames(directory)


def sync_file(path: Path) -> None:
    """Make what was written to a file durable."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Make durable which files a directory has, before something is done that relies on it.

    A file system that has no such call is warned of, once: nobody can do more there.

    Raises:
        OSError: it could not be done.
    """
    try:
        _sync(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise
        _warn(directory, error)


def sync_renames(directory: Path) -> bool:
    """Make renames that are done durable; whether that worked. A failure is a warning, once for each directory."""
    try:
        sync_directory(directory)
    except OSError as error:
        _warn(directory, error)
        return False
    return True


def _warn(directory: Path, error: OSError) -> None:
    if directory not in _warned:
        _warned.add(directory)
        why = error.strerror or str(error)
        warn("directory not flushed: a power cut may undo its last changes", directory=str(directory), why=why)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tail_lines(path: Path, count: int, limit: int = TAIL_BYTES) -> list[str]:
    """The last lines of a text file, of at most its last `limit` bytes; none where there is no file."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            data = file.read()
    except FileNotFoundError:
        return []
    if size > limit:
        data = data.partition(b"\n")[2]
    return data.decode(errors="replace").splitlines()[-count:] if count > 0 else []
