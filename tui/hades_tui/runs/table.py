"""The list of runs as a table that fits a width. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState, WorkerPhase
from hades_tui.runs.ordering import Grouping, Order, OrderedRuns, Row
from hades_tui.state.sparklines import Sparkline, levels
from hades_tui.text.fit import abridged, clean, fitted, padded, shortened
from hades_tui.text.format import Line, bar, duration, fraction_done, number, pace, state_text
from hades_tui.theme.glyphs import UNICODE, Glyphs

GAPS = (2, 1)
"""Spaces between columns; the smaller gap is tried before a column is dropped."""

BLOCKS = "▁▂▃▄▅▆▇█"
BRANCHES = {"|": "│ ", " ": "  ", "+": "├ ", "-": "└ "}
MARK = "*"

MIN_ID = 18
"""Columns that a run's id may always take; a longer one gets at most a third of the width."""


class Field(msgspec.Struct, frozen=True):
    """A column. text: its cell for a run.

    rank: columns of the highest rank are dropped first where the width does not suffice. optional: left out where it
    is empty for every run. least: minimum width.
    """

    title: str
    text: Callable[[RunSummary], str]
    hue: str = "text"
    rank: int = 0
    right: bool = True
    optional: bool = False
    least: int = 0


NOTE_WIDTH = 24
"""Most columns of a note; the details of a run have all of it."""

FIELDS: tuple[Field, ...] = (
    Field("state", lambda run: state_text(run)[0], right=False),
    Field("run", lambda run: clean(run.id), "bold", right=False),
    Field("name", lambda run: clean(run.name), "title", rank=3, right=False, optional=True),
    Field("environment", lambda run: clean(run.env), rank=4, right=False),
    Field("method", lambda run: clean(run.method), "dim", rank=6, right=False),
    Field("group", lambda run: clean(run.group), "dim", rank=7, right=False, optional=True),
    Field("tags", lambda run: clean(",".join(run.tags)), "gold", rank=7, right=False, optional=True),
    Field("prio", lambda run: f"{run.priority:+d}" if run.priority else "", "gold", rank=5, optional=True),
    Field("GPU", lambda run: ",".join(map(str, run.gpus)), "gold", rank=3, optional=True),
    Field("job", lambda run: clean(str(run.slurm_job or "")), "gold", rank=5, optional=True),
    Field("generation", lambda run: f"{run.generation}/{run.generations}", rank=1),
    Field("mean", lambda run: number(run.fitness_mean), "mean", least=5),
    Field("best", lambda run: number(run.fitness_best), "best", rank=1, least=5),
    Field("s/gen", lambda run: pace(run.seconds_per_generation), "dim", rank=4, least=5),
    Field("left", lambda run: duration(run.seconds_left), rank=2, least=5),
    Field("note", lambda run: shortened(clean(run.note), NOTE_WIDTH), "dim", rank=8, right=False, optional=True),
)

TREND, WHY = "trend", "why"
TREND_AFTER, BAR_AFTER = "mean", "generation"
TREND_WIDTHS = (8, 16)
LESS_THAN_TREND = 4
"""Columns of a higher rank are dropped before the trend."""
BAR_WIDTHS = (8, 40)
MIN_WHY = 24
"""Least width of the column of reasons; with less room a reason is on a line below its run."""


class TableLayout(msgspec.Struct, frozen=True):
    """The columns that are shown and their widths; 0 where bar, trend or reason has no column."""

    fields: tuple[Field, ...] = ()
    widths: tuple[int, ...] = ()
    gap: int = 1
    bar: int = 0
    trend: int = 0
    why: int = 0
    width: int = 0

    @property
    def known(self) -> dict[str, int]:
        """Widths of the numeric columns by title, as minimum widths for the next layout: columns only grow."""
        return {field.title: width for field, width in zip(self.fields, self.widths, strict=True) if field.right}


@lru_cache(maxsize=4096)
def cells(run: RunSummary) -> Mapping[str, str]:
    """Texts of the cells of a run, by title of the column."""
    return {field.title: field.text(run) for field in FIELDS}


def layout_for(rows: Sequence[Row], width: int, least: Mapping[str, int] | None = None) -> TableLayout:
    """The columns for these rows that fit a width. least: minimum widths by title."""
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
                return TableLayout(taken, widths, gap, *extras, width)
    raise AssertionError("the last choice is always taken")


def _extras(room: int, gap: int, longest: int) -> tuple[int, int, int]:
    """Widths of bar, trend and reason; room goes to the trend first, then the reason, then the bar."""

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
    """The lines of the tree before a row, and the sign for open or collapsed."""
    sign = ("▸ " if row.collapsed else "▾ ") if row.can_collapse else ""
    return "".join(BRANCHES[letter] for letter in row.stem) + sign


