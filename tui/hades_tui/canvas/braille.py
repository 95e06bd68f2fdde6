"""Curves in a grid of characters: Braille dots for lines, eighth blocks for the band around one. Pure.

A column of dots shows the lowest and the highest of all points that fall into it, so that no spike is lost. Points
are sorted by x: those of a column are a slice, whose extremes are found without a Python step for each point. A canvas
holds each column as one integer: a vertical line of any length is one operation.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a Braille character for the dot in row 0-3, column 0-1."""

SINGLE = ((0x01,),)
"""The same for a character that is one dot."""

Dots = tuple[tuple[int, ...], ...]


class Column(msgspec.Struct):
    """The y values of the points in one column of dots: extremes, first and last."""

    low: float
    high: float
    first: float
    last: float


Columns = list[Column | None]
"""One entry per column of dots; None where there are no points."""

Bucket = tuple[int, int, int]
"""(column, start, end): the points[start:end] fall into the column."""


def column_of(x: float, low: float, high: float, count: int) -> int:
    """The column of x, where `low` is in the first and `high` in the last of `count`. Not clamped."""
    return round((x - low) / ((high - low) or 1.0) * (count - 1))


def buckets(xs: Sequence[float], low: float, high: float, count: int) -> list[Bucket]:
    """The columns with points from `low` to `high`, in order. xs: ascending."""
    start, stop = bisect_left(xs, low), bisect_right(xs, high)
    span = (high - low) or 1.0
    last = count - 1
    out = []
    while start < stop:
        column = round((xs[start] - low) / span * last)
        # A search finds the end of the column; rounding may put it one point beside.
        end = min(stop, max(start + 1, bisect_left(xs, low + (column + 0.5) / (last or 1) * span, start, stop)))
        while end < stop and round((xs[end] - low) / span * last) <= column:
            end += 1
        while end > start + 1 and round((xs[end - 1] - low) / span * last) > column:
            end -= 1
        out.append((column, start, end))
        start = end
    return out


def columns(ys: Sequence[float], found: Sequence[Bucket], count: int) -> Columns:
    """The values in each of `count` columns, given the buckets of their x."""
    out: Columns = [None] * count
    for column, i, j in found:
        if j - i == 1:
            y = ys[i]
            out[column] = Column(y, y, y, y)
        else:
            part = ys[i:j]
            out[column] = Column(min(part), max(part), part[0], part[-1])
    return out


def means(ys: Sequence[float], found: Sequence[Bucket]) -> dict[int, float]:
    """Column -> mean of its points, for each column that has any."""
    return {column: math.fsum(ys[i:j]) / (j - i) for column, i, j in found}


def with_edges(data: Columns, xs: Sequence[float], ys: Sequence[float], low: float, high: float) -> Columns:
    """The columns with interpolated first and last ones, so that the line reaches the edges of the picture.

    xs, ys: all points, also those outside of `low` to `high`.
    """
    out = list(data)
    for edge, column, i in ((low, 0, bisect_left(xs, low)), (high, len(data) - 1, bisect_right(xs, high))):
        if out[column] is None and 0 < i < len(xs):
            part = (edge - xs[i - 1]) / ((xs[i] - xs[i - 1]) or 1.0)
            y = ys[i - 1] + part * (ys[i] - ys[i - 1])
            out[column] = Column(y, y, y, y)
    return out


