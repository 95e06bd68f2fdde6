"""Files with one JSON line a generation, in ascending order: read from any generation on without reading all of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
import structlog

from hades_protocol.messages import GenerationMetrics, GenerationTiming

T = TypeVar("T", GenerationMetrics, GenerationTiming)

log = structlog.get_logger()

NEAR = 16 * 1024
"""Bytes below which reading on is as good as searching."""


class _Line(msgspec.Struct, frozen=True):
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
