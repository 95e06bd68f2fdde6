"""A run's fitness as a picture: axes, the band around the mean, the lines of mean and best, and what to compare.

Pure. Evaluations of the mean dataset are markers, references dotted lines (overlay), compared runs lines with a sign at
their end. Where lines are smoothed, the extremes of the raw points are faint dots.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import msgspec

from hades_protocol.messages import Mark, Reference
from hades_tui.canvas.braille import (
    DOTS,
    SINGLE,
    Bucket,
    Canvas,
    Columns,
    Scale,
    band,
    buckets,
    column_of,
    columns,
    means,
    scale_for,
    with_edges,
)
from hades_tui.canvas.cells import CellGrid, Cells
from hades_tui.curve import overlay
from hades_tui.curve.data import CurveData, Series
from hades_tui.curve.quantity import on_axis
from hades_tui.curve.smooth import smoothed
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Extent, Viewport, nearest, visible_range
from hades_tui.curve.xaxis import x_axis
from hades_tui.curve.yaxis import YAxis, y_axis
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import UNICODE, Glyphs

SIGNS = {"fork": "F", "resize": "R", "resume": "^", "fallback": "!", "chunk": "v", "preempted": "x"}
"""Kind of a mark -> its sign on the axis."""

EDGE_STEP = 3
"""Columns of dots from one dot of a band's edge to the next."""

MIN_WIDTH = 24
MIN_HEIGHT = 4


class ComparedRun(msgspec.Struct, frozen=True):
    """A run drawn over the curve, or a mean over runs (`runs` of them).

    name: unique among the lines. sign: the digit at the end of its line; empty for the parent. label: for people. env:
    its environment, where that is to be told.
    """

    curve: CurveData
    name: str
    sign: str = ""
    label: str = ""
    env: str = ""

    @property
    def runs(self) -> int:
        """Runs whose mean it is; 1 for a run."""
        return max(self.curve.counts, default=1)

    @property
    def left(self) -> int:
        """Of these the runs that have come to the end of the line."""
        return self.curve.counts[-1] if self.curve.counts else 1

    @property
    def hue(self) -> str:
        """The hue of its line."""
        return f"run{self.sign}" if self.sign else "parent"


class Picture(msgspec.Struct, frozen=True):
    """A drawn curve, and how its columns map to x.

    left: columns before the first one of the curve. width: columns of the curve. low, high: x of its first and last
    column. across: dots in a column.
    """

    lines: list[Line] = []
    left: int = 0
    width: int = 0
    low: float = 0.0
    high: float = 0.0
    across: int = 2

    def x(self, column: float) -> float:
        """x at a column of the panel, clamped to the edges of the curve."""
        part = min(1.0, max(0.0, (column - self.left) / max(1, self.width - 1)))
        return self.low + part * (self.high - self.low)

    @property
    def columns(self) -> int:
        """Number of columns of dots."""
        return self.across * self.width


def whole_extent(curve: CurveData, compared_runs: Sequence[ComparedRun] = ()) -> Extent | None:
    """The range of x of the run and the marked ones together; None without any. The parent does not extend it."""
    extents = [c.extent for c in (curve, *(c.curve for c in compared_runs if c.sign))]
    known = [extent for extent in extents if extent is not None]
    if not known:
        return None
    return Extent(min(e.low for e in known), max(e.high for e in known), min(e.least for e in known))


