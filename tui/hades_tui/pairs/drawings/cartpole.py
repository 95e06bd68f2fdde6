"""CartPole: track, cart, pole, and the push with its probability. Geometry as in gymnax. Pure."""

import math

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import cropped
from hades_tui.pairs.drawings.pair_text import action_of, degrees, describe_pair, state_of
from hades_tui.pairs.drawings.pushes import arrow
from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

TRACK = 2.4
"""Metres from the middle at which an episode ends."""

FARTHEST = 12.0
"""Most metres from the middle that are drawn: distilled states need not lie on the track."""

LEAST_ROWS = 4


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text and drawing of a pair; only text where it does not fit. The scale is the same for all pairs of a dataset."""
    x, speed, angle, turning = state_of(dataset, pair)
    left, right = action_of(dataset, pair)
    lines_above: list[Line] = [
        describe_pair(dataset, pair),
        [(f"x {cell_number(x)} m  vx {cell_number(speed)} m/s  angle {degrees(angle, terminal, 1)}", "text")],
    ]
    lines_above[1].append((f"  w {cell_number(turning)} rad/s", "text"))
    if abs(x) > TRACK:
        lines_above[0] = [*lines_above[0], ("  beyond the track", "warn")]
    room = height - len(lines_above)
    if room < LEAST_ROWS or not (math.isfinite(x) and math.isfinite(angle)):
        return [cropped(line, width) for line in lines_above[: max(0, height)]]
    return [cropped(line, width) for line in lines_above] + _sketch(
        dataset, (x, angle), right - left, (width, room), terminal
    )


def _sketch(
    dataset: DatasetSnapshot, pose: tuple[float, float], push: float, size: tuple[int, int], terminal: Terminal
) -> list[Line]:
    x, angle = pose
    states = dataset.states.values()
    places = [abs(v) for v in states[0::4] if math.isfinite(v)]
    hangs = any(math.cos(v) < 0 for v in states[2::4] if math.isfinite(v))
    reach = min(FARTHEST, max(TRACK, *places))
    bottom, top = (-1.15 if hangs else -0.3), 1.15
    sketch = Sketch(*size, centre=(0.0, (bottom + top) / 2), across=2 * reach + 1.2, up=top - bottom)
    half = size[0] / sketch.unit
    sketch.line("faint", (-half, -0.12), (half, -0.12))
    for post in (-TRACK, TRACK):
        sketch.line("dim", (post, -0.28), (post, 0.1))
    shown = min(reach + 0.3, max(-reach - 0.3, x))
    tip = (shown + math.sin(angle), math.cos(angle))
    sketch.box("ember", (shown - 0.28, -0.1), (shown + 0.28, 0.08))
    sketch.line("gold", (shown, 0.08), tip, thick=2)
    _push(sketch, shown, push, terminal)
    return sketch.lines(terminal.glyphs)


def _push(sketch: Sketch, x: float, push: float, terminal: Terminal) -> None:
    if not math.isfinite(push) or push == 0:
        return
    side = 1 if push > 0 else -1
    column, row = sketch.place(x + side * 0.36, 0.0)
    most = max(4, int(0.9 * sketch.unit / 2))
    beyond = arrow(sketch, (column, row), push, terminal.glyphs, most)
    share = f"{(1 + abs(push)) / 2:.0%}"
    sketch.text(beyond + 1 if push > 0 else beyond - len(share), row, share, "label")