class Canvas:
    """A grid of characters made of dots. Dot (0, 0) is at the top left."""

    def __init__(self, width: int, height: int, dots: Dots = DOTS) -> None:
        self.width = width  # in characters
        self.height = height
        self.across = len(dots[0])  # dots in a character
        self.down = len(dots)
        self._above = _above(height, dots)
        self.columns = [0] * width  # the dots of each column of characters, a byte a row, the topmost lowest

    def set(self, x: int, y: int) -> None:
        """Set a dot; one outside the grid is ignored."""
        if 0 <= y < self.down * self.height:
            self.fill(x, y, y)

    def fill(self, x: int, top: int, bottom: int) -> None:
        """Set the dots of a column from row `top` to row `bottom`; those outside the grid are ignored."""
        if 0 <= x < self.across * self.width:
            above = self._above[x % self.across]
            last = len(above) - 1
            reach = above[min(last, max(0, bottom + 1))] ^ above[min(last, max(0, top))]
            self.columns[x // self.across] |= reach

    def has(self, x: int, y: int) -> bool:
        """Whether a dot is set."""
        above = self._above[x % self.across]
        return bool(self.columns[x // self.across] & (above[y + 1] ^ above[y]))

    def bits(self, column: int, row: int) -> int:
        """The dots of one character, as in DOTS."""
        return self.columns[column] >> 8 * row & 0xFF

    def trace(self, data: Sequence[Column | None], to_row: Callable[[float], int]) -> None:
        """Draw a line through columns of points. to_row: value -> row of dots."""
        at, top, bottom, end = -1, 0, 0, 0  # the column before, not yet drawn, and the row in which its line ends
        for x, column in enumerate(data):
            if column is None:
                continue
            high = low = first = last = to_row(column.high)
            if column.low != column.high:
                low = to_row(column.low)
                first, last = to_row(column.first), to_row(column.last)
            if at >= 0:
                if x == at + 1:  # half of the way in either column
                    middle = (end + first) >> 1
                    top, bottom = min(top, middle), max(bottom, middle)
                    begin = middle
                else:
                    begin = self._bridge(at, end, x, first)
                self.fill(at, top, bottom)
                high, low = min(high, begin), max(low, begin)
            at, top, bottom, end = x, high, low, last
        self.fill(at, top, bottom)

    def dot(self, data: Sequence[Column | None], to_row: Callable[[float], int]) -> None:
        """Set the lowest and the highest dot of every column, without a line."""
        for x, column in enumerate(data):
            if column is not None:
                self.set(x, to_row(column.high))
                self.set(x, to_row(column.low))

    def _bridge(self, x0: int, y0: int, x1: int, y1: int) -> int:
        """Draw a straight line over columns without points; returns the row in which it reaches column x1."""
        y = y0
        for x in range(x0, x1):
            after = round(y0 + (y1 - y0) * (x - x0 + 0.5) / (x1 - x0))
            self.fill(x, min(y, after), max(y, after))
            y = after
        return y


@lru_cache(maxsize=8)
def _above(height: int, dots: Dots) -> tuple[list[int], ...]:
    """For each column of dots in a character: the dots above row 0, 1, 2, ... of a column of characters."""
    out = []
    for side in range(len(dots[0])):
        masks = [0]
        for y in range(height * len(dots)):
            masks.append(masks[-1] | dots[y % len(dots)][side] << 8 * (y // len(dots)))
        out.append(masks)
    return tuple(out)


class Scale(msgspec.Struct, frozen=True):
    """Fitness -> height. Logarithmic: sign(v) log10(1 + |v| / unit), which is defined for zero and negative values."""

    low: float
    high: float
    logarithmic: bool = False
    unit: float = 1.0

    def warp(self, value: float) -> float:
        """The value, transformed where the scale is logarithmic."""
        if not self.logarithmic:
            return value
        return math.copysign(math.log10(1.0 + abs(value) / self.unit), value)

    def fraction(self, value: float) -> float:
        """Height of a value, from 0 at `low` to 1 at `high`."""
        bottom, top = self.warp(self.low), self.warp(self.high)
        return (self.warp(value) - bottom) / ((top - bottom) or 1.0)

    def row(self, value: float, rows: int) -> int:
        """Row of a value among `rows`, 0 at the top, clamped."""
        return self.to_row(rows)(value)

    def cell(self, value: float, rows: int) -> int:
        """Row of the character that holds a value, among `rows`: the one in which a line of dots passes through it."""
        return self.row(value, 4 * rows) >> 2

    def to_row(self, rows: int) -> Callable[[float], int]:
        """The function value -> row among `rows`; faster than `row` for many values."""
        last, warp = rows - 1, self.warp
        bottom, top = warp(self.low), warp(self.high)
        span = (top - bottom) or 1.0

        def linear(value: float) -> int:
            row = round((1.0 - (value - bottom) / span) * last)
            return row if 0 <= row <= last else min(last, max(0, row))

        def logarithmic(value: float) -> int:
            return min(last, max(0, round((1.0 - (warp(value) - bottom) / span) * last)))

        return logarithmic if self.logarithmic else linear


def scale_for(values: Iterable[float], logarithmic: bool = False) -> Scale:
    """A scale that spans the finite ones of the values."""
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
            row = scale.cell(value, rows)
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
    """Bottom and top of the band in each column, in eighths of a character from below; None without points."""
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
    """The values with the gaps between known ones interpolated."""
    out = list(values)
    known = [i for i, value in enumerate(values) if value is not None]
    for left, right in pairwise(known):
        a, b = values[left], values[right]
        assert a is not None
        assert b is not None
        for i in range(left + 1, right):
            out[i] = a + (b - a) * (i - left) / (right - left)
    return out
