"""A picture's characters and hues, painted one layer over the other. Pure.

Columns are painted as a whole and only where a layer has something; each row is cut into pieces of one hue at the end.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from hades_tui.canvas.braille import Canvas
from hades_tui.text.format import Line, Span
from hades_tui.theme.glyphs import Glyphs

Cells = Mapping[tuple[int, int], Span]
"""Column and row of a character -> what stands there."""

BRAILLE = [chr(0x2800 + dots) for dots in range(256)]
PARTS = ("band", "band.inverse")
"""Hues of the band's edges: their character is a part of the picture and stays."""

_hue_of = itemgetter(1)


class Sheet:
    """So many columns and rows, blank at first."""

    def __init__(self, width: int, rows: int, glyphs: Glyphs) -> None:
        self.width = width
        self.rows = rows
        self._glyphs = glyphs
        self._characters = [[" "] * rows for _ in range(width)]
        self._hues = [["text"] * rows for _ in range(width)]
        self._shaded = [(0, 0)] * width  # first row of each column that is all band, and the one after the last
        self._lines = [0] * width  # dots of the lines in each column, a byte a row

    def rule(self, y: int, character: str, hue: str) -> None:
        """A row of one character, behind the edges of the band."""
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
        """A row from below in which the band fills some eighths, but not all or none of them."""
        y = self.rows - 1 - row
        if low == 0 and high == 8:
            self._shaded[x] = y, y + 1
            self._put(x, y, " ", "band.full")
        elif low == 0:
            self._put(x, y, self._glyphs.blocks[high], "band")
        elif high == 8:
            self._put(x, y, self._glyphs.blocks[low], "band.inverse")
        else:
            self._put(x, y, self._glyphs.thin, "band")

    def upright(self, x: int, character: str, hue: str) -> None:
        """A line from top to bottom, behind the edges of the band."""
        first, end = self._shaded[x]
        for y in range(self.rows):
            if self._hues[x][y] not in PARTS:
                self._put(x, y, character, f"{hue}.band" if first <= y < end else hue)

    def trace(self, canvas: Canvas, hue: str, character: str, *, joining: bool = True) -> None:
        """A line over what is there. joining: where it crosses another one, the dots of both stand there."""
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

    def cells(self, cells: Cells) -> None:
        """Characters over everything."""
        for (x, y), (character, hue) in cells.items():
            first, end = self._shaded[x]
            self._put(x, y, character, f"{hue}.band" if first <= y < end else hue)

    def is_taken(self, x: int, y: int) -> bool:
        """Whether a line passes there."""
        return bool(self._lines[x] >> 8 * y & 0xFF)

    def lines(self) -> list[Line]:
        """The rows in pieces."""
        rows = zip(zip(*self._characters, strict=True), zip(*self._hues, strict=True), strict=True)
        return [_pieces(characters, hues) for characters, hues in rows]

    def _put(self, x: int, y: int, character: str, hue: str) -> None:
        self._characters[x][y] = character
        self._hues[x][y] = hue


def merged(line: Line) -> Line:
    """Neighbours of the same hue in one piece: fewer segments for the terminal."""
    return [("".join(text for text, _ in group), hue) for hue, group in groupby(line, _hue_of)]


def _pieces(characters: Sequence[str], hues: Sequence[str]) -> Line:
    out: Line = []
    at = 0
    for hue, group in groupby(hues):
        end = at + len(list(group))
        out.append(("".join(characters[at:end]), hue))
        at = end
    return out
