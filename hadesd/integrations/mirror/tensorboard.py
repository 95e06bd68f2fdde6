"""A run as a TensorBoard event file that is appended to, and read back to know what it holds.

One record is one generation with all its numbers, and its checksum says whether it is whole: after a SIGKILL or a
power cut the file is cut behind the last whole record and goes on from there.
"""

import errno
import math
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tensorboardX import summary as board
from tensorboardX.proto import event_pb2, summary_pb2
from tensorboardX.record_writer import masked_crc32c

from hades_protocol.messages import GenerationMetrics, RunSummary
from hades_protocol.paths import create_beside
from hadesd.integrations.mirror.sink import SECONDS, Point, scalars

PREFIX = "events.out.tfevents."
SUFFIX = ".hades"
FILE_MODE = 0o644
"""Other programs' event files in the same directory are left alone."""

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")


class EventFile:
    """The event file of one run, below a directory of that name; a Target.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, top: Path, run: RunSummary, spec: dict[str, Any]) -> None:
        self.directory = top / run.id
        self.directory.mkdir(parents=True, exist_ok=True)
        self._spec = spec
        self._last: event_pb2.Event | None = None
        found = sorted(self.directory.glob(f"{PREFIX}*{SUFFIX}"))
        for path in found[:-1]:  # its successor was written in full, and we ended before it could be removed
            path.unlink()
        if found and self._recover(found[-1]):
            self._path = found[-1]
        else:
            self._path = self._new([], restart=False)

    @property
    def newest(self) -> int:
        """The newest generation in the file; 0 for none."""
        return 0 if self._last is None else self._last.step

    def holds(self, metrics: GenerationMetrics) -> bool:
        """Whether the newest record is that generation with these numbers."""
        if self._last is None or self._last.step != metrics.generation:
            return False
        ours = {value.tag: value.simple_value for value in self._last.summary.value if value.tag != SECONDS}
        theirs = scalars(Point(metrics))
        return ours.keys() == theirs.keys() and all(_same(ours[name], theirs[name]) for name in ours)

    def write(self, points: list[Point]) -> None:
        """Append a record for each generation."""
        written = [_generation(point) for point in points]
        _append(self._path, b"".join(_record(event) for event in written))
        self._last = written[-1]

    def cut(self, generation: int) -> None:
        """Write a new file without what came after a generation, then remove the old one.

        A TensorBoard that is looking has read the old one: the new one begins with what makes it forget all of it.
        """
        kept = [event for event in _events(self._path) if 0 < event.step <= generation]
        old, self._path = self._path, self._new(kept, restart=True)
        old.unlink()
        self._last = kept[-1] if kept else None

    def close(self) -> None:
        """Nothing is kept open."""

    def _recover(self, path: Path) -> bool:
        """Cut a file behind its last whole record and read that; False: there is none, and the file is gone."""
        tail = deque(_records(path), maxlen=2)  # a write that was cut short leaves at most the last one unsound
        if tail and not tail[-1].is_sound():
            tail.pop()
        if not tail:
            path.unlink()
            return False
        if tail[-1].end < path.stat().st_size:
            os.truncate(path, tail[-1].end)
        event = event_pb2.Event.FromString(tail[-1].data)
        self._last = event if event.step > 0 else None
        return True

    def _new(self, kept: list[event_pb2.Event], restart: bool) -> Path:
        """A new event file that appears whole, with a name after those of all files before it."""
        now = time.time()
        first = [event_pb2.Event(wall_time=now, file_version="brain.Event:2")]
        if restart:
            session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            first.append(event_pb2.Event(wall_time=now, step=0, session_log=session))
        settings = f"```json\n{msgspec.json.format(msgspec.json.encode(self._spec), indent=1).decode()}\n```"
        first.append(event_pb2.Event(wall_time=now, summary=board.text("settings", settings)))
        temporary, fd = create_beside(self.directory / "hades")
        try:
            with open(fd, "wb") as file:
                file.write(b"".join(_record(event) for event in (*first, *kept)))
            temporary.chmod(FILE_MODE)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        path = self.directory / f"{PREFIX}{time.time_ns() // 1000:017d}.{socket.gethostname()}{SUFFIX}"
        os.replace(temporary, path)
        return path


def _same(stored: float, value: float) -> bool:
    """Whether a number is the one that was stored as float32."""
    as_float32: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return stored == as_float32 or (math.isnan(stored) and math.isnan(as_float32))


def _generation(point: Point) -> event_pb2.Event:
    at = point.timing.committed_at if point.timing is not None else 0.0
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(point).items()]
    return event_pb2.Event(
        wall_time=at or time.time(), step=point.metrics.generation, summary=summary_pb2.Summary(value=values)
    )


def _record(event: event_pb2.Event) -> bytes:
    """A record of a TFRecord file: length and data, each with its checksum."""
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join((length, FOOTER.pack(masked_crc32c(length)), data, FOOTER.pack(masked_crc32c(data))))


def _append(path: Path, data: bytes) -> None:
    """Add whole records, or nothing."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        if os.write(fd, data) != len(data):
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(fd)


class _Record(msgspec.Struct, frozen=True):
    """A record of a file. `end`: offset behind it."""

    end: int
    data: bytes
    checksum: int

    def is_sound(self) -> bool:
        return bool(masked_crc32c(self.data) == self.checksum)


def _records(path: Path) -> Iterator[_Record]:
    """The records up to the first that is not all there. Whether their data is sound is for the caller to ask: slow."""
    with open(path, "rb") as file:
        while len(header := file.read(HEADER.size)) == HEADER.size:
            length, check = HEADER.unpack(header)
            if masked_crc32c(header[:8]) != check:
                return
            data, footer = file.read(length), file.read(FOOTER.size)
            if len(footer) < FOOTER.size:
                return
            yield _Record(file.tell(), data, FOOTER.unpack(footer)[0])


def _events(path: Path) -> Iterator[event_pb2.Event]:
    return (event_pb2.Event.FromString(record.data) for record in _records(path))
