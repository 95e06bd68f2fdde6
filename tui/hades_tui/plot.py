"""Curves in a grid of characters: Braille dots for lines, eighth blocks for the band around one. Pure.

A column of dots shows the lowest and the highest of all points that fall into it, so that no spike is lost
however many points there are.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import msgspec

Point = tuple[float, float]

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a Braille character for the dot in row 0-3, column 0-1."""

BLOCKS = " ▁▂▃▄▅▆▇█"


class Column(msgspec.Struct):
    """The points that fall into one column of dots."""

    low: float
    high: float
    first: float
    last: float


def columns(points: Iterable[Point], low: float, high: float, count: int) -> list[Column | None]:
    """Points by column, `low` in the first column and `high` in the last; None where there are none."""
    out: list[Column | None] = [None] * count
    span = (high - low) or 1.0
    for x, y in points:
        at = min(count - 1, max(0, round((x - low) / span * (count - 1))))
        column = out[at]
        if column is None:
            out[at] = Column(y, y, y, y)
            continue
        column.low = min(column.low, y)
        column.high = max(column.high, y)
        column.last = y
    return out


class Canvas:
    """A grid of Braille characters; dot (0, 0) is at the top left."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width  # in characters, each 2 dots wide and 4 high
        self.height = height
        self._cells = [bytearray(width) for _ in range(height)]

    def set(self, x: int, y: int) -> None:
        """Set a dot; one outside the grid is ignored."""
        if 0 <= x < 2 * self.width and 0 <= y < 4 * self.height:
            self._cells[y >> 2][x >> 1] |= DOTS[y & 3][x & 1]

    def has(self, x: int, y: int) -> bool:
        """Whether a dot is set."""
        return bool(self._cells[y >> 2][x >> 1] & DOTS[y & 3][x & 1])

    def bits(self, column: int, row: int) -> int:
        """The dots of one character."""
        return self._cells[row][column]

    def trace(self, data: Sequence[Column | None], to_row: Callable[[float], int]) -> None:
        """Draw a line through columns of points."""
        before: tuple[int, int] | None = None
        for x, column in enumerate(data):
            if column is None:
                continue
            if before is not None:
                self._join(before, (x, to_row(column.first)))
            for y in range(to_row(column.high), to_row(column.low) + 1):
                self.set(x, y)
            before = (x, to_row(column.last))

    def _join(self, start: Point, end: Point) -> None:
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(int(steps) + 1):
            self.set(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps))


class Scale(msgspec.Struct, frozen=True):
    """Fitness -> height. Logarithmic: sign(v) log10(1 + |v| / unit), which knows zero and negative values."""

    low: float
    high: float
    logarithmic: bool = False
    unit: float = 1.0

    def warp(self, value: float) -> float:
        """The value on the axis."""
        if not self.logarithmic:
            return value
        return math.copysign(math.log10(1.0 + abs(value) / self.unit), value)

    def fraction(self, value: float) -> float:
        """Height of a value, from 0 at `low` to 1 at `high`."""
        bottom, top = self.warp(self.low), self.warp(self.high)
        return (self.warp(value) - bottom) / ((top - bottom) or 1.0)

    def row(self, value: float, rows: int) -> int:
        """Row of a value among so many, 0 at the top."""
        return min(rows - 1, max(0, round((1.0 - self.fraction(value)) * (rows - 1))))


def scale_for(values: Iterable[float], logarithmic: bool = False) -> Scale:
    """A scale on which all the values fit."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        pad = abs(high) * 0.05 or 1.0
        low, high = low - pad, high + pad
    unit = max(1e-12, max(abs(low), abs(high)) / 100.0)
    return Scale(low, high, logarithmic, unit)


def ticks(scale: Scale, rows: int, apart: int = 3) -> list[float]:
    """Round values for the axis, at least `apart` rows from each other."""
    if scale.logarithmic:
        exponents = range(math.floor(math.log10(scale.unit)), math.ceil(math.log10(scale.unit)) + 5)
        candidates = [0.0, *(sign * m * 10.0**e for e in reversed(exponents) for m in (1, 2, 5) for sign in (1, -1))]
    else:
        step = nice_step((scale.high - scale.low) / max(1, rows // apart))
        first = math.ceil(scale.low / step)
        candidates = [i * step for i in range(first, math.floor(scale.high / step) + 1)]
    chosen: dict[int, float] = {}
    for value in candidates:
        if scale.low <= value <= scale.high:
            row = scale.row(value, rows)
            if all(abs(row - other) >= apart for other in chosen):
                chosen[row] = value
    return sorted(chosen.values())


def nice_step(least: float) -> float:
    """The least of 1, 2, 5, 10, 20... (and their tenths) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))


def band(
    lower: Sequence[Column | None], upper: Sequence[Column | None], scale: Scale, height: int
) -> list[tuple[int, int] | None]:
    """Per character column the band's bottom and top in eighths of a character from below."""
    out: list[tuple[int, int] | None] = []
    lows = _filled([None if c is None else c.low for c in lower])
    highs = _filled([None if c is None else c.high for c in upper])
    for low, high in zip(lows, highs, strict=True):
        if low is None or high is None:
            out.append(None)
        else:
            out.append((_eighths(scale, low, height), _eighths(scale, high, height)))
    return out


def _eighths(scale: Scale, value: float, height: int) -> int:
    return min(8 * height, max(0, round(scale.fraction(value) * 8 * height)))


def _filled(values: list[float | None]) -> list[float | None]:
    """Gaps between known values closed by straight lines."""
    out = list(values)
    known = [i for i, value in enumerate(values) if value is not None]
    for left, right in pairwise(known):
        a, b = values[left], values[right]
        assert a is not None
        assert b is not None
        for i in range(left + 1, right):
            out[i] = a + (b - a) * (i - left) / (right - left)
    return out
