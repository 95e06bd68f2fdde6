"""A run's fitness as a picture: axes, the band around the mean, the lines of mean and best, and what to compare.

Pure. The mean dataset's evaluations are markers, references dotted lines (overlay), other runs lines with a
sign at their end. Where the lines are smoothed, the extremes of what they were made of stay visible as faint dots.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from hades_protocol.messages import Mark
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
    entered,
    means,
    scale_for,
    ticks,
)
from hades_tui.canvas.cells import Sheet
from hades_tui.curve import overlay
from hades_tui.curve.data import Course, Series
from hades_tui.curve.smooth import smoothed
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Extent, Viewport, nearest, sight
from hades_tui.curve.xaxis import x_axis
from hades_tui.text.format import Line, number
from hades_tui.theme.glyphs import UNICODE, Glyphs

SIGNS = {"fork": "F", "resize": "R", "resume": "^", "fallback": "!", "chunk": "v"}
"""What stands on the axis where something happened to the run."""

MIN_WIDTH = 24
MIN_HEIGHT = 4


class ComparedRun(msgspec.Struct, frozen=True):
    """Another run over the curve. sign: the digit at the end of its line; empty for the parent, which is context."""

    course: Course
    name: str
    sign: str = ""

    @property
    def hue(self) -> str:
        """The hue of its line."""
        return f"run{self.sign}" if self.sign else "parent"


class Picture(msgspec.Struct, frozen=True):
    """A drawn curve, and where in it which x is.

    left: columns before the first one of the curve. across: dots in a column.
    """

    lines: list[Line] = []
    left: int = 0
    width: int = 0
    low: float = 0.0
    high: float = 0.0
    across: int = 2

    def x(self, column: float) -> float:
        """x at a column of the panel; one beside the curve is taken as its edge."""
        part = min(1.0, max(0.0, (column - self.left) / max(1, self.width - 1)))
        return self.low + part * (self.high - self.low)

    @property
    def columns(self) -> int:
        """Columns of dots."""
        return self.across * self.width


def whole_extent(course: Course, companions: Sequence[ComparedRun] = ()) -> Extent | None:
    """From the first to the newest point of the run and of those laid over it; the parent alone stretches nothing."""
    extents = [c.extent for c in (course, *(c.course for c in companions if c.sign))]
    known = [extent for extent in extents if extent is not None]
    if course.extent is None or not known:
        return course.extent
    return Extent(min(e.low for e in known), max(e.high for e in known), min(e.least for e in known))


def picture(
    course: Course,
    view: Viewport,
    width: int,
    height: int,
    *,
    companions: Sequence[ComparedRun] = (),
    colours: bool = True,
    glyphs: Glyphs = UNICODE,
) -> Picture:
    """What is in sight in so many columns and rows, without lines where there is no room or nothing to see.

    Without colours the band is two dotted lines.
    """
    extent = whole_extent(course, companions)
    if width < MIN_WIDTH or height < MIN_HEIGHT or extent is None or not (course.mean.xs or course.best.xs):
        return Picture()
    low, high = sight(view, extent)
    references = course.source.references
    shown = [course.mean, course.best, course.lower, course.upper, course.evaluated]
    shown += [companion.course.mean for companion in companions]
    values = [y for series in shown for y in _range(series, low, high)]
    scale = scale_for([*values, *(reference.value for reference in references)], view.logarithmic)
    rows = height - 2  # below them the axis and its numbers
    labels = {scale.row(v, rows): tick(v) for v in ticks(scale, rows, apart=2 if rows < 9 else 3)}
    margin = max([3, *(len(label) for label in labels.values())])
    drawing = _Drawing(scale, low, high, width - margin - 2, rows, SMOOTHINGS[view.smoothing], glyphs)
    area = drawing.area(course, companions, set(labels), cursor_x(course, view), colours)
    lines: list[Line] = []
    for y in range(rows):
        label = labels.get(y, "")
        bar = glyphs.axis_tick if label else glyphs.axis
        lines.append([(label.rjust(margin), "dim"), (f" {bar}", "faint"), *area[y]])
    # Of two in one column the later hides the earlier: whatever happened is worth more than that a worker went on.
    marks = sorted(placed(course), key=lambda one: one[1].kind != "resume")
    signs = [(x, SIGNS[mark.kind]) for x, mark in marks]
    lines += x_axis(course.axis, low, high, margin, drawing.width, glyphs, signs)
    return Picture(lines, margin + 2, drawing.width, low, high, drawing.across)


def cursor_x(course: Course, view: Viewport) -> float | None:
    """Where the cursor stands: on the point that is there now."""
    at = None if view.cursor is None else nearest(course.xs, view.cursor)
    return None if at is None else course.xs[at]


def placed(course: Course) -> list[tuple[float, Mark]]:
    """What happened to the run, each at its x; what is beside all points or of an unknown kind is left out."""
    metrics = course.metrics
    out = []
    for mark in course.source.marks:
        at = bisect_left(metrics, mark.generation, key=lambda m: m.generation)
        if mark.kind not in SIGNS or at >= len(metrics) or mark.generation < metrics[0].generation:
            continue
        x = float(mark.generation) if course.axis is Axis.GENERATION else course.xs[at]
        if course.axis is Axis.TIME and mark.time > course.begin > 0.0:
            x = mark.time - course.begin
        out.append((x, mark))
    return out


def tick(value: float) -> str:
    """A round value, without decimals it does not need."""
    return f"{value:g}" if value == 0.0 or 1e-3 <= abs(value) < 1e5 else number(value)


def _range(series: Series, low: float, high: float) -> list[float]:
    """The least and the greatest value in sight, and where the line enters and leaves."""
    i, j = bisect_left(series.xs, low), bisect_right(series.xs, high)
    out = [min(series.ys[i:j]), max(series.ys[i:j])] if j > i else []
    return out + [c.first for c in entered([None, None], series.xs, series.ys, low, high) if c is not None]


class _Drawing:
    """One picture's inside: its scale, what is in sight of the axis, its size."""

    def __init__(
        self, scale: Scale, low: float, high: float, width: int, rows: int, window: int, glyphs: Glyphs
    ) -> None:
        self.width = width
        self._scale, self._rows, self._window, self._glyphs = scale, rows, window, glyphs
        self._low, self._high = low, high
        self._dots = DOTS if glyphs.braille else SINGLE
        self.across, down = len(self._dots[0]), len(self._dots)
        self._count = self.across * width  # columns of dots
        self._to_row = scale.to_row(down * rows)
        self._buckets: dict[tuple[int, int], list[Bucket]] = {}

    def area(
        self, course: Course, companions: Sequence[ComparedRun], grid: set[int], cursor: float | None, colours: bool
    ) -> list[Line]:
        """Everything inside of the axes."""
        glyphs, references = self._glyphs, course.source.references
        sheet = Sheet(self.width, self._rows, glyphs)
        for y in grid:
            sheet.rule(y, glyphs.grid, "grid")
        if colours:
            found = self._found(course.lower, self.width)
            lower, upper = (self._columns(series, found, self.width) for series in (course.lower, course.upper))
            sheet.band(band(lower, upper, self._scale, self._rows))
        for y, character in overlay.lines(references, self._scale, self._rows, glyphs).items():
            sheet.rule(y, character, "reference")
        if cursor is not None and self._low <= cursor <= self._high:
            sheet.upright(column_of(cursor, self._low, self._high, self.width), glyphs.cursor, "cursor")
        if not colours:
            for edge in (course.lower, course.upper):
                self._line(sheet, self._all(edge), "faint", glyphs.edge, joining=False)
        over = self._companions(sheet, companions)
        self._series(sheet, course.best, "best", glyphs.best)
        self._series(sheet, course.mean, "mean", glyphs.mean)
        i, j = bisect_left(course.evaluated.xs, self._low), bisect_right(course.evaluated.xs, self._high)
        points = zip(course.evaluated.xs[i:j], course.evaluated.ys[i:j], strict=True)
        over |= overlay.markers(points, self._scale, (self._low, self._high), self.width, self._rows, glyphs)

        def is_taken(x: int, y: int) -> bool:
            return (x, y) in over or sheet.is_taken(x, y)

        sheet.cells(overlay.labels(references, self._scale, self.width, self._rows, is_taken, glyphs) | over)
        return sheet.lines()

    def _companions(self, sheet: Sheet, companions: Sequence[ComparedRun]) -> overlay.Cells:
        """Lines of other runs, the parent's below all; returns their signs."""
        over: overlay.Cells = {}
        for companion in sorted(companions, key=lambda c: bool(c.sign)):
            series, hue = companion.course.mean, companion.hue
            if not companion.sign:
                self._line(sheet, self._all(series), hue, self._glyphs.parent, joining=False)
                continue
            data = self._series(sheet, series, hue, self._glyphs.others[int(companion.sign) - 1])
            over |= overlay.sign(data, self.across, self._scale, self._rows, companion.sign, hue)
        return over

    def _series(self, sheet: Sheet, series: Series, hue: str, character: str) -> Columns:
        """A line, smoothed where that is wanted; returns what was drawn."""
        data = self._all(series)
        if self._window > 1:
            raw = Canvas(self.width, self._rows, self._dots)
            raw.dot(data, self._to_row)
            sheet.trace(raw, "raw", self._glyphs.raw, joining=False)
            found = self._found(series, self._count)
            data = smoothed(means(series.ys, found), self._window, self._count)
        self._line(sheet, data, hue, character)
        return data

    def _line(self, sheet: Sheet, data: Columns, hue: str, character: str, *, joining: bool = True) -> None:
        canvas = Canvas(self.width, self._rows, self._dots)
        canvas.trace(data, self._to_row)
        sheet.trace(canvas, hue, character, joining=joining)

    def _all(self, series: Series) -> Columns:
        return self._columns(series, self._found(series, self._count), self._count)

    def _columns(self, series: Series, found: Sequence[Bucket], count: int) -> Columns:
        return entered(columns(series.ys, found, count), series.xs, series.ys, self._low, self._high)

    def _found(self, series: Series, count: int) -> list[Bucket]:
        """What falls into which column; the same for all lines of one run, as a rule."""
        key = id(series.xs), count
        if key not in self._buckets:
            self._buckets[key] = buckets(series.xs, self._low, self._high, count)
        return self._buckets[key]