def _identity_width(row: Row) -> int:
    if row.run is None:
        return 0
    return len(indent(row)) + len(cells(row.run)["run"]) + (1 + len(row.title) if row.title else 0)


def why(row: Row) -> tuple[str, str]:
    """Why a run waits or failed, its phase while it starts, or where its parent is; with the hue."""
    run = row.run
    if run is None:
        return "", "dim"
    bad = run.state in (RunState.FAILED, RunState.BACKOFF)
    phase = run.phase if run.state is RunState.STARTING or run.phase is WorkerPhase.COMPILING else ""
    parts = [part for part in (run.reason or phase, row.hint) if part]
    return clean(" · ".join(parts)), "bad" if bad and run.reason else "warn" if run.reason else "dim"


def has_second_line(row: Row, layout: TableLayout) -> bool:
    """Whether the reason of a row is on a second line, since there is no column for it."""
    return not layout.why and bool(why(row)[0])


def second_line(row: Row, layout: TableLayout) -> Line:
    """The reason of a row as a line of its own."""
    text, hue = why(row)
    return fitted([("    └ ", "faint"), (text, hue)], layout.width)


def heading(layout: TableLayout) -> Line:
    """The line of column titles."""
    line: Line = [("  ", "heading")]
    for i, (field, width) in enumerate(zip(layout.fields, layout.widths, strict=True)):
        line.append((" " * layout.gap * bool(i) + padded(field.title, width, right=field.right), "heading"))
        if field.title == TREND_AFTER and layout.trend:
            line.append((" " * layout.gap + padded(TREND, layout.trend), "heading"))
        if field.title == BAR_AFTER and layout.bar:
            line.append((" " * (layout.gap + layout.bar), "heading"))
    if layout.why:
        line.append((" " * layout.gap + padded(WHY, layout.why), "heading"))
    return fitted(line, layout.width)


def line_of(
    row: Row,
    layout: TableLayout,
    *,
    selected: bool = False,
    marked: bool = False,
    sparkline: Sparkline = (),
    glyphs: Glyphs = UNICODE,
) -> Line:
    """The line of a row: a run, or the heading of a group."""
    gutter: Line = [(glyphs.selected if selected else " ", "ember"), (MARK if marked else " ", "gold")]
    run = row.run
    if run is None:
        return fitted([*gutter, (indent(row), "dim"), (clean(row.title), "label")], layout.width)
    line, texts, gap = gutter, cells(run), " " * layout.gap
    for i, (field, width) in enumerate(zip(layout.fields, layout.widths, strict=True)):
        if i:
            line.append((gap, "text"))
        if field.title == "run":
            line += _identity(row, texts["run"], width)
        else:
            hue = state_text(run)[1] if field.title == "state" else field.hue
            line.append((padded(texts[field.title], width, right=field.right), hue))
        if field.title == BAR_AFTER and layout.bar:
            line += [(gap, "text"), *bar(fraction_done(run), layout.bar, glyphs)]
        if field.title == TREND_AFTER and layout.trend:
            line += [(gap, "text"), (draw_sparkline(sparkline, layout.trend), "mean")]
    if layout.why:
        text, hue = why(row)
        line += [(gap, "text"), (padded(text, layout.why), hue)]
    return fitted(line, layout.width)


def _identity(row: Row, name: str, width: int) -> Line:
    stem = indent(row)
    count = f" {row.title}" if row.title else ""
    text = abridged(name, max(1, width - len(stem) - len(count)))
    return fitted([(stem, "dim"), (text, "bold"), (padded(count, width - len(stem) - len(text)), "gold")], width)


def draw_sparkline(sparkline: Sparkline, width: int) -> str:
    """The sparkline in block characters, the newest at the right; blank where nothing is known."""
    return "".join(" " if level is None else BLOCKS[level] for level in levels(sparkline, width, len(BLOCKS)))


def list_title(ordered: OrderedRuns, order: Order, selected: str | None) -> str:
    """The title of the list: the filter, and whether it hides the selected run."""
    if not order.filter.strip():
        return "Runs"
    text = f"Runs · {ordered.passed} of {ordered.total} with '{clean(order.filter.strip())}'"
    if selected is not None and ordered.row_of(selected) is None:
        text += f" · hides the selected {clean(selected)}"
    return text


def describe_order(order: Order, marked: int = 0) -> str:
    """How the list is sorted and grouped, but for the default, the newest first; and how many runs are marked."""
    parts = []
    if (order.sort, order.reverse) != ("created", False):
        parts.append(f"by {order.sort}" + (", reversed" if order.reverse else ""))
    if order.grouping is not Grouping.NONE:
        parts.append({Grouping.GROUP: "in groups", Grouping.LINEAGE: "as a tree of forks"}[order.grouping])
    if marked:
        parts.append(f"{marked} marked: keys that change a run act on {'it' if marked == 1 else 'them'}")
    return " · ".join(parts)
