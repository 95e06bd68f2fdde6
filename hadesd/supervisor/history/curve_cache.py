"""The downsampled curve of a long run on disk, so that a new daemon need not read a million lines. Only a cache.

`curve.cache` in a run directory may be deleted at any time; whoever reads it compares it with metrics.jsonl.
"""

import hashlib
from array import array
from pathlib import Path

import msgspec
import structlog

from hadesd.storage.atomic import write_atomically
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.history.metric_columns import Columns

log = structlog.get_logger()


class _Cache(msgspec.Struct, frozen=True):
    """Columns as bytes of the machine that wrote them. digest: SHA-256 of both, against damage on the disk."""

    width: int
    columns: dict[str, bytes]
    digest: bytes

    @classmethod
    def of(cls, width: int, columns: dict[str, bytes]) -> "_Cache":
        """With its digest."""
        encoded = msgspec.msgpack.encode((width, columns))
        return cls(width, columns, hashlib.sha256(encoded).digest())


def read(directory: Path) -> Columns | None:
    """The curve that was written last; None where there is none, or none that can be used."""
    try:
        cache = msgspec.msgpack.decode(RunPaths(directory).curve_cache.read_bytes(), type=_Cache)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    columns = Columns()
    if cache != _Cache.of(cache.width, cache.columns) or cache.columns.keys() != columns.values.keys():
        return None
    for name, column in columns.values.items():
        if len(cache.columns[name]) % column.itemsize:
            return None
        columns.values[name] = array(column.typecode, cache.columns[name])
    if len({len(column) for column in columns.values.values()}) != 1 or not columns.generations:
        return None
    columns.width = cache.width
    return columns


def write(directory: Path, columns: Columns) -> None:
    """Replace the curve on disk. A disk that has no room for it loses nothing."""
    data = {name: column.tobytes() for name, column in columns.values.items()}
    try:
        write_atomically(RunPaths(directory).curve_cache, msgspec.msgpack.encode(_Cache.of(columns.width, data)))
    except OSError as error:
        log.warning("curve not cached", directory=str(directory), why=error.strerror or str(error))


def remove(directory: Path) -> None:
    """It holds what is void by now."""
    try:
        RunPaths(directory).curve_cache.unlink(missing_ok=True)
    except OSError as error:
        log.warning("old curve not removed", directory=str(directory), why=error.strerror or str(error))
