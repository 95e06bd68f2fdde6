"""MountainCarContinuous: the car in the valley, its push, and the goal. Geometry as in gymnax. Pure."""

import math
from itertools import pairwise

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import cropped
from hades_tui.pairs.drawings.pair_text import action_of, describe_pair, natural_state_of
from hades_tui.pairs.drawings.pushes import arrow
from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

WEST, EAST, GOAL = -1.2, 0.6, 0.45
LEAST_ROWS = 4


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text and drawing of a pair; only text where it does not fit."""
    x, speed = natural_state_of(dataset, pair)
    lines_above: list[Line] = [
        describe_pair(dataset, pair, natural=True),
        [(f"x {cell_number(x)}  vx {cell_number(speed)} a step  goal at {GOAL}", "text")],
    ]
    if not WEST <= x <= EAST:
        lines_above[1].append(("  beyond the valley", "warn"))
    room = height - len(lines_above)
    if room < LEAST_ROWS or not math.isfinite(x):
        return [cropped(line, width) for line in lines_above[: max(0, height)]]
    sketch = Sketch(width, room, centre=((WEST + EAST) / 2, 0.68), across=EAST - WEST + 0.2, up=1.25)
    knots = [WEST + (EAST - WEST) * i / 48 for i in range(49)]
    for a, b in pairwise(knots):
        sketch.line("dim", (a, _height(a)), (b, _height(b)))
    sketch.line("good", (GOAL, _height(GOAL)), (GOAL, _height(GOAL) + 0.22))
    shown = min(EAST, max(WEST, x))
    centre = (shown, _height(shown) + 0.06)
    sketch.disc("ember", centre, 0.055)
    push = action_of(dataset, pair)[0]
    column, row = sketch.place(*centre)
    arrow(sketch, (column + (2 if push > 0 else -2), max(0, row - 1)), push, terminal.glyphs, max(4, width // 6))
    return lines_above + sketch.lines(terminal.glyphs)


def _height(x: float) -> float:
    return math.sin(3 * x) * 0.45 + 0.55