def picture(
    curve: CurveData,
    view: Viewport,
    width: int,
    height: int,
    *,
    compared_runs: Sequence[ComparedRun] = (),
    colours: bool = True,
    glyphs: Glyphs = UNICODE,
) -> Picture:
    """Draw the visible part in `width` columns and `height` rows; without lines where it does not fit or is empty.

    Without colours the band is two dotted lines.
    """
    extent = whole_extent(curve, compared_runs)
    marked = any(other.curve.mean.xs for other in compared_runs if other.sign)
    if width < MIN_WIDTH or height < MIN_HEIGHT or extent is None or not (curve.mean.xs or curve.best.xs or marked):
        return Picture()
    low, high = visible_range(view, extent)
    references = curve.references
    shown = [curve.mean, curve.best, curve.lower, curve.upper, curve.evaluated]
    shown += [other.curve.mean for other in compared_runs]
    shown += [edge for other in compared_runs if other.runs > 1 for edge in (other.curve.lower, other.curve.upper)]
    values = [y for series in shown for y in _range(series, low, high)]
    values += [*on_axis(curve.quantity, values), *(reference.value for reference in references)]
    scale = scale_for(values, view.logarithmic)
    rows = height - 2  # below them the axis and its numbers
    y_labels = y_axis(scale, rows)
    margin = max([3, *(len(label) for label in y_labels.labels.values())])
    drawing = _Drawing(scale, low, high, width - margin - 2, rows, SMOOTHINGS[view.smoothing], glyphs)
    area = drawing.area(curve, compared_runs, y_labels, cursor_x(curve, view), colours)
    lines: list[Line] = []
    for y in range(rows):
        label = y_labels.labels.get(y, "")
        bar = glyphs.axis_tick if label else glyphs.axis
        lines.append([(label.rjust(margin), "dim"), (f" {bar}", "faint"), *area[y]])
    # Of two in one column the later hides the earlier: a resume matters less than any other mark.
    marks = sorted(placed_marks(curve), key=lambda one: one[1].kind != "resume")
    signs = [(x, SIGNS[mark.kind]) for x, mark in marks]
    lines += x_axis(curve.axis, low, high, margin, drawing.width, glyphs, signs)
    return Picture(lines, margin + 2, drawing.width, low, high, drawing.across)


def cursor_x(curve: CurveData, view: Viewport) -> float | None:
    """x of the point nearest to the cursor; None without a cursor."""
    at = None if view.cursor is None else nearest(curve.xs, view.cursor)
    return None if at is None else curve.xs[at]


def placed_marks(curve: CurveData) -> list[tuple[float, Mark]]:
    """The marks of the run with their x; those outside of the points or of an unknown kind are left out."""
    metrics = curve.metrics
    out = []
    for mark in curve.source.marks:
        at = bisect_left(metrics, mark.generation, key=lambda m: m.generation)
        if mark.kind not in SIGNS or at >= len(metrics) or mark.generation < metrics[0].generation:
            continue
        x = float(mark.generation) if curve.axis is Axis.GENERATION else curve.xs[at]
        if curve.axis is Axis.TIME and mark.time > curve.begin > 0.0:
            x = mark.time - curve.begin
        out.append((x, mark))
    return out


def _range(series: Series, low: float, high: float) -> list[float]:
    """The least and the greatest visible value, and the values at the edges of the picture."""
    i, j = bisect_left(series.xs, low), bisect_right(series.xs, high)
    out = [min(series.ys[i:j]), max(series.ys[i:j])] if j > i else []
    return out + [c.first for c in with_edges([None, None], series.xs, series.ys, low, high) if c is not None]


