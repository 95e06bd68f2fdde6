"""The list of runs as lines that fit a width. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hades_tui.runs.ordering import Arrangement, Grouping, Order, Row
from hades_tui.state.sparklines import Tail, levels
from hades_tui.text.fit import abridged, clean, fitted, padded
from hades_tui.text.format import Line, bar, duration, fraction_done, number, pace, state_word
from hades_tui.theme.glyphs import UNICODE, Glyphs

GAPS = (2, 1)
"""Spaces between columns; the narrower ones before a column goes."""

BLOCKS = "▁▂▃▄▅▆▇█"
BRANCHES = {"|": "│ ", " ": "  ", "+": "├ ", "-": "└ "}
MARK = "*"

MIN_ID = 18
"""Columns that an id of a run may take in any list; longer ones get a third of the width."""


class Field(msgspec.Struct, frozen=True):
    """A column. `rank`: the columns of the highest rank go first where the width does not suffice.

    optional: left out where it is empty for every run.
    """

    title: str
    text: Callable[[RunSummary], str]
    hue: str = "text"
    rank: int = 0
    right: bool = True
    optional: bool = False
    least: int = 0


FIELDS: tuple[Field, ...] = (
    Field("state", lambda run: state_word(run)[0], right=False),
    Field("run", lambda run: clean(run.id), "bold", right=False),
    Field("environment", lambda run: clean(run.env), rank=4, right=False),
    Field("method", lambda run: clean(run.method), "dim", rank=6, right=False),
    Field("group", lambda run: clean(run.group), "dim", rank=7, right=False, optional=True),
    Field("prio", lambda run: f"{run.priority:+d}" if run.priority else "", "gold", rank=5, optional=True),
    Field("GPU", lambda run: ",".join(map(str, run.gpus)), "gold", rank=3, optional=True),
    Field("generation", lambda run: f"{run.generation}/{run.generations}", rank=1),
    Field("mean", lambda run: number(run.fitness_mean), "mean", least=5),
    Field("best", lambda run: number(run.fitness_best), "best", rank=1, least=5),
    Field("s/gen", lambda run: pace(run.seconds_per_generation), "dim", rank=4, least=5),
    Field("left", lambda run: duration(run.seconds_left), rank=2, least=5),
)

TREND, WHY = "trend", "why"
TREND_AFTER, BAR_AFTER = "mean", "generation"
TREND_WIDTHS = (8, 16)
LESS_THAN_TREND = 4
"""Columns of a higher rank go before the trend does."""
BAR_WIDTHS = (8, 40)
MIN_WHY = 24
"""Columns from which on a reason stands beside its run; where there are fewer it stands below."""


class Layout(msgspec.Struct, frozen=True):
    """Which columns are shown and how wide each; 0 where bar, trend or reason have no column."""

    fields: tuple[Field, ...] = ()
    widths: tuple[int, ...] = ()
    gap: int = 1
    bar: int = 0
    trend: int = 0
    why: int = 0
    width: int = 0

    @property
    def known(self) -> dict[str, int]:
        """Widths of numbers by title, the least ones of a later layout: columns that only grow do not jump about."""
        return {field.title: width for field, width in zip(self.fields, self.widths, strict=True) if field.right}


@lru_cache(maxsize=4096)
def cells(run: RunSummary) -> Mapping[str, str]:
    """What stands in the columns of a run."""
    return {field.title: field.text(run) for field in FIELDS}


def layout(rows: Sequence[Row], width: int, least: Mapping[str, int] | None = None) -> Layout:
    """The columns for these rows that fit a width; `least`: columns that are wider than they need to be."""
    runs = [row.run for row in rows if row.run is not None]
    texts = [cells(run) for run in runs]
    fields = tuple(f for f in FIELDS if not f.optional or any(text[f.title] for text in texts))
    wants = {f.title: max([len(f.title), f.least, *(len(text[f.title]) for text in texts)]) for f in fields}
    wants["run"] = min(max(MIN_ID, width // 3), max([wants["run"], *(_identity_width(row) for row in rows)]))
    for title, size in (least or {}).items():
        wants[title] = max(wants.get(title, 0), size)
    ranks = sorted({field.rank for field in fields}, reverse=True)
    for rank in ranks:
        taken = tuple(field for field in fields if field.rank <= rank)
        widths = tuple(wants[field.title] for field in taken)
        for gap in GAPS:
            room = width - 2 - sum(widths) - gap * (len(taken) - 1)
            if room >= (gap + TREND_WIDTHS[0] if rank > LESS_THAN_TREND else 0) or (
                rank == ranks[-1] and gap == GAPS[-1]
            ):
                extras = _extras(room, gap, max((len(why(row)[0]) for row in rows), default=0))
                return Layout(taken, widths, gap, *extras, width)
    raise AssertionError("the last choice is always taken")


def _extras(room: int, gap: int, longest: int) -> tuple[int, int, int]:
    """Widths of progress bar, trend and reason: first the trend, then the reason, then the bar."""

    def take(least: int, most: int) -> int:
        nonlocal room
        size = min(most, room - gap) if room - gap >= least else 0
        room -= size + gap if size else 0
        return size

    trend = take(TREND_WIDTHS[0], TREND_WIDTHS[0])
    reason = take(min(MIN_WHY, longest), longest) if longest else 0
    wide = take(BAR_WIDTHS[0], BAR_WIDTHS[1]) if gap == GAPS[0] else 0
    more = min(TREND_WIDTHS[1] - trend, room) if trend else 0
    return wide, trend + max(0, more), reason


def indent(row: Row) -> str:
    """The lines of the tree before a run, and whether it can be opened."""
    sign = ("▸ " if row.collapsed else "▾ ") if row.can_collapse else ""
    return "".join(BRANCHES[letter] for letter in row.stem) + sign


def _identity_width(row: Row) -> int:
    if row.run is None:
        return 0
    return len(indent(row)) + len(cells(row.run)["run"]) + (1 + len(row.title) if row.title else 0)


def why(row: Row) -> tuple[str, str]:
    """Why a run waits or failed, where its parent is, or how far it is with starting; with the hue."""
    run = row.run
    if run is None:
        return "", "dim"
    bad = run.state in (RunState.FAILED, RunState.BACKOFF)
    phase = run.phase if run.state is RunState.STARTING else ""
    parts = [part for part in (run.reason or phase, row.hint) if part]
    return clean(" · ".join(parts)), "bad" if bad and run.reason else "warn" if run.reason else "dim"


def has_second_line(row: Row, shape: Layout) -> bool:
    """Whether the reason of a run stands below it, for want of width."""
    return not shape.why and bool(why(row)[0])


def second_line(row: Row, shape: Layout) -> Line:
    """The reason of a run, on a line of its own."""
    text, hue = why(row)
    return fitted([("    └ ", "faint"), (text, hue)], shape.width)


def heading(shape: Layout) -> Line:
    """The titles of the columns."""
    line: Line = [("  ", "heading")]
    for i, (field, width) in enumerate(zip(shape.fields, shape.widths, strict=True)):
        line.append((" " * shape.gap * bool(i) + padded(field.title, width, right=field.right), "heading"))
        if field.title == TREND_AFTER and shape.trend:
            line.append((" " * shape.gap + padded(TREND, shape.trend), "heading"))
        if field.title == BAR_AFTER and shape.bar:
            line.append((" " * (shape.gap + shape.bar), "heading"))
    if shape.why:
        line.append((" " * shape.gap + padded(WHY, shape.why), "heading"))
    return fitted(line, shape.width)


def line_of(
    row: Row,
    shape: Layout,
    *,
    selected: bool = False,
    marked: bool = False,
    tail: Tail = (),
    glyphs: Glyphs = UNICODE,
) -> Line:
    """One row: a run, or the heading of a group."""
    gutter: Line = [(glyphs.selected if selected else " ", "ember"), (MARK if marked else " ", "gold")]
    run = row.run
    if run is None:
        return fitted([*gutter, (indent(row), "dim"), (clean(row.title), "label")], shape.width)
    line, texts, gap = gutter, cells(run), " " * shape.gap
    for i, (field, width) in enumerate(zip(shape.fields, shape.widths, strict=True)):
        if i:
            line.append((gap, "text"))
        if field.title == "run":
            line += _identity(row, texts["run"], width)
        else:
            hue = state_word(run)[1] if field.title == "state" else field.hue
            line.append((padded(texts[field.title], width, right=field.right), hue))
        if field.title == BAR_AFTER and shape.bar:
            line += [(gap, "text"), *bar(fraction_done(run), shape.bar, glyphs)]
        if field.title == TREND_AFTER and shape.trend:
            line += [(gap, "text"), (sparkline(tail, shape.trend), "mean")]
    if shape.why:
        text, hue = why(row)
        line += [(gap, "text"), (padded(text, shape.why), hue)]
    return fitted(line, shape.width)


def _identity(row: Row, name: str, width: int) -> Line:
    stem = indent(row)
    count = f" {row.title}" if row.title else ""
    text = abridged(name, max(1, width - len(stem) - len(count)))
    return fitted([(stem, "dim"), (text, "bold"), (padded(count, width - len(stem) - len(text)), "gold")], width)


def sparkline(tail: Tail, width: int) -> str:
    """The newest means of a run, the newest at the right; blank where nothing is known."""
    return "".join(" " if level is None else BLOCKS[level] for level in levels(tail, width, len(BLOCKS)))


def list_title(arrangement: Arrangement, order: Order, selected: str | None) -> str:
    """What is listed; and where the selected run is, when the filter hides it."""
    if not order.filter.strip():
        return "Runs"
    text = f"Runs · {arrangement.passed} of {arrangement.total} with '{clean(order.filter.strip())}'"
    if selected is not None and arrangement.row_of(selected) is None:
        text += f" · hides the selected {clean(selected)}"
    return text


def order_words(order: Order) -> str:
    """How the list is sorted and grouped; empty for the newest first."""
    parts = []
    if (order.sort, order.reverse) != ("created", False):
        parts.append(f"by {order.sort}" + (", reversed" if order.reverse else ""))
    if order.grouping is not Grouping.NONE:
        parts.append({Grouping.GROUP: "in groups", Grouping.LINEAGE: "as a tree of forks"}[order.grouping])
    return " · ".join(parts)
