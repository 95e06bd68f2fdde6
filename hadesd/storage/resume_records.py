"""resumes.jsonl: a line for each time that a worker went on with a run. The worker is its only writer."""

import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from hades_protocol.messages import Count, UnixTime
from hadesd.storage.atomic import tail_lines
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import append


class ResumeKind(StrEnum):
    """What a worker did before it computed on."""

    RESUME = "resume"  # went on from a checkpoint
    FALLBACK = "fallback"  # passed over a damaged checkpoint and took an older one
    RESIZE = "resize"  # brought the state to other sizes
    CHUNK = "chunk"  # halved the chunk, as a device's memory was too small
    METHOD = "method"  # made pairs of the policy that a run of method es had evolved


class ResumeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file. bit_exact: whether the run still is what an undisturbed one were."""

    generation: Count  # committed when it happened
    kind: ResumeKind
    text: str
    time: UnixTime  # Unix time
    bit_exact: bool = True


def append_resume_record(directory: Path, generation: int, kind: ResumeKind, text: str, bit_exact: bool) -> None:
    """Add a line.

    Raises:
        OSError: it could not be written.
    """
    record = ResumeRecord(generation=generation, kind=kind, text=text, time=time.time(), bit_exact=bit_exact)
    append(RunPaths(directory).resumes, record)


def read_resume_records(directory: Path) -> tuple[ResumeRecord, ...]:
    """The records of a run in the order in which they were written; none where there is no file.

    Raises:
        OSError: it cannot be read.
    """
    path = RunPaths(directory).resumes
    return _parse(path.read_text(errors="replace").splitlines()) if path.exists() else ()


def newest_resume_records(directory: Path, count: int) -> tuple[ResumeRecord, ...]:
    """The last ones, of a bounded number of bytes; else as read_resume_records."""
    return _parse(tail_lines(RunPaths(directory).resumes, count))


def _parse(lines: Iterable[str]) -> tuple[ResumeRecord, ...]:
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=ResumeRecord))
        except msgspec.DecodeError:
            continue  # the last line of a file that is being written
    return tuple(found)
