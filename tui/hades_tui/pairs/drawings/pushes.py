"""Pushes and torques as arrows and arcs in a sketch. Pure."""

import math

from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.theme.glyphs import Glyphs

MORE, LESS = "heat+3", "heat-3"
"""Hues of an action above and below zero."""


def hue_of(amount: float) -> str:
    """The hue of an action's sign."""
    return LESS if amount < 0 else MORE


def arrow(sketch: Sketch, at: tuple[int, int], amount: float, glyphs: Glyphs, most: int) -> int:
    """Draw a level arrow from a cell on. amount: -1 to 1 of `most` columns. Returns the first column beyond its tip."""
    column, row = at
    size = round(min(1.0, abs(amount)) * most) if math.isfinite(amount) else 0
    if size == 0:
        return column
    if amount > 0:
        sketch.text(column, row, glyphs.thin * (size - 1) + glyphs.right, MORE)
        return column + size
    sketch.text(column - size + 1, row, glyphs.left + glyphs.thin * (size - 1), LESS)
    return column - size


def turn(sketch: Sketch, centre: tuple[float, float], radius: float, amount: float) -> None:
    """Draw an arc that begins at the top. amount: 1 is three quarters of a circle, counter-clockwise."""
    if not math.isfinite(amount) or abs(amount) < 0.02:
        return
    cut = min(1.2, max(-1.2, amount))
    steps = max(4, int(40 * abs(cut)))
    before = (centre[0], centre[1] + radius)
    for i in range(1, steps + 1):
        angle = math.pi / 2 + 1.5 * math.pi * cut * i / steps
        here = (centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle))
        sketch.line(hue_of(cut), before, here)
        before = here
    sketch.disc(hue_of(cut), before, 1.5 / sketch.unit)
