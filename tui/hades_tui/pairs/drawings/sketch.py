"""Line drawings: Braille dots in layers of hues, with text over them; in ASCII, marks. Pure."""

import math

from hades_tui.canvas.braille import Canvas
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs

UPPER, LOWER = 0x1B, 0xE4
"""The dots of a Braille character's upper and lower two rows."""


class Sketch:
    """A drawing of `width` by `height` characters that shows a part of the plane.

    centre: point in the middle. across, up: width and height in units that are visible at least; both axes have the
    same scale. Later drawings cover earlier ones.
    """

    def __init__(self, width: int, height: int, *, centre: tuple[float, float], across: float, up: float) -> None:
        self.width, self.height = width, height
        self.unit = min((2 * width - 2) / across, (4 * height - 2) / up)
        """Dots per unit."""
        self._centre = centre
        self._layers: list[tuple[str, Canvas]] = []
        self._texts: dict[tuple[int, int], tuple[str, str]] = {}

    def dot(self, x: float, y: float) -> tuple[float, float]:
        """Position of a point in dots from the top left."""
        return (
            self.width + (x - self._centre[0]) * self.unit,
            2 * self.height - (y - self._centre[1]) * self.unit,
        )

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of the character at a point, clamped to the drawing."""
        across, down = self.dot(x, y)
        return min(self.width - 1, max(0, int(across // 2))), min(self.height - 1, max(0, int(down // 4)))

    def line(self, hue: str, start: tuple[float, float], end: tuple[float, float], thick: int = 1) -> None:
        """Draw a line between two points, `thick` dots thick."""
        (x0, y0), (x1, y1) = self.dot(*start), self.dot(*end)
        if not all(map(math.isfinite, (x0, y0, x1, y1))):
            return
        canvas = self._layer(hue)
        limit = 4 * (self.width + self.height) * 4  # bounds the work for points far outside
        steps = int(min(limit, max(abs(x1 - x0), abs(y1 - y0), 1)))
        for i in range(steps + 1):
            x, y = x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps
            for a in range(thick):
                for b in range(thick):
                    canvas.set(round(x + a - (thick - 1) / 2), round(y + b - (thick - 1) / 2))

    def box(self, hue: str, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Draw a filled rectangle between two corners."""
        (left, bottom), (right, top) = self.dot(*low), self.dot(*high)
        canvas = self._layer(hue)
        for y in range(max(0, round(top)), min(4 * self.height - 1, round(bottom)) + 1):
            for x in range(max(0, round(left)), min(2 * self.width - 1, round(right)) + 1):
                canvas.set(x, y)

    def disc(self, hue: str, centre: tuple[float, float], radius: float) -> None:
        """Draw a filled circle, at least one dot."""
        (x0, y0), r = self.dot(*centre), radius * self.unit
        if not (math.isfinite(x0) and math.isfinite(y0)):
            return
        canvas = self._layer(hue)
        for y in range(max(0, math.floor(y0 - r)), min(4 * self.height - 1, math.ceil(y0 + r)) + 1):
            for x in range(max(0, math.floor(x0 - r)), min(2 * self.width - 1, math.ceil(x0 + r)) + 1):
                if math.hypot(x - x0, y - y0) <= max(r, 0.5):
                    canvas.set(x, y)

    def text(self, column: int, row: int, text: str, hue: str) -> None:
        """Put a text from a cell on, over everything; cut where it leaves the drawing."""
        for i, character in enumerate(text):
            if 0 <= column + i < self.width and 0 <= row < self.height:
                self._texts[column + i, row] = (character, hue)

    def lines(self, glyphs: Glyphs) -> list[Line]:
        """The drawing as lines."""
        return [self._line(row, glyphs) for row in range(self.height)]

    def _layer(self, hue: str) -> Canvas:
        if self._layers and self._layers[-1][0] == hue:
            return self._layers[-1][1]
        canvas = Canvas(self.width, self.height)
        self._layers.append((hue, canvas))
        return canvas

    def _line(self, row: int, glyphs: Glyphs) -> Line:
        line: Line = []
        for column in range(self.width):
            text, hue = self._texts.get((column, row)) or self._dots(column, row, glyphs)
            if line and line[-1][1] == hue:
                line[-1] = (line[-1][0] + text, hue)
            else:
                line.append((text, hue))
        return line

    def _dots(self, column: int, row: int, glyphs: Glyphs) -> tuple[str, str]:
        bits, hue = 0, "text"
        for name, canvas in self._layers:
            if mine := canvas.bits(column, row):
                bits, hue = bits | mine, name
        if not bits:
            return " ", "text"
        return (chr(0x2800 + bits) if glyphs.braille else _mark(bits)), hue


def _mark(bits: int) -> str:
    """An ASCII character with its ink where the dots are."""
    if bits.bit_count() >= 6:
        return "#"
    if not bits & LOWER:
        return "'"
    return "." if not bits & UPPER else ":"
