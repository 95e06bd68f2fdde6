"""CartPole: cart and pole in a fixed size, the push with its probability, the place on a strip. Geometry as in gymnax.

The cart stands in the middle, wherever it is on the track: the strip beneath shows that, from end to end. So two pairs
far apart, or beyond the track, are as readable as any. Faint: where its velocities take it within 0.1 s. Pure.
"""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import cropped
from hades_tui.pairs.drawings.pair_text import action_of, degrees, describe_pair, natural_state_of
from hades_tui.pairs.drawings.pushes import arrow
from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

TRACK = 2.4
"""Metres from the middle at which an episode ends."""

AHEAD = 0.1
"""Seconds between a state and its faint shadow."""

LEAST_ROWS = 6
STRIP_WIDEST = 61
STRIP_NARROWEST = 15

FLOOR = -0.2
CART = (0.3, 0.12)
"""Half its width, and how high it is above its wheels' line."""


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text and drawing of a pair; only text where it does not fit. The scale is the same for all pairs."""
    state = natural_state_of(dataset, pair)
    x, speed, angle, turning = state
    left, right = action_of(dataset, pair)
    lines_above: list[Line] = [
        describe_pair(dataset, pair, natural=True),
        [(f"x {cell_number(x)} m  vx {cell_number(speed)} m/s  angle {degrees(angle, terminal, 1)}", "text")],
    ]
    lines_above[1].append((f"  w {cell_number(turning)} rad/s", "text"))
    if abs(x) > TRACK:
        lines_above[0] = [*lines_above[0], ("  beyond the track", "warn")]
    room = height - len(lines_above)
    above = [cropped(line, width) for line in lines_above[: max(0, height)]]
    if room < LEAST_ROWS or width < STRIP_NARROWEST or not all(map(math.isfinite, state)):
        return above
    figure = _figure(dataset, state, right - left, (width, room - 1), terminal)
    return [*above, *figure, cropped(_strip(x, width, terminal), width)]


def _figure(
    dataset: DatasetSnapshot, state: Sequence[float], push: float, size: tuple[int, int], terminal: Terminal
) -> list[Line]:
    _, speed, angle, turning = state
    hangs = any(math.cos(natural_state_of(dataset, pair)[2]) < 0 for pair in range(dataset.states.shape[0]))
    bottom, top = (-1.15 if hangs else FLOOR - 0.05), 1.12
    sketch = Sketch(*size, centre=(0.0, (bottom + top) / 2), across=3.0, up=top - bottom)
    half = size[0] / sketch.unit
    sketch.line("faint", (-half, FLOOR), (half, FLOOR))
    moved, leaned = AHEAD * speed, angle + AHEAD * turning
    sketch.line("faint", (moved, CART[1]), (moved + math.sin(leaned), math.cos(leaned)))
    sketch.box("ember", (-CART[0], FLOOR + 0.06), (CART[0], CART[1] - 0.04))
    sketch.line("gold", (0.0, CART[1]), (math.sin(angle), math.cos(angle)), thick=2)
    if math.isfinite(push) and push:
        _push(sketch, push, terminal)
    return sketch.lines(terminal.glyphs)


def _push(sketch: Sketch, push: float, terminal: Terminal) -> None:
    side = 1 if push > 0 else -1
    share = f"{(1 + abs(push)) / 2:.0%}"
    column, row = sketch.place(side * (CART[0] + 0.1), 0.0)
    room = sketch.width - column if push > 0 else column + 1
    most = max(3, min(int(0.35 * sketch.unit), room - len(share) - 2))
    beyond = arrow(sketch, (column, row), push, terminal.glyphs, most)
    sketch.text(beyond + 1 if push > 0 else beyond - len(share), row, share, "label")


def _strip(x: float, width: int, terminal: Terminal) -> Line:
    """The track from end to end with the cart's place on it; an arrow at an end: it is beyond."""
    glyphs = terminal.glyphs
    ends = f"-{TRACK:g} m ", f" {TRACK:g} m"
    size = min(STRIP_WIDEST, width - len(ends[0]) - len(ends[1])) // 2 * 2 - 1
    if size < 5:
        ends, size = ("", ""), min(STRIP_WIDEST, width) // 2 * 2 - 1
    at = min(size - 1, max(0, round((x / TRACK + 1) / 2 * (size - 1))))
    mark = glyphs.left if x < -TRACK else glyphs.right if x > TRACK else glyphs.marker
    rail = [glyphs.thin] * size
    rail[size // 2] = glyphs.axis
    pad = " " * max(0, (width - size - len(ends[0]) - len(ends[1])) // 2)
    before, after = "".join(rail[:at]), "".join(rail[at + 1 :])
    hue = "warn" if abs(x) > TRACK else "ember"
    return [(pad + ends[0], "dim"), (before, "dim"), (mark, hue), (after, "dim"), (ends[1], "dim")]
