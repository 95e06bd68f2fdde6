"""Text for people and JSON for scripts."""

import contextlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.stdio import DUMB, complain, takes_unicode
from hades_protocol.terminal import coloured

COLOURS = {
    RunState.RUNNING: "32",
    RunState.STARTING: "36",
    RunState.QUEUED: "36",
    RunState.FINISHED: "1;32",
    RunState.FAILED: "31",
    RunState.BACKOFF: "33",
    RunState.PAUSED: "33",
}

HEADINGS = (
    *("RUN", "NAME", "STATE", "GENERATION", "MEAN", "BEST", "S/GEN", "LEFT", "GPU", "JOB", "GROUP"),
    *("TAGS", "NOTE", "WHY"),
)
OPTIONAL = ("NAME", "GPU", "JOB", "GROUP", "TAGS", "NOTE", "WHY")
LEFT_ALIGNED = ("RUN", "JOB", "NAME", "STATE", "GROUP", "TAGS", "NOTE", "WHY")
GIVEN_UP = ("NOTE", "TAGS", "JOB", "GPU", "S/GEN", "BEST", "GROUP", "NAME", "LEFT", "MEAN")
"""Columns that go, in this order, where a terminal is too narrow; `status RUN` shows all."""

SHORT_NOTE = 40
"""Letters of a note in the table; `status RUN` and `note RUN` print all."""


def refuse_existing(path: Path, force: bool, instead: str = "another name") -> None:
    """Refuse to write where something is already, be it a link that leads nowhere.

    Raises:
        UsageError: says what to do instead.
    """
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} exists already: choose {instead}, or replace it with --force")


def refuse_link(path: Path) -> None:
    """Refuse to replace a link; for verbs that replace files without being told to.

    Raises:
        UsageError: the path is one.
    """
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link: name the file itself, or remove the link")


_before_lines: list[Callable[[], None]] = []


@contextlib.contextmanager
def before_each_line(make_room: Callable[[], None]) -> Iterator[None]:
    """Until the end of the block, call that before each line that is said: a live line goes away for it."""
    _before_lines.append(make_room)
    try:
        yield
    finally:
        _before_lines.remove(make_room)


def say(text: str) -> None:
    """Print a line for people, on stderr. Where nobody can be told, what was to be done is done all the same."""
    for make_room in _before_lines:
        make_room()
    complain(text)


def print_json(document: msgspec.Struct) -> None:
    """One JSON object on stdout. A number that is not finite is null: JSON has no such numbers."""
    spelled = not takes_unicode(sys.stdout)
    print(json.dumps(_finite(msgspec.to_builtins(document)), ensure_ascii=spelled, allow_nan=False), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_screen(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows escape sequences."""
    return stream.isatty() and os.environ.get("TERM") not in DUMB


def use_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that wants colour (https://no-color.org)."""
    return is_screen(stream) and not os.environ.get("NO_COLOR")


def number(value: float | None) -> str:
    """A fitness in five significant digits; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.5g}"


def rate(seconds: float | None) -> str:
    """Seconds a generation in three significant digits; a dash for none."""
    return "–" if seconds is None else f"{seconds:.3g}"


def duration(seconds: float | None) -> str:
    """Seconds as people write them: 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h; a dash for none."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def describe_state(run: RunSummary) -> str:
    """The state, with what the worker does while it starts, and where it compiles later."""
    starts = run.state == RunState.STARTING and run.phase not in (WorkerPhase.NONE, WorkerPhase.STARTING)
    if starts or (run.state == RunState.RUNNING and run.phase == WorkerPhase.COMPILING):
        return f"{run.state} ({run.phase})"
    return str(run.state)


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal that a stream is; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def table(runs: "list[RunSummary] | tuple[RunSummary, ...]", colour: bool, width: int | None = None) -> str:
    """The runs as a table, without the OPTIONAL columns that would be empty.

    width: of a terminal. Where it is too narrow, why a run is not running stands in a line below it, and columns go.
    """
    rows = [dict(zip(HEADINGS, _row(run), strict=True)) for run in runs]
    columns = {
        heading: max(len(heading), *(len(row[heading]) for row in rows), 0)
        for heading in HEADINGS
        if heading not in OPTIONAL or any(row[heading] for row in rows)
    }
    below = width is not None and _total(columns) > width and columns.pop("WHY", 0) > 0
    for heading in GIVEN_UP:
        if width is not None and _total(columns) > width:
            columns.pop(heading, None)
    lines = [_aligned({heading: heading for heading in columns}, columns)]
    for run, row in zip(runs, rows, strict=True):
        lines.append(_aligned(row, columns, COLOURS.get(run.state) if colour else None))
        if below and row["WHY"]:
            lines.append(f"    {row['WHY']}")
    return "\n".join(lines)


def _total(columns: dict[str, int]) -> int:
    """Of a line with columns of these widths."""
    return sum(columns.values()) + 2 * (len(columns) - 1)


def _aligned(row: dict[str, str], columns: dict[str, int], colour: str | None = None) -> str:
    """A line of the table. colour: of the state."""
    cells = {
        heading: row[heading].ljust(width) if heading in LEFT_ALIGNED else row[heading].rjust(width)
        for heading, width in columns.items()
    }
    if colour:
        cells["STATE"] = coloured(cells["STATE"], colour)
    return "  ".join(cells.values()).rstrip()


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        run.id,
        run.name,
        describe_state(run),
        f"{run.generation}/{run.generations}",
        number(run.fitness_mean),
        number(run.fitness_best),
        rate(run.seconds_per_generation),
        duration(run.seconds_left),
        ",".join(map(str, run.gpus)),
        str(run.slurm_job or ""),
        run.group,
        ",".join(run.tags),
        run.note if len(run.note) <= SHORT_NOTE else f"{run.note[: SHORT_NOTE - 1]}…",
        run.reason,
    )
