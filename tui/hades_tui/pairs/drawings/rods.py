"""Pendulum and Acrobot: rods around a pivot, the torque as an arc. Geometry as in gymnax. Pure."""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import cropped
from hades_tui.pairs.drawings.pair_text import action_of, degrees, describe_pair, natural_state_of
from hades_tui.pairs.drawings.pushes import turn
from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

LEAST_ROWS = 5


def pendulum(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text and drawing of a Pendulum pair. Upright is 0 degrees; a positive angle leans to the left."""
    cosine, sine, speed = natural_state_of(dataset, pair)
    lines_above = [
        describe_pair(dataset, pair, natural=True),
        _describe(("angle",), (sine,), (cosine,), (speed,), terminal),
    ]
    room = height - len(lines_above)
    if room < LEAST_ROWS or not _finite(cosine, sine):
        return [cropped(line, width) for line in lines_above[: max(0, height)]]
    sketch = Sketch(width, room, centre=(0, 0), across=2.3, up=2.3)
    angle = math.atan2(sine, cosine)
    sketch.line("ember", (0, 0), (-math.sin(angle), math.cos(angle)), thick=3)
    turn(sketch, (0, 0), 0.4, action_of(dataset, pair)[0])
    sketch.disc("dim", (0, 0), 0.06)
    return lines_above + sketch.lines(terminal.glyphs)


def acrobot(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text and drawing of an Acrobot pair. The torque acts between the rods; the line is the height to reach."""
    c1, s1, c2, s2, w1, w2 = natural_state_of(dataset, pair)
    lines_above = [
        describe_pair(dataset, pair, natural=True),
        _describe(("first", "second"), (s1, s2), (c1, c2), (w1, w2), terminal),
    ]
    room = height - len(lines_above)
    if room < LEAST_ROWS or not _finite(c1, s1, c2, s2):
        return [cropped(line, width) for line in lines_above[: max(0, height)]]
    sketch = Sketch(width, room, centre=(0, 0), across=4.4, up=4.4)
    half = width / sketch.unit
    sketch.line("good", (-half, 1), (half, 1))
    first, second = math.atan2(s1, c1), math.atan2(s2, c2)
    elbow = (math.sin(first), -math.cos(first))
    tip = (elbow[0] + math.sin(first + second), elbow[1] - math.cos(first + second))
    sketch.line("ember", (0, 0), elbow, thick=2)
    sketch.line("gold", elbow, tip, thick=2)
    sketch.disc("dim", (0, 0), 0.08)
    action = action_of(dataset, pair)
    turn(sketch, elbow, 0.35, action[-1] - action[0])
    return lines_above + sketch.lines(terminal.glyphs)


def _finite(*values: float) -> bool:
    return all(map(math.isfinite, values))


def _describe(
    names: Sequence[str], sines: Sequence[float], cosines: Sequence[float], speeds: Sequence[float], terminal: Terminal
) -> Line:
    angles = []
    for name, sine, cosine, speed in zip(names, sines, cosines, speeds, strict=True):
        angle = math.atan2(sine, cosine) if _finite(sine, cosine) else math.nan
        angles.append(f"{name} {degrees(angle, terminal)} at {cell_number(speed)} rad/s")
    line: Line = [("  ".join(angles), "text")]
    sizes = [math.hypot(sine, cosine) for sine, cosine in zip(sines, cosines, strict=True)]
    if any(not abs(size - 1) < 0.05 for size in sizes):
        line.append(("  sin^2 + cos^2 is " + ", ".join(f"{size * size:.2f}" for size in sizes), "warn"))
    return line
