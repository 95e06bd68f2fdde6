"""The files of a fork: a run directory that stands on its own, so that its parent may be removed."""

import os
import shutil
from pathlib import Path

import msgspec

from hades_protocol.errors import NotFoundError, WrongStateError
from hadesd.storage.checkpoints import flush, generations
from hadesd.storage.datasets import generation_of
from hadesd.storage.layout import RunPaths


class _Line(msgspec.Struct, frozen=True):
    generation: int


def choose_generation(run: str, directory: Path, wanted: int | None) -> int:
    """The generation of the checkpoint to go on from: the wanted one, or the newest.

    Raises:
        NotFoundError: there is no such checkpoint; those that there are are named.
    """
    kept = generations(RunPaths(directory).checkpoints)
    if not kept:
        raise NotFoundError(f"run {run} has no checkpoint yet: it is written with the first generation")
    if wanted is None:
        return kept[-1]
    if wanted not in kept:
        listed = ", ".join(map(str, kept[-12:]))
        more = "…, " if len(kept) > 12 else ""
        raise NotFoundError(f"run {run} keeps no checkpoint of generation {wanted}; it has {more}{listed}")
    return wanted


def copy_history(parent: Path, child: Path, generation: int) -> None:
    """Put into a new run directory what a run at that generation has: checkpoint, curves, best pairs, reference levels.

    All of it is on the disk afterwards, safe from a power cut: the parent may be removed.

    Raises:
        WrongStateError: the parent's worker has just removed that checkpoint.
        OSError: no room.
    """
    old, new = RunPaths(parent), RunPaths(child)
    source = old.checkpoint(generation)
    try:
        shutil.copytree(source, new.checkpoint(generation))
    except (FileNotFoundError, shutil.Error) as error:
        if source.exists():
            raise
        raise WrongStateError(
            f"the checkpoint of generation {generation} has just been removed to make room for newer ones: "
            "choose another, or raise checkpoints.keep_newest"
        ) from error
    _copy_lines(old.metrics, new.metrics, generation)
    _copy_lines(old.timings, new.timings, generation)
    if old.references.exists():
        shutil.copyfile(old.references, new.references)
    if 0 < generation_of(old.best) <= generation:
        shutil.copyfile(old.best, new.best)
    flush(child)


def _copy_lines(source: Path, target: Path, generation: int) -> None:
    """Copy the lines up to a generation. Lines are in ascending order: the end is found by bisection."""
    try:
        with open(source, "rb") as file:
            end = _end_of(file.fileno(), generation)
            with open(target, "wb") as out:
                copied = 0
                while copied < end:
                    copied += os.sendfile(out.fileno(), file.fileno(), copied, end - copied)
    except FileNotFoundError:
        return  # resumes.jsonl begins with the first resume


def _end_of(fd: int, generation: int) -> int:
    """The offset after the last line of a generation not above the given one."""
    low, high = 0, os.fstat(fd).st_size  # `low` is the start of a line
    while low < high:
        start, line = _line_at(fd, (low + high) // 2, low)
        if line.endswith(b"\n") and _generation(line) <= generation:
            low = start + len(line)
        else:
            high = start
    return low


def _line_at(fd: int, offset: int, least: int) -> tuple[int, bytes]:
    """The line in which an offset lies, from its start; `least`: the start of a line at or before it."""
    step = 4096
    start = offset
    while start > least:
        begin = max(least, start - step)
        block = os.pread(fd, start - begin, begin)
        newline = block.rfind(b"\n")
        if newline >= 0:
            start = begin + newline + 1
            break
        start = begin
    line = b""
    while not line.endswith(b"\n"):
        block = os.pread(fd, step, start + len(line))
        if not block:
            break
        line += block[: block.find(b"\n") + 1] if b"\n" in block else block
    return start, line


def _generation(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_Line).generation
    except msgspec.DecodeError:
        return 2**63  # damaged: the worker cuts there too
