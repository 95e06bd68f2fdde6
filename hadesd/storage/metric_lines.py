"""The line files of a run: metrics.jsonl and timings.jsonl, one line a generation. The worker is their only writer.

They ascend by generation, so they are read from any generation on without reading all of it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
import structlog

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.storage.atomic import tail_lines
from hadesd.storage.layout import RunPaths

T = TypeVar("T", GenerationMetrics, GenerationTiming)

log = structlog.get_logger()

NEAR = 16 * 1024
"""Bytes below which reading on is as good as searching."""


class _Line(msgspec.Struct, frozen=True):
    """What every line of metrics.jsonl and timings.jsonl has."""

    generation: int


_GENERATION = msgspec.json.Decoder(_Line)


def read_lines(path: Path, kind: type[T], after: int = 0, upto: int | None = None) -> Iterator[T]:
    """The lines of generations in (after, upto], ascending; none where there is no file.

    A line that is cut short, as the last one may be, is left out. A file that cannot be read is logged and has none:
    it must not end the daemon with all its other runs.
    """
    decoder = msgspec.json.Decoder(kind)
    newest = after
    try:
        with open(path, "rb") as file:
            if after:
                _seek(file, after)
            for line in file:
                try:
                    item = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if item.generation <= newest:
                    continue
                if upto is not None and item.generation > upto:
                    return
                newest = item.generation
                yield item
    except FileNotFoundError:
        return  # no generation was committed yet
    except OSError as error:
        log.error("cannot read a line file", file=str(path), why=str(error))


def read_metrics(directory: Path) -> Iterator[GenerationMetrics]:
    """The whole lines of metrics.jsonl, from the first on."""
    path = RunPaths(directory).metrics
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line, type=GenerationMetrics)


def last_generation(path: Path) -> int:
    """The generation of the last whole line of a line file; 0 where there is none."""
    for line in reversed(tail_lines(path, 3)):
        try:
            return msgspec.json.decode(line, type=_Line).generation
        except msgspec.DecodeError:
            continue  # a line that was being written when its worker died
    return 0


def append(path: Path, line: msgspec.Struct) -> None:
    """Add one line in one write, so that it is there whole or not at all after a SIGKILL."""
    data = msgspec.json.encode(line) + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(fd).st_size
        if os.write(fd, data) != len(data):
            os.ftruncate(fd, size)
            raise OSError(28, "No space left on device", str(path))
    finally:
        os.close(fd)


def cut(path: Path, kind: type[GenerationMetrics] | type[GenerationTiming], generation: int) -> int:
    """Keep the whole lines up to a generation and drop the rest; returns the last generation that is there."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    keep, last = 0, 0
    for line in data.splitlines(keepends=True):
        try:
            found = msgspec.json.decode(line, type=kind).generation
        except msgspec.DecodeError:
            break
        if not line.endswith(b"\n") or found > generation:
            break
        keep, last = keep + len(line), found
    if keep != len(data):
        os.truncate(path, keep)
    return last


def _seek(file: BinaryIO, generation: int) -> None:
    """Go to the start of a line that is not after the first line beyond a generation, and near to it."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > NEAR:
        middle = (low + high) // 2
        found = _first_from(file, middle, high)
        if found is not None and found <= generation:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()  # the rest of a line


def _first_from(file: BinaryIO, start: int, end: int) -> int | None:
    """Generation of the first whole line that begins after `start` and before `end`."""
    file.seek(start)
    file.readline()
    while file.tell() < end:
        found = _generation(file.readline())
        if found is not None:
            return found
    return None


def _generation(line: bytes) -> int | None:
    try:
        return _GENERATION.decode(line).generation
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
