"""Small files that must be whole after a SIGKILL at any moment."""

import os
from collections.abc import Mapping
from pathlib import Path

TAIL_BYTES = 64 * 1024


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file: after a crash it holds the old content or the new one, never a part.

    Raises:
        OSError: it could not be written; the old content stands.
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
    except OSError:
        for temporary in written.values():
            if temporary.is_file():  # a part of a file takes room that a full disk has not
                temporary.unlink()
        raise
    for directory in {path.parent for path in written}:
        sync_directory(directory)


def sync_file(path: Path) -> None:
    """Make what was written to a file durable."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


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
