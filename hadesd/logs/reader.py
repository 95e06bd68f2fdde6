"""The newest lines of a log that a client asks for, read from its end."""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from hades_protocol.messages import LogLevel, LogLine
from hadesd.logs.parsing import Sieve, parse
from hadesd.logs.rotation import rotated

MAX_BYTES = 2 * 2**20
"""Of a log that are looked through, from its end: the daemon does nothing else meanwhile."""

MAX_TEXT = 4000
"""Letters of a line that are handed out."""

BLOCK = 64 * 1024


def read_log(path: Path, lines: int, level: LogLevel, search: str, limit: int = MAX_BYTES) -> tuple[LogLine, ...]:
    """The newest lines of a log and of its rotated files, oldest first; none where there is no such log.

    A line that is none of ours has the time of the one before it, 0 where that is not known.

    Args:
        level: the least that is wanted.
        search: text that a line must contain, upper and lower case alike.
        limit: bytes that are looked through.
    """
    sieve = Sieve(level, search)
    found: list[LogLine] = []
    undated = 0  # of the lines found, so many of the last ones wait for a time
    for line in _backwards(path, limit):
        if undated and (moment := _unix_time(parse(line).stamp)) is not None:
            found[-undated:] = [LogLine(time=moment, level=one.level, text=one.text) for one in found[-undated:]]
            undated = 0
        if len(found) < lines and (entry := sieve.entry(line)) is not None:
            moment = _unix_time(entry.stamp)
            found.append(LogLine(time=moment or 0.0, level=entry.level, text=_cut(entry.text)))
            undated += moment is None
        if len(found) == lines and not undated:
            break
    return tuple(reversed(found))


def _backwards(path: Path, limit: int) -> Iterator[str]:
    """The lines of a log from the newest on, across its rotations; one that the limit cuts is left out."""
    with contextlib.ExitStack() as stack:
        for file in _open(path, stack):
            rest = b""
            at = file.seek(0, os.SEEK_END)
            while at and limit > 0:
                size = min(BLOCK, at, limit)
                at, limit = at - size, limit - size
                file.seek(at)
                rest, *whole = (file.read(size) + rest).split(b"\n")
                yield from (line.decode(errors="replace") for line in reversed(whole))
            if at == 0 and rest:
                yield rest.decode(errors="replace")


def _open(path: Path, stack: contextlib.ExitStack) -> list[IO[bytes]]:
    """The files of a log, newest first. All at once: one that is renamed meanwhile is neither missed nor read twice."""
    files: list[IO[bytes]] = []
    for name in (path, *reversed(rotated(path))):
        with contextlib.suppress(FileNotFoundError):
            file = stack.enter_context(open(name, "rb"))  # noqa: SIM115 — the stack closes it
            if not any(os.path.sameopenfile(file.fileno(), other.fileno()) for other in files):
                files.append(file)
    return files


def _unix_time(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " …"
