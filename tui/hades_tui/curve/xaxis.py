"""The x-axis below a curve: its line with marks, and labels at round values. Pure."""

import math
from collections.abc import Sequence

from hades_tui.canvas.braille import column_of, nice_step
from hades_tui.canvas.cells import merged
from hades_tui.curve.viewport import Axis
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs

MINUTE, HOUR, DAY = 60, 3600, 86_400
TIMES = (
    *(1, 2, 5, 10, 20, 30),
    *(m * MINUTE for m in (1, 2, 5, 10, 20, 30)),
    *(h * HOUR for h in (1, 2, 3, 6, 12)),
)
"""Round times in seconds, below a day."""

Sign = tuple[float, str]
"""x of a mark, and its character."""


def x_axis(
    axis: Axis, low: float, high: float, margin: int, width: int, glyphs: Glyphs, signs: Sequence[Sign] = ()
) -> list[Line]:
    """The line with the signs on it and the line of labels, `margin` + 2 + `width` columns wide."""
    line, text = [glyphs.floor] * width, [" "] * width
    end, before = -2, ""
    for x, label in _labels(axis, low, high, max(2, width // 14)):
        column = column_of(x, low, high, width)
        start = max(0, min(column - len(label) // 2, width - len(label)))
        if start < end + 2 or not 0 <= column < width or label == before:
            continue
        line[column] = glyphs.floor_tick
        text[start : start + len(label)] = label
        end, before = start + len(label), label
    cells = [(character, "faint") for character in line]
    for x, character in signs:
        if low <= x <= high:
            cells[column_of(x, low, high, width)] = character, "gold"
    return [
        [(" " * margin + " " + glyphs.corner, "faint"), *merged(cells)],
        [(" " * (margin + 2) + "".join(text[:width]), "dim")],
    ]


def _labels(axis: Axis, low: float, high: float, most: int) -> list[tuple[float, str]]:
    """The left edge, then round values up to the right edge, at most `most`; each with its label."""
    least = (high - low) / most
    # There is nothing between two generations or two steps.
    step = time_step(least) if axis is Axis.TIME else max(1.0, nice_step(least))
    places = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    first = low if axis is Axis.TIME else math.ceil(low)
    return [(x, label(axis, x, step)) for x in [first, *(x for x in places if x > low)]]


def time_step(least: float) -> float:
    """The least round time that is not below so many seconds."""
    if least > 12 * HOUR:
        return DAY * max(1.0, nice_step(least / DAY))
    return next((float(t) for t in TIMES if t >= least), float(DAY)) if least > 1.0 else nice_step(least)


def label(axis: Axis, x: float, step: float = 0.0) -> str:
    """The label of x. step: distance of labels, which sets the precision."""
    if axis is Axis.GENERATION:
        return f"{x:.0f}"
    return steps_text(x, step) if axis is Axis.STEPS else elapsed(x, step)


def steps_text(steps: float, step: float = 0.0) -> str:
    """A number of environment steps, as exact as `step` needs: 800, 12.8k, 1.25M, 3G."""
    size = abs(steps)
    for power, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= power:
            digits = 2 if not step else max(0, min(9, 1 + math.ceil(-math.log10(step / power) - 1e-9)))
            text = f"{steps / power:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix
    return f"{steps:.0f}"


def elapsed(seconds: float, step: float = 0.0) -> str:
    """A time since the first commit: 0, 45s, 5m, 5m12s, 3h20m, 2d04h; smaller units where `step` needs them."""
    if seconds < MINUTE:
        digits = 0 if not step or step >= 1.0 else min(3, math.ceil(-math.log10(step)))
        return f"{seconds:.{digits}f}s" if seconds else "0"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE}m" + (f"{whole % MINUTE:02d}s" if whole % MINUTE else "")
    rest = f"{whole % MINUTE:02d}s" if 0.0 < step < MINUTE else ""
    if whole < DAY:
        minutes = whole % HOUR // MINUTE
        return f"{whole // HOUR}h" + (f"{minutes:02d}m" if minutes or rest else "") + rest
    hours, minutes = whole % DAY // HOUR, whole % HOUR // MINUTE
    fine = f"{minutes:02d}m" if 0.0 < step < HOUR else ""
    return f"{whole // DAY}d" + (f"{hours:02d}h" if hours or fine else "") + fine + rest
