"""A grid of characters with hues, painted in layers. Pure.

Columns are painted as a whole and only where a layer has content; rows are split into spans of one hue at the end.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from hades_tui.canvas.braille import Canvas
from hades_tui.text.format import Line, Span
from hades_tui.theme.glyphs import Glyphs

Cells = dict[tuple[int, int], Span]
"""(column, row) of a character -> its text and hue."""

BRAILLE = [chr(0x2800 + dots) for dots in range(256)]
PARTS = ("band", "band.inverse")
"""Hues of the band's edges, whose characters later background layers do not replace."""

_hue_of = itemgetter(1)


class CellGrid:
    """A grid of `width` columns and `rows` rows, blank at first."""

    def __init__(self, width: int, rows: int, glyphs: Glyphs) -> None:
        self.width = width
        self.rows = rows
        self._glyphs = glyphs
        self._characters = [[" "] * rows for _ in range(width)]
        self._hues = [["text"] * rows for _ in range(width)]
        self._shaded = [(0, 0)] * width  # first row of each column that is all band, and the one after the last
        self._lines = [0] * width  # dots of the lines in each column, a byte a row

    def rule(self, y: int, character: str, hue: str) -> None:
        """Fill a row with one character, behind the edges of the band."""
        shaded = f"{hue}.band"
        for characters, hues, (first, end) in zip(self._characters, self._hues, self._shaded, strict=True):
            if hues[y] not in PARTS:
                characters[y] = character
                hues[y] = shaded if first <= y < end else hue

    def band(self, spread: Sequence[tuple[int, int] | None]) -> None:
        """Shade each column between two heights, in eighths of a character from below."""
        for x, reach in enumerate(spread):
            if reach is None or reach[1] <= reach[0]:
                continue
            low, high = reach
            bottom, top = low // 8, (high - 1) // 8  # rows from below
            if bottom == top:
                self._edge(x, top, low - 8 * top, high - 8 * top)
                continue
            whole = -(-low // 8), high // 8
            if whole[1] > whole[0]:
                first, end = self.rows - whole[1], self.rows - whole[0]
                self._shaded[x] = first, end
                self._characters[x][first:end] = " " * (end - first)
                self._hues[x][first:end] = ["band.full"] * (end - first)
            if low % 8:
                self._edge(x, bottom, low % 8, 8)
            if high % 8:
                self._edge(x, top, 0, high % 8)

    def _edge(self, x: int, row: int, low: int, high: int) -> None:
        """Draw a cell that the band fills from `low` to `high` eighths. row: counted from below."""
        y = self.rows - 1 - row
        if low == 0 and high == 8:
            self._shaded[x] = y, y + 1
            self._set(x, y, " ", "band.full")
        elif low == 0:
            self._set(x, y, self._glyphs.blocks[high], "band")
        elif high == 8:
            self._set(x, y, self._glyphs.blocks[low], "band.inverse")
        else:
            self._set(x, y, self._glyphs.thin, "band")

    def upright(self, x: int, character: str, hue: str) -> None:
        """Fill a column with one character, behind the edges of the band."""
        first, end = self._shaded[x]
        for y in range(self.rows):
            if self._hues[x][y] not in PARTS:
                self._set(x, y, character, f"{hue}.band" if first <= y < end else hue)

    def trace(self, canvas: Canvas, hue: str, character: str, *, joining: bool = True) -> None:
        """Draw the line of a canvas over the grid. joining: at crossings the dots of both lines are shown."""
        braille, rows = self._glyphs.braille, self.rows
        shaded = f"{hue}.band"
        for x, dots in enumerate(canvas.columns):
            if not dots:
                continue
            characters, hues, (first, end) = self._characters[x], self._hues[x], self._shaded[x]
            together = dots
            if joining:
                together = self._lines[x] = self._lines[x] | dots
            top = ((dots & -dots).bit_length() - 1) >> 3
            bottom = (dots.bit_length() + 7) >> 3
            own = dots.to_bytes(rows, "little")
            drawn = together.to_bytes(rows, "little")
            for y in range(top, bottom):
                if own[y]:
                    characters[y] = BRAILLE[drawn[y]] if braille else character
                    hues[y] = shaded if first <= y < end or hues[y] == "band.inverse" else hue

    def put(self, cells: Cells) -> None:
        """Put single characters over everything."""
        for (x, y), (character, hue) in cells.items():
            first, end = self._shaded[x]
            self._set(x, y, character, f"{hue}.band" if first <= y < end else hue)

    def is_taken(self, x: int, y: int) -> bool:
        """Whether a line passes through a cell."""
        return bool(self._lines[x] >> 8 * y & 0xFF)

    def lines(self) -> list[Line]:
        """The rows as lines of spans."""
        rows = zip(zip(*self._characters, strict=True), zip(*self._hues, strict=True), strict=True)
        return [_pieces(characters, hues) for characters, hues in rows]

    def _set(self, x: int, y: int, character: str, hue: str) -> None:
        self._characters[x][y] = character
        self._hues[x][y] = hue


def merged(line: Line) -> Line:
    """The line with neighbouring spans of one hue merged: fewer segments for the terminal."""
    return [("".join(text for text, _ in group), hue) for hue, group in groupby(line, _hue_of)]


def _pieces(characters: Sequence[str], hues: Sequence[str]) -> Line:
    out: Line = []
    at = 0
    for hue, group in groupby(hues):
        end = at + len(list(group))
        out.append(("".join(characters[at:end]), hue))
        at = end
    return out
