"""One look at the daemon as text, for a pipe or a terminal that shall not be taken over."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from hades_protocol.client import Client
from hades_protocol.errors import NotFoundError
from hades_tui import model as models
from hades_tui.arrange import Order, arrange
from hades_tui.fitness import fitness_lines
from hades_tui.legend import legend
from hades_tui.model import Model
from hades_tui.pairs import PairTable
from hades_tui.palette import style
from hades_tui.runs_table import has_second_line, heading, layout, line_of, second_line
from hades_tui.view import BEGIN, Line, identity_line

CURVE_ROWS = 16
PAIR_ROWS = 8


async def look(client: Client, run: str | None) -> Model:
    """The daemon's runs now, with the history and pairs of one.

    Raises:
        HadesError: no daemon, or no such run.
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


def page(model: Model, width: int) -> list[Line]:
    """The look as lines."""
    run = model.run
    if run is None:
        return [[span] for span in BEGIN]
    rows = arrange(model.runs, Order()).rows
    shape = layout(rows, width)
    lines = [heading(shape)]
    for row in rows:
        tail = model.tails.get(row.key, ())
        lines += [line_of(row, shape, selected=row.key == run.id, tail=tail)]
        lines += [second_line(row, shape)] if has_second_line(row, shape) else []
    lines.append([])
    lines.append([(identity_line(run), "title")])
    lines += fitness_lines(model, width, CURVE_ROWS, colours=False)
    if model.history.metrics:
        lines.append(legend(False, colours=False, evaluated=model.history.evaluated is not None))
    if model.dataset is not None and run.method != "es":
        lines += [[], *_pairs(PairTable(model.dataset), width)]
    return lines


def _pairs(table: PairTable, width: int) -> Iterable[Line]:
    """The first pairs, as many columns as fit."""
    columns, used = [], 0
    for column in table.columns:
        used += column.width + 1
        if used > width:
            break
        columns.append(column)
    yield [(" ".join(f"{c.title:>{c.width}}" for c in columns), "heading")]
    for i in range(min(PAIR_ROWS, table.count)):
        line: Line = []
        for column in columns:
            text, hue = table.cell(i, column)
            line += [(text.rjust(column.width), hue), (" ", "text")]
        yield line
    if table.count > PAIR_ROWS:
        yield [(f"… and {table.count - PAIR_ROWS} more pairs", "dim")]


def write(model: Model, console: Console) -> None:
    """Print the look; the console knows whether colours are wanted."""
    for line in page(model, console.width):
        text = Text.assemble(*((piece, style(hue)) for piece, hue in line))
        text.rstrip()
        console.print(text, no_wrap=True, crop=True, overflow="ignore")
