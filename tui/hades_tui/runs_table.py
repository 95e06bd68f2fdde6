"""The list of runs as lines that fit a width. Pure."""

from collections.abc import Callable

import msgspec

from hades_protocol.messages import RunSummary
from hades_tui.view import Line, bar, duration, fraction_done, number, pace, state_word

GAPS = (2, 1)
"""Spaces between columns; the narrower ones before a column goes."""
MAX_BAR = 40


class Field(msgspec.Struct, frozen=True):
    """A column. `rank`: the columns of the highest rank go first where the width does not suffice."""

    title: str
    text: Callable[[RunSummary], str]
    hue: str = "text"
    rank: int = 0
    right: bool = True


FIELDS: tuple[Field, ...] = (
    Field("state", lambda run: state_word(run)[0], right=False),
    Field("run", lambda run: run.id, "bold", right=False),
    Field("environment", lambda run: run.env, rank=4, right=False),
    Field("method", lambda run: run.method, "dim", rank=5, right=False),
    Field("group", lambda run: run.group, "dim", rank=6, right=False),
    Field("generation", lambda run: f"{run.generation}/{run.generations}", rank=1),
    Field("mean", lambda run: number(run.fitness_mean), "mean"),
    Field("best", lambda run: number(run.fitness_best), "best", rank=1),
    Field("s/gen", lambda run: pace(run.seconds_per_generation), "dim", rank=3),
    Field("left", lambda run: duration(run.seconds_left), rank=2),
)

BAR_AFTER = "generation"
MIN_BAR = 8


class Layout(msgspec.Struct, frozen=True):
    """Which columns are shown, how wide each, how far apart, and what is left for the progress bar (0: none)."""

    fields: tuple[Field, ...]
    widths: tuple[int, ...]
    gap: int
    bar: int


def layout(runs: tuple[RunSummary, ...], width: int) -> Layout:
    """The columns for these runs that fit a width."""
    known = tuple(field for field in FIELDS if field.title != "group" or any(run.group for run in runs))
    ranks = sorted({field.rank for field in known}, reverse=True)
    for rank in ranks:
        fields = tuple(field for field in known if field.rank <= rank)
        widths = tuple(max([len(f.title), *(len(f.text(run)) for run in runs)]) for f in fields)
        for gap in GAPS:
            room = width - 2 - sum(widths) - gap * (len(fields) - 1)
            if room >= 0 or (rank == ranks[-1] and gap == GAPS[-1]):
                spare = min(MAX_BAR, room - gap)
                has_progress = any(field.title == BAR_AFTER for field in fields)
                return Layout(fields, widths, gap, spare if spare >= MIN_BAR and has_progress else 0)
    raise AssertionError("the last choice is always taken")


def heading(shape: Layout) -> Line:
    """The titles of the columns."""
    line: Line = [("  ", "heading")]
    for i, (field, width) in enumerate(zip(shape.fields, shape.widths, strict=True)):
        if i:
            line.append((" " * shape.gap, "heading"))
        line.append((field.title.rjust(width) if field.right else field.title.ljust(width), "heading"))
        if field.title == BAR_AFTER and shape.bar:
            line.append((" " * (shape.gap + shape.bar), "heading"))
    return line


def row(run: RunSummary, shape: Layout, selected: bool) -> Line:
    """One run."""
    line: Line = [("▌ " if selected else "  ", "ember")]
    for i, (field, width) in enumerate(zip(shape.fields, shape.widths, strict=True)):
        text = field.text(run)
        hue = state_word(run)[1] if field.title == "state" else field.hue
        if i:
            line.append((" " * shape.gap, "text"))
        line.append((text.rjust(width) if field.right else text.ljust(width), hue))
        if field.title == BAR_AFTER and shape.bar:
            line += [(" " * shape.gap, "text"), *bar(fraction_done(run), shape.bar)]
    return line
