"""The line files of a run: metrics.jsonl and timings.jsonl, one line a generation. The worker is their only writer.

They ascend by generation, so they are read from any generation on without reading all of it. A line is damaged where
it cannot be read or where its generation is not in order. Whoever reads skips it, reads on and says so; a worker that
goes on with the run moves it to a file beside (`cut`). The last line of a file may be cut short: it is being written,
or its worker died. That is no damage.
"""

import bisect
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

from hades_protocol.messages import Generation, GenerationMetrics, GenerationTiming
from hadesd.logs.warning import warn
from hadesd.storage.atomic import TAIL_BYTES, sync_file, tail_lines, write_atomically
from hadesd.storage.layout import RunPaths, damaged_lines

NEAR = 16 * 1024
"""Bytes below which reading on is as good as searching."""


class Line(msgspec.Struct, frozen=True):
    """What every line of metrics.jsonl and timings.jsonl has."""

    generation: Generation


T = TypeVar("T", GenerationMetrics, GenerationTiming, Line)

_LINE = msgspec.json.Decoder(Line)
_said: dict[Path, int] = {}
"""Damaged lines of a file of which this process has warned."""


def say_damage(path: Path, count: int) -> None:
    """Warn of damaged lines that were skipped; again only where there are more of them."""
    if count > _said.get(path, 0):
        _said[path] = count
        warn("lines that cannot be read were skipped", file=str(path), lines=count)


def read_lines(
    path: Path,
    kind: type[T],
    after: int = 0,
    upto: int | None = None,
    say: Callable[[Path, int], None] = say_damage,
) -> Iterator[T]:
    """The lines of generations in (after, upto], ascending; none where there is no file.

    A file that cannot be read is warned of and has none: it must not end the daemon with all its other runs.

    say: told at the end how many damaged lines were skipped, where there were any.
    """
    skipped = _Count()
    try:
        with open(path, "rb") as file:
            if after:
                _seek(file, after)
            for item in _ascending(_decoded(file, msgspec.json.Decoder(kind)), after, skipped):
                if upto is not None and item.generation > upto:
                    return
                yield item
    except FileNotFoundError:
        return  # no generation was committed yet
    except OSError as error:
        warn("cannot read a line file", file=str(path), why=str(error))
    finally:
        if skipped.value:
            say(path, skipped.value)


def read_metrics(directory: Path, say: Callable[[Path, int], None] = say_damage) -> Iterator[GenerationMetrics]:
    """The lines of a run's metrics.jsonl, from the first on, as read_lines."""
    return read_lines(RunPaths(directory).metrics, GenerationMetrics, say=say)


def tail(path: Path, kind: type[T], count: int, limit: int = TAIL_BYTES) -> list[T]:
    """Of the last `count` lines, and the last `limit` bytes, those that can be read, ascending; none without a file.

    Raises:
        OSError: the file cannot be read.
    """
    decoder = msgspec.json.Decoder(kind)
    lines = (_decode(line, decoder) for line in tail_lines(path, count, limit))
    return list(_ascending(lines, 0, _Count()))


def last_generation(path: Path) -> int:
    """The generation of the last whole line of a line file; 0 where there is none."""
    found = tail(path, Line, 3)
    return found[-1].generation if found else 0


