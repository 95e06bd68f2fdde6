"""What the cursor on a curve reads: one generation in words, and what happened there. Pure."""

from bisect import bisect_left

from hades_protocol.messages import GenerationMetrics, Mark
from hades_tui.canvas.braille import column_of
from hades_tui.curve.data import Course
from hades_tui.curve.picture import SIGNS, Picture, cursor_x, placed
from hades_tui.curve.viewport import Viewport
from hades_tui.curve.xaxis import elapsed, steps_text
from hades_tui.text.fit import fitted
from hades_tui.text.format import Line, number


def readout(course: Course, view: Viewport, picture: Picture, width: int) -> Line:
    """One line about the point under the cursor, the most important first; empty without a cursor.

    The values are those of that generation, whether the line is smoothed or not; the range is that of all points in
    the cursor's column.
    """
    x = cursor_x(course, view)
    if x is None or not picture.lines:
        return []
    metrics = course.metrics[bisect_left(course.xs, x)]
    line: Line = [("generation ", "dim"), (str(metrics.generation), "bold")]
    for mark in _marks(course, picture, x, metrics.generation):
        seam = "" if mark.bit_exact else ", not bit-exact"
        line += [("  ", "text"), (f"{SIGNS[mark.kind]} {mark.text or mark.kind}{seam}", "gold")]
    for words, text, hue in _values(course, metrics, picture, x):
        if text:
            line += [(f"  {words}" + (" " if words else ""), "dim"), (text, hue)]
    return fitted(line, width)


def _values(course: Course, m: GenerationMetrics, picture: Picture, x: float) -> list[tuple[str, str, str]]:
    """Words, number and hue of everything that is known."""
    source = course.source
    at = bisect_left(source.metrics, m.generation, key=lambda known: known.generation)
    since = source.committed_at[at]
    first = next((t for t in source.committed_at if t > 0.0), 0.0)
    evaluated = ""
    if m.evaluated_mean is not None:
        error = "" if m.evaluated_sem is None else f" ± {number(m.evaluated_sem)}"
        evaluated = number(m.evaluated_mean) + error
    return [
        ("mean", number(m.fitness_mean), "mean"),
        ("best", number(m.fitness_best), "best"),
        ("std", number(m.fitness_std), "text"),
        ("mean dataset", evaluated, "evaluated"),
        ("after", elapsed(since - first, 1.0) if since > 0.0 else "", "text"),
        ("steps", steps_text(float(source.env_steps[at])), "text"),
        ("here", _range(course, picture, x), "text"),
    ]


def _range(course: Course, picture: Picture, x: float) -> str:
    """Lowest and highest mean in the cursor's column, where it holds several points."""
    xs, ys = course.mean.xs, course.mean.ys
    at = bisect_left(xs, x)
    column = column_of(x, picture.low, picture.high, picture.columns)
    first = end = at
    while first > 0 and column_of(xs[first - 1], picture.low, picture.high, picture.columns) == column:
        first -= 1
    while end < len(xs) and column_of(xs[end], picture.low, picture.high, picture.columns) == column:
        end += 1
    if end - first < 2:
        return ""
    return f"{end - first} points, mean {number(min(ys[first:end]))} to {number(max(ys[first:end]))}"


def _marks(course: Course, picture: Picture, x: float, generation: int) -> list[Mark]:
    """What stands on the axis below the cursor, and what happened at its generation: a pause may lie between them."""

    def column(place: float) -> int:
        return column_of(place, picture.low, picture.high, picture.width)

    return [mark for place, mark in placed(course) if column(place) == column(x) or mark.generation == generation]