class _Drawing:
    """Draws the area inside of the axes, with one scale, range of x and size."""

    def __init__(
        self, scale: Scale, low: float, high: float, width: int, rows: int, window: int, glyphs: Glyphs
    ) -> None:
        self.width = width
        self._scale, self._rows, self._window, self._glyphs = scale, rows, window, glyphs
        self._low, self._high = low, high
        self._dots = DOTS if glyphs.braille else SINGLE
        self.across, down = len(self._dots[0]), len(self._dots)
        self._count = self.across * width  # columns of dots
        quarter = scale.to_row(4 * rows)  # ticks, levels and evaluations are in the rows of these
        self._to_row = quarter if down == 4 else lambda value: quarter(value) >> 2
        self._buckets: dict[tuple[int, int], list[Bucket]] = {}

    def area(
        self,
        curve: CurveData,
        compared_runs: Sequence[ComparedRun],
        y_labels: YAxis,
        cursor: float | None,
        colours: bool,
    ) -> list[Line]:
        """All layers inside of the axes. cursor: its x."""
        glyphs, references = self._glyphs, curve.references
        grid = CellGrid(self.width, self._rows, glyphs)
        for y in y_labels.between:
            grid.rule(y, glyphs.grid, "grid")
        if colours:
            found = self._found(curve.lower, self.width)
            lower, upper = (self._columns(series, found, self.width) for series in (curve.lower, curve.upper))
            grid.band(band(lower, upper, self._scale, self._rows))
        for y, character in overlay.lines(references, self._scale, self._rows, glyphs).items():
            grid.rule(y, character, "reference")
        if cursor is not None and self._low <= cursor <= self._high:
            grid.upright(column_of(cursor, self._low, self._high, self.width), glyphs.cursor, "cursor")
        if not colours:
            for edge in (curve.lower, curve.upper):
                self._line(grid, self._all(edge), "faint", glyphs.edge, joining=False)
        over = self._compared_runs(grid, compared_runs)
        self._series(grid, curve.best, "best", glyphs.best)
        self._series(grid, curve.mean, "mean", glyphs.mean)
        i, j = bisect_left(curve.evaluated.xs, self._low), bisect_right(curve.evaluated.xs, self._high)
        points = zip(curve.evaluated.xs[i:j], curve.evaluated.ys[i:j], strict=True)
        over |= overlay.markers(points, self._scale, (self._low, self._high), self.width, self._rows, glyphs)

        def is_taken(x: int, y: int) -> bool:
            return (x, y) in over or grid.is_taken(x, y)

        grid.put(self._labels(references, y_labels, is_taken) | over)
        return grid.lines()

    def _labels(self, references: Sequence[Reference], y_labels: YAxis, is_taken: Callable[[int, int], bool]) -> Cells:
        return overlay.labels(
            references, self._scale, self.width, self._rows, is_taken, self._glyphs, text=y_labels.text
        )

    def _compared_runs(self, grid: CellGrid, compared_runs: Sequence[ComparedRun]) -> Cells:
        """Draw the lines of compared runs, the parent's below all but the edges of bands; returns their signs."""
        over: Cells = {}
        for other in compared_runs:
            if other.runs > 1:
                self._edges(grid, other.curve, other.hue)
        for other in sorted(compared_runs, key=lambda c: bool(c.sign)):
            series, hue = other.curve.mean, other.hue
            if not other.sign:
                self._line(grid, self._all(series), hue, self._glyphs.parent, joining=False)
                continue
            data = self._series(grid, series, hue, self._glyphs.others[int(other.sign) - 1])
            over |= overlay.sign(data, self.across, self._scale, self._rows, other.sign, hue)
        return over

    def _edges(self, grid: CellGrid, curve: CurveData, hue: str) -> None:
        """Dot the edges of the band of a mean over runs: shades of two bands over each other cannot be told apart."""
        canvas = Canvas(self.width, self._rows, self._dots)
        for edge in (curve.lower, curve.upper):
            data = self._all(edge)
            canvas.dot([column if x % EDGE_STEP == 0 else None for x, column in enumerate(data)], self._to_row)
        grid.trace(canvas, hue, self._glyphs.edge, joining=False)

    def _series(self, grid: CellGrid, series: Series, hue: str, character: str) -> Columns:
        """Draw a line, smoothed where the view says so; returns its columns."""
        data = self._all(series)
        if self._window > 1:
            raw = Canvas(self.width, self._rows, self._dots)
            raw.dot(data, self._to_row)
            grid.trace(raw, "raw", self._glyphs.raw, joining=False)
            found = self._found(series, self._count)
            data = smoothed(means(series.ys, found), self._window, self._count)
        self._line(grid, data, hue, character)
        return data

    def _line(self, grid: CellGrid, data: Columns, hue: str, character: str, *, joining: bool = True) -> None:
        canvas = Canvas(self.width, self._rows, self._dots)
        canvas.trace(data, self._to_row)
        grid.trace(canvas, hue, character, joining=joining)

    def _all(self, series: Series) -> Columns:
        return self._columns(series, self._found(series, self._count), self._count)

    def _columns(self, series: Series, found: Sequence[Bucket], count: int) -> Columns:
        return with_edges(columns(series.ys, found, count), series.xs, series.ys, self._low, self._high)

    def _found(self, series: Series, count: int) -> list[Bucket]:
        """The buckets of a series, cached: the lines of one run usually share their xs."""
        key = id(series.xs), count
        if key not in self._buckets:
            self._buckets[key] = buckets(series.xs, self._low, self._high, count)
        return self._buckets[key]