def append(path: Path, line: msgspec.Struct) -> None:
    """Add one line in one write, so that it is there whole or not at all after a SIGKILL.

    Where the file ends in the middle of a line the new one begins on its own, or neither could be read.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    _append(path, msgspec.json.encode(line) + b"\n")


def _append(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            data = b"\n" + data
        if os.write(fd, data) != len(data):
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(fd)


# What a worker makes of the files when it goes on ----------------------------------------------------------------


class Cut(NamedTuple):
    """What `cut` left. last: the newest generation that is there, 0 for none. damaged: lines that it moved aside."""

    last: int
    damaged: int


def generations(path: Path, kind: type[T]) -> frozenset[int]:
    """The generations of all whole lines that are not damaged; none where there is no file.

    Raises:
        OSError: the file cannot be read.
    """
    found = [generation for _, generation in _scan(path, kind)]
    return frozenset(generation for i in _in_order(found) if (generation := found[i]) is not None)


def cut(path: Path, kind: type[T], generation: int) -> Cut:
    """Keep the lines up to a generation, move damaged ones among them aside, and drop what comes after.

    The damaged ones are added to `damaged_lines(path)`, as they are.

    Raises:
        OSError: the files cannot be read or written; none of the lines up to that generation is lost.
    """
    lines = _scan(path, kind)
    found = [generation for _, generation in lines]
    in_order = _in_order(found)
    kept = [i for i in in_order if (at := found[i]) is not None and at <= generation]
    last = (found[kept[-1]] or 0) if kept else 0
    if last == generation:
        end = kept[-1] if kept else 0
    else:  # what stands before the first line beyond it may be of the generations that are missing
        end = in_order[len(kept)] if len(kept) < len(in_order) else len(lines)
    rest = set(range(end)).difference(kept)
    damaged = [lines[i][0] for i in sorted(rest) if lines[i][0].endswith(b"\n")]
    content = b"".join(lines[i][0] for i in kept)
    if damaged:
        _append(damaged_lines(path), b"".join(damaged))
        sync_file(damaged_lines(path))
        write_atomically(path, content)
    elif len(content) != sum(len(line) for line, _ in lines):
        os.truncate(path, len(content))
    return Cut(last, len(damaged))


def _scan(path: Path, kind: type[T]) -> list[tuple[bytes, int | None]]:
    """Every line with its generation; None where it cannot be read or is cut short."""
    decoder = msgspec.json.Decoder(kind)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    out: list[tuple[bytes, int | None]] = []
    for line in io.BytesIO(data):
        item = _decode(line, decoder) if line.endswith(b"\n") else None
        out.append((line, None if item is None else item.generation))
    return out


def _in_order(found: Sequence[int | None]) -> list[int]:
    """Indices of the longest ascending sequence: whatever digit was flipped in a line, it costs that line alone."""
    ends: list[int] = []  # of the best sequence of each length: the generation at its end, and the index of that
    at: list[int] = []
    before: list[int] = []
    for i, generation in enumerate(found):
        before.append(-1)
        if generation is None:
            continue
        length = bisect.bisect_left(ends, generation)
        last, gap = (at[length - 1], generation - ends[length - 1]) if length else (-1, generation)
        if length < len(ends) and ends[length] == generation and i - last != gap:
            continue  # it is there twice, and this one is not where it belongs
        ends[length : length + 1], at[length : length + 1] = [generation], [i]
        before[i] = last
    out: list[int] = []
    i = at[-1] if at else -1
    while i >= 0:
        out.append(i)
        i = before[i]
    return out[::-1]


# Reading ---------------------------------------------------------------------------------------------------------


class _Count:
    """A number that grows."""

    def __init__(self) -> None:
        self.value = 0


def _decode(line: bytes | str, decoder: msgspec.json.Decoder[T]) -> T | None:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _decoded(file: BinaryIO, decoder: msgspec.json.Decoder[T]) -> Iterator[T | None]:
    """The lines from where a file stands; None for a whole one that cannot be read."""
    for line in file:
        item = _decode(line, decoder)
        if item is not None or line.endswith(b"\n"):
            yield item


def _ascending(items: Iterable[T | None], after: int, skipped: _Count) -> Iterator[T]:
    """Those of generations after `after` that are in order; the others are counted in `skipped`.

    A generation that is not the next one is believed where the line after it goes on from there, or where it is the
    last: lines may be missing.
    """
    newest = after
    jumped: T | None = None
    for item in items:
        if item is None:
            skipped.value += 1
            continue
        if jumped is not None:
            if item.generation > jumped.generation:
                newest = jumped.generation
                yield jumped
            else:
                skipped.value += 1
            jumped = None
        if item.generation == newest + 1:
            newest = item.generation
            yield item
        elif item.generation > newest:
            jumped = item
        elif newest > after:
            skipped.value += 1
    if jumped is not None:
        yield jumped


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
    """Generation of the first line after `start`, before `end`, that the next one follows: no damaged one."""
    file.seek(start)
    file.readline()
    before: Line | None = None
    while file.tell() < end:
        item = _decode(file.readline(), _LINE)
        if before is not None and item is not None and item.generation == before.generation + 1:
            return before.generation
        before = item
    return None


def end_of(file: BinaryIO, generation: int) -> int:
    """The offset after the last whole line of a generation not above the given one; damaged lines before it belong."""
    _seek(file, generation)
    end = offset = file.tell()
    newest = 0
    beyond: int | None = None
    for line in file:
        offset += len(line)
        item = _decode(line, _LINE) if line.endswith(b"\n") else None
        if item is None:
            continue
        if beyond is not None and item.generation > beyond:
            break  # two in order beyond it: neither is a damaged one
        beyond = item.generation if item.generation > generation else None
        if newest <= item.generation <= generation:
            newest, end = item.generation, offset
    return end
