"""The pairs of the mean dataset, scrollable both ways; only what is in sight is formatted."""

from bisect import bisect_right
from textwrap import wrap
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hades_protocol.messages import DatasetSnapshot
from hades_tui.fitness import centred
from hades_tui.model import Model
from hades_tui.pairs import PairColumn, PairTable, offsets
from hades_tui.view import Line
from hades_tui.widgets.strips import strip_of
from hades_tui.widgets.titles import title

HUES = {"index": "dim", "label": "label", "action": "gold", "probability": "gold", "observation": "heading"}


class PairsPanel(ScrollView, can_focus=True):
    """A table: pair, action, observation. Number (and label) stay in place when it is scrolled sideways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", show=False),
        Binding("down,j", "scroll_down", show=False),
        Binding("left,h", "sideways(-8)", show=False),
        Binding("right", "sideways(8)", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._dataset: DatasetSnapshot | None = None
        self._absence = ""
        self.table: PairTable | None = None
        self._offsets = [0]

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        absence = _absence(model)
        dataset = None if absence else model.dataset
        if dataset is self._dataset and absence == self._absence:
            return
        self._dataset, self._absence = dataset, absence
        self.table = PairTable(dataset) if dataset is not None else None
        self._offsets = offsets(self.table.columns) if self.table else [0]
        self.border_title = title(_title(dataset))
        rows = self.table.count + 1 if self.table else 0
        self.virtual_size = Size(self._offsets[-1], rows)
        self.refresh()

    @property
    def natural_size(self) -> Size:
        """What the whole table would take."""
        return Size(self._offsets[-1], self.table.count + 1) if self.table else Size(44, 3)

    def action_sideways(self, by: int) -> None:
        """Scroll to the left or right."""
        self.scroll_to(x=self.scroll_offset.x + by, animate=False)

    def render_line(self, y: int) -> Strip:
        """The titles, or one pair."""
        width = self.size.width
        if self.table is None:
            text: list[Line] = [[(line, "dim")] for line in wrap(self._absence, max(1, width))]
            lines = centred(text, width, self.size.height)
            return strip_of(lines[y] if y < len(lines) else [], width, self.rich_style)
        row = None if y == 0 else y - 1 + self.scroll_offset.y
        if row is not None and row >= self.table.count:
            return strip_of([], width, self.rich_style)
        return self._table_line(self.table, row, width)

    def _table_line(self, table: PairTable, row: int | None, width: int) -> Strip:
        frozen = self._offsets[table.frozen]
        fixed = strip_of(self._cells(table, row, table.columns[: table.frozen]), frozen, self.rich_style)
        left = frozen + self.scroll_offset.x
        right = left + width - frozen
        first = max(table.frozen, bisect_right(self._offsets, left) - 1)
        last = min(len(table.columns), bisect_right(self._offsets, right))
        cells = self._cells(table, row, table.columns[first:last])
        length = self._offsets[last] - self._offsets[first] if last > first else 0
        moving = strip_of(cells, length, self.rich_style)
        start = left - self._offsets[first]
        moving = moving.crop(start, start + width - frozen)
        return Strip.join([fixed, moving]).adjust_cell_length(width, self.rich_style)

    def _cells(self, table: PairTable, row: int | None, columns: list[PairColumn]) -> Line:
        line: Line = []
        for column in columns:
            text, hue = (column.title, HUES[column.kind]) if row is None else table.cell(row, column)
            text = text.ljust(column.width) if column.kind == "label" else text.rjust(column.width)
            line += [(text, hue), (" ", "text")]
        return line


def _absence(model: Model) -> str:
    """Why there is no table; empty where there is one."""
    run = model.run
    if run is None:
        return " "  # the curve's panel says how to begin
    if run.method == "es":
        return "Method es evolves a policy directly: there are no pairs."
    if model.dataset is None:
        return "Its pairs appear with the first commit." if not run.generation else "reading its pairs…"
    return ""


def _title(dataset: DatasetSnapshot | None) -> str:
    if dataset is None:
        return "Mean dataset"
    count = dataset.states.shape[0] if dataset.states.shape else 0
    units = "" if dataset.normalisation == "none" else " · normalised"
    return f"Mean dataset · {count} pairs · generation {dataset.generation}{units}"
