"""Small files that must be whole after a SIGKILL at any moment.

The rename is the commit point. What fails before it means that nothing was done, and nothing is left. What was renamed
is done: an fsync of its directory that fails afterwards is a warning, or a daemon would refuse what the disk has taken.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from hades_protocol.paths import create_beside
from hadesd.logs.warning import warn

TAIL_BYTES = 64 * 1024

NO_SUCH_CALL = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems say that have no fsync for directories: FUSE and CIFS, for ever."""

_warned: set[Path] = set()
"""Directories of which this process has said that they cannot be flushed."""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file of our own: after a crash it holds the old content or the new one, never a part.

    It is in a private directory. For a file that a person names there is write_outputs.

    Raises:
        OSError: it could not be written; the old content stands, and no temporary file is left.
    """
    _replace({path: data}, _create_ours)


def write_outputs(contents: Mapping[Path, bytes]) -> None:
    """Replace files that a person names, in one directory, each atomically, and none before all are on the disk.

    Others may write in that directory too: nothing is written through a link of theirs. A file keeps its mode.

    Raises:
        OSError: one could not be written, and the old ones stand; or renamed, and those before it are new.
    """
    _replace(contents, _create_output)


def _create_ours(path: Path) -> tuple[Path, int]:
    temporary = path.with_name(f".{path.name}.tmp")  # always the same: what a crash leaves is used again
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _create_output(path: Path) -> tuple[Path, int]:
    mode = 0o666 & ~_umask()
    with contextlib.suppress(FileNotFoundError):
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode) & 0o666 if stat.S_ISREG(found.st_mode) else mode
    temporary, fd = create_beside(path)
    os.fchmod(fd, mode)
    return temporary, fd


def _umask() -> int:
    """This process's, which can otherwise only be learned by changing it."""
    with open("/proc/self/status") as file:
        return next((int(line.split()[1], 8) for line in file if line.startswith("Umask:")), 0o077)


def _replace(contents: Mapping[Path, bytes], create: Callable[[Path], tuple[Path, int]]) -> None:
    written: dict[Path, Path] = {}
    try:
        for path, data in contents.items():
            written[path], fd = create(path)
            with open(fd, "wb") as file:
                file.write(data)
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
