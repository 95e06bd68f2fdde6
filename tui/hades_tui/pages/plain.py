"""The screen as plain text or JSON (`hades-tui attach --once`)."""

from collections.abc import Iterable

import msgspec
from rich.console import Console
from rich.text import Text

from hades_protocol.async_client import AsyncClient
from hades_protocol.codec import Array
from hades_protocol.errors import NotFoundError
from hades_tui.curve.legend import legend
from hades_tui.curve.panel import panel
from hades_tui.curve.viewport import Viewport
from hades_tui.pairs.table import PairTable
from hades_tui.runs.ordering import Order, order_runs
from hades_tui.runs.table import has_second_line, heading, layout_for, line_of, second_line
from hades_tui.state import model as models
from hades_tui.state.model import Model
from hades_tui.text.fit import clean
from hades_tui.text.format import Line, first_steps, identity_line
from hades_tui.theme.glyphs import pictured
from hades_tui.theme.palette import style, terminal

CURVE_ROWS = 16
LEAST_ROWS = 6
PAIR_ROWS = 8


async def fetch_model(client: AsyncClient, run: str | None) -> Model:
    """Request the daemon's runs, with history and pairs of the selected one. run: as options name it, or None.

    Raises:
        HadesError: no daemon answers, or there is no such run.
    """
    model = models.apply(Model(), await client.snapshot())
    if run is not None:
        model = models.select(model, (await client.show(run)).run.id)
    selected = model.selected
    if selected is None:
        return model
    model = models.with_history(models.requesting_history(model, selected), await client.history(selected))
    try:
        return models.with_dataset(model, selected, await client.dataset(selected))
    except NotFoundError:  # nothing is committed yet
        return model


def page(model: Model, width: int, height: int | None = None) -> list[Line]:
    """The screen as lines. height: most lines, of which the curve takes those that the rest leaves."""
    run = model.run
    if run is None:
        return first_steps()[:height]
    above = [*_runs(model, run.id, width, None if height is None else max(3, height // 4)), []]
    above.append([(identity_line(run), "title")])
    below: list[Line] = []
    if model.history.metrics:
        known = model.history.evaluated is not None
        below.append(legend(False, colours=False, evaluated=known, width=width, glyphs=terminal().glyphs))
    if model.dataset is not None and run.method != "es":
        below += [[], *_pairs(PairTable(model.dataset), width)]
    rows = CURVE_ROWS if height is None else height - len(above) - len(below)
    if rows < LEAST_ROWS:
        below, rows = [], max(0, rows + len(below))
    drawn = panel(model, width, rows, Viewport(), colours=False, glyphs=terminal().glyphs)
    return [*above, *drawn.lines, *below][:height]


def _runs(model: Model, selected: str, width: int, limit: int | None) -> list[Line]:
    """The list of runs; of a list longer than `limit` the part around the selected run."""
    rows = order_runs(model.runs, Order()).rows
    layout = layout_for(rows, width)
    lines: list[Line] = []
    at = 0
    for row in rows:
        at = len(lines) if row.key == selected else at
        sparkline, glyphs = model.sparklines.get(row.key, ()), terminal().glyphs
        lines += [line_of(row, layout, selected=row.key == selected, sparkline=sparkline, glyphs=glyphs)]
        lines += [second_line(row, layout)] if has_second_line(row, layout) else []
    if limit is not None and len(lines) >= limit:
        first = max(0, min(at - limit // 2, len(lines) - limit + 1))
        lines = lines[first : first + limit - 1]
    return [heading(layout), *lines]


def as_json(model: Model) -> str:
    """JSON with the daemon, its runs, and the newest metrics and pairs of the selected one."""
    dataset = model.dataset
    document = {
        "daemon": model.daemon,
        "runs": model.runs,
        "selected": model.selected,
        "metrics": model.history.metrics[-1] if model.history.metrics else None,
        "dataset": dataset
        and {"generation": dataset.generation, "states": _rows(dataset.states), "actions": _rows(dataset.actions)},
    }
    return msgspec.json.encode(document).decode()


def _rows(array: Array) -> list[list[float]]:
    values, count = array.values(), array.shape[0]
    size = len(values) // count if count else 0
    return [list(values[i * size : (i + 1) * size]) for i in range(count)]


def _pairs(table: PairTable, width: int) -> Iterable[Line]:
    """The first pairs, with as many columns as fit."""
    columns, used = [], 0
    for column in table.columns:
        used += column.width + 1
        if used > width:
            break
        columns.append(column)
    left = len(table.columns) - len(columns)
    more = f" … {left} more" if left else ""
    while columns and left and sum(c.width + 1 for c in columns) + len(more) > width:
        columns.pop()
        left += 1
        more = f" … {left} more"
    yield [(" ".join(f"{c.heading:>{c.width}}" for c in columns) + more, "heading")]
    for i in range(min(PAIR_ROWS, table.count)):
        line: Line = []
        for column in columns:
            text, hue = table.cell(i, column)
            line += [(text.rjust(column.width), hue), (" ", "text")]
        yield line
    if table.count > PAIR_ROWS:
        yield [(f"… and {table.count - PAIR_ROWS} more pairs", "dim")]


def write(model: Model, console: Console, height: int | None = None) -> None:
    """Print the screen; the console's settings decide about colours."""
    glyphs = terminal().glyphs
    for line in page(model, console.width, height):
        text = Text.assemble(*((clean(pictured(piece, glyphs)), style(hue)) for piece, hue in line))
        text.rstrip()
        console.print(text, no_wrap=True, crop=True, overflow="ignore")
