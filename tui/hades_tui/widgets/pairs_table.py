"""The lines of the table of pairs; only visible cells are formatted."""

from bisect import bisect_left, bisect_right

from rich.style import Style
from textual.strip import Strip

from hades_tui.pairs.table import PairColumn, PairTable, offsets
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs, pictured
from hades_tui.theme.palette import style
from hades_tui.widgets.strips import strip_of

HUES = {"index": "dim", "label": "label", "action": "gold", "probability": "gold", "observation": "heading"}


class TableLines:
    """Draws the lines of one table. Number and label stay in place when it scrolls sideways."""

    def __init__(self, table: PairTable, glyphs: Glyphs) -> None:
        self.table = table
        self.glyphs = glyphs
        self._offsets = offsets(table.columns)

    @property
    def width(self) -> int:
        """Width of the whole table."""
        return self._offsets[-1]

    def reach(self, column: PairColumn) -> tuple[int, int]:
        """First position of a column, and of the next one."""
        at = self.table.columns.index(column)
        return self._offsets[at], self._offsets[at + 1]

    @property
    def fixed(self) -> int:
        """Width of the columns that stay in place."""
        return self._offsets[self.table.frozen]

    def titles(self, sorted_by: PairColumn | None, reverse: bool, scroll: int, width: int, base: Style) -> Strip:
        """The line of titles, with a sign behind the title of the column that the pairs are sorted by.

        Where there are more columns on a side, an arrow stands at its end.
        """
        sign = self.glyphs.down if reverse else self.glyphs.up
        frozen, moving = self._split(scroll, width)
        ends = {frozen[-1]: self.glyphs.left} if scroll else {}
        if moving and self.reach(moving[-1])[1] < self.width:
            ends[moving[-1]] = self.glyphs.right

        def cells(columns: list[PairColumn]) -> Line:
            line: Line = []
            for column in columns:
                heading = self._shown(column, column.heading, scroll, width)
                behind = sign if column == sorted_by else ends.get(column, " ")
                line += [(heading, HUES[column.kind]), (behind, "label")]
            return line

        return self._join(cells(frozen), cells(moving), (moving, scroll, width), base, None)

    def row(self, pair: int, cursor: bool, scroll: int, width: int, base: Style) -> Strip:
        """The line of a pair; under the cursor it has a mark behind its number."""

        def cells(columns: list[PairColumn]) -> Line:
            line: Line = []
            for column in columns:
                text, hue = self.table.cell(pair, column)
                text = self._shown(column, text, scroll, width)
                mark = self.glyphs.selected if cursor and column.kind == "index" else " "
                line += [(pictured(text, self.glyphs), hue), (mark, "label" if mark != " " else "text")]
            return line

        frozen, moving = self._split(scroll, width)
        over = style("selected") if cursor else None
        return self._join(cells(frozen), cells(moving), (moving, scroll, width), base, over)

    def _shown(self, column: PairColumn, text: str, scroll: int, width: int) -> str:
        """A cell's text in the width of its column; of a column that is cut at an edge no half a number, but dots."""
        start, end = self.reach(column)
        if start >= self.fixed:
            if start < self.fixed + scroll:
                hidden = self.fixed + scroll - start
                return (" " * hidden + self.glyphs.ellipsis).ljust(column.width)[: column.width]
            if end - (end == self.width) > scroll + width:  # room for the arrow, where more columns follow
                return self.glyphs.ellipsis.ljust(column.width)
        return text.ljust(column.width) if column.kind == "label" else text.rjust(column.width)

    def _split(self, scroll: int, width: int) -> tuple[list[PairColumn], list[PairColumn]]:
        """The columns that stay in place, and the visible ones of the others."""
        table, left = self.table, self.fixed + scroll
        first = max(table.frozen, bisect_right(self._offsets, left) - 1)
        last = min(len(table.columns), bisect_left(self._offsets, left + width - self.fixed))
        return table.columns[: table.frozen], table.columns[first : max(first, last)]

    def _join(
        self,
        frozen: Line,
        moving: Line,
        visible_range: tuple[list[PairColumn], int, int],
        base: Style,
        over: Style | None,
    ) -> Strip:
        columns, scroll, width = visible_range
        fixed = strip_of(frozen, self.fixed, base, over)
        start = self.fixed + scroll - (self.reach(columns[0])[0] if columns else 0)
        length = sum(column.width + 1 for column in columns)
        rest = strip_of(moving, length, base, over).crop(start, start + width - self.fixed)
        return Strip.join([fixed, rest]).adjust_cell_length(width, base + over if over else base)
