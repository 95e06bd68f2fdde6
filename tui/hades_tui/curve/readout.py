"""The line about the generation under the cursor of a curve. Pure."""

from bisect import bisect_left

from hades_protocol.messages import GenerationMetrics, Mark
from hades_tui.canvas.braille import column_of
from hades_tui.curve.data import CurveData
from hades_tui.curve.picture import SIGNS, Picture, cursor_x, placed_marks
from hades_tui.curve.quantity import Quantity
from hades_tui.curve.viewport import Viewport
from hades_tui.curve.xaxis import elapsed, steps_text
from hades_tui.text.fit import fitted
from hades_tui.text.format import NONE, Line, number


def readout(curve: CurveData, view: Viewport, picture: Picture, width: int) -> Line:
    """One line about the point under the cursor, the most important first; empty without a cursor.

    The values are those of the generation, also where the line is smoothed; the range is over all points in the
    cursor's column.
    """
    x = cursor_x(curve, view)
    if x is None or not picture.lines:
        return []
    metrics = curve.metrics[bisect_left(curve.xs, x)]
    line: Line = [("generation ", "dim"), (str(metrics.generation), "bold")]
    for mark in _marks(curve, picture, x, metrics.generation):
        exact = "" if mark.bit_exact else ", not bit-exact"
        line += [("  ", "text"), (f"{SIGNS[mark.kind]} {mark.text or mark.kind}{exact}", "gold")]
    if curve.quantity is not Quantity.FITNESS:
        line += [(f"  {curve.quantity.value} ", "dim"), (_value(curve, x), "mean")]
    for label, text, hue in _values(curve, metrics, picture, x):
        if text:
            line += [(f"  {label}" + (" " if label else ""), "dim"), (text, hue)]
    return fitted(line, width)


def _value(curve: CurveData, x: float) -> str:
    """The number of the quantity at x, as finely as the axis writes it; a dash where it is not known."""
    at = bisect_left(curve.mean.xs, x)
    if at >= len(curve.mean.xs) or curve.mean.xs[at] != x:
        return NONE
    return f"{curve.mean.ys[at]:.4g}"


def _values(curve: CurveData, m: GenerationMetrics, picture: Picture, x: float) -> list[tuple[str, str, str]]:
    """Label, text and hue of every value; the text is empty where it is not known."""
    source = curve.source
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
        ("here", _range(curve, picture, x), "text"),
    ]


def _range(curve: CurveData, picture: Picture, x: float) -> str:
    """Lowest and highest mean in the cursor's column; empty where it holds one point."""
    if curve.quantity is not Quantity.FITNESS:
        return ""
    xs, ys = curve.mean.xs, curve.mean.ys
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


def _marks(curve: CurveData, picture: Picture, x: float, generation: int) -> list[Mark]:
    """The marks in the cursor's column and those of its generation; on a time axis they may differ."""

    def column(place: float) -> int:
        return column_of(place, picture.low, picture.high, picture.width)

    return [mark for place, mark in placed_marks(curve) if column(place) == column(x) or mark.generation == generation]
