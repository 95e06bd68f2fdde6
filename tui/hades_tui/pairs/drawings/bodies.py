"""Brax: the pose that a pair's state asks for as a stick figure, the torques as arcs at its joints. Pure.

Behind it, faint, is where its velocities take it within 0.04 s. Where there is room the action stands beside it as
bars. All pairs of a dataset have the same scale.
"""

import functools
import math

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import beside, cropped
from hades_tui.pairs.drawings import bars
from hades_tui.pairs.drawings.pair_text import action_of, describe_pair, natural_state_of
from hades_tui.pairs.drawings.pushes import arrow, turn
from hades_tui.pairs.drawings.skeleton import AHEAD, READINGS, Pose, Skeleton, pose, skeleton_of
from hades_tui.pairs.drawings.sketch import Sketch
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

LEAST_ROWS = 6
LEAST_COLUMNS = 24
SHARE = 0.55
"""Of the width, for the figure where bars stand beside it."""

MOST_ARCS = 8
"""Of more torques only bars are shown: the joints of a humanoid lie on top of each other."""

MOST_COMPARED = 16
"""Pairs whose poses the scale is made for."""

MARGIN = 0.25
"""Metres around the body."""

HUES = {"near": "gold", "far": "dim", "fixed": "dim"}
"""Of the body; those of the arcs and arrows, orange and blue, stand out from them in every theme."""

UPWARDS = (0.0, 0.0, 1.0)

SPEEDS = ("vx", "vy", "vz")


def can_draw(env: str, dataset: DatasetSnapshot) -> bool:
    """Whether the pairs are poses of a body that is known."""
    shape = dataset.states.shape[1:]
    skeleton = skeleton_of(env)
    return (
        skeleton is not None
        and shape == (READINGS[env][0],)
        and dataset.actions.shape[1:] == (len(skeleton.actuators),)
    )


def drawing_for(env: str) -> "functools.partial[list[Line]]":
    """The function that draws a pair of an environment."""
    return functools.partial(lines, env)


def lines(env: str, dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Text, figure and bars of a pair; only text and bars where the figure does not fit."""
    skeleton = skeleton_of(env)
    assert skeleton is not None
    state, action = natural_state_of(dataset, pair), action_of(dataset, pair)
    head = [cropped(describe_pair(dataset, pair, natural=True), width)]
    if speeds := _speeds(dataset, state):
        head.append(cropped([(speeds, "text")], width))
    room = height - len(head)
    if room < LEAST_ROWS or width < LEAST_COLUMNS or not all(map(math.isfinite, (*state, *action))):
        return [*head, *bars.action_lines(dataset, pair, (width, room), terminal)][: max(0, height)]
    sided = width >= LEAST_COLUMNS + 3 + bars.NARROWEST
    across = max(LEAST_COLUMNS, min(int(SHARE * width), 3 * room)) if sided else width
    figure = _figure(env, skeleton, dataset, pair, (across, room), terminal)
    if not sided:
        return [*head, *figure]
    doing = bars.action_lines(dataset, pair, (width - across - 3, room), terminal)
    return [*head, *(cropped(line, width) for line in beside(figure, doing))]


def _speeds(dataset: DatasetSnapshot, state: list[float]) -> str:
    """What a pose does not show: how fast the body moves along."""
    names = dataset.observation_names
    known = [name for name in SPEEDS if name in names[: len(state)]]
    return "  ".join(f"{name} {cell_number(state[names.index(name)])} m/s" for name in known)


def _figure(
    env: str, skeleton: Skeleton, dataset: DatasetSnapshot, pair: int, size: tuple[int, int], terminal: Terminal
) -> list[Line]:
    state, action = natural_state_of(dataset, pair), action_of(dataset, pair)
    now, later = (pose(env, skeleton, state, action, ahead=ahead) for ahead in (0.0, AHEAD))
    low, high = _reach(skeleton, now)
    across, up = _window(env, skeleton, dataset)
    centre = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2) if skeleton.follow else (0.0, (low[1] + high[1]) / 2)
    sketch = Sketch(*size, centre=centre, across=across, up=up)
    if skeleton.ground is not None and skeleton.up == UPWARDS:  # from above a floor is no line
        half = size[0] / sketch.unit
        sketch.line("faint", (centre[0] - half, skeleton.ground), (centre[0] + half, skeleton.ground))
    if later != now:
        _sticks(sketch, skeleton, later, dict.fromkeys(HUES, "faint"), thin=True)
    _sticks(sketch, skeleton, now, HUES)
    _torques(sketch, now, terminal)
    return sketch.lines(terminal.glyphs)


def _sticks(sketch: Sketch, skeleton: Skeleton, posed: Pose, hues: dict[str, str], *, thin: bool = False) -> None:
    for part in ("fixed", "far", "near"):
        for stick, (start, end) in zip(skeleton.sticks, posed.ends, strict=True):
            if stick.part != part or (thin and part == "fixed"):
                continue
            thick = 1 if thin else max(1, min(3, round(1.2 * stick.radius * sketch.unit)))
            sketch.line(hues[part], start, end, thick=thick)
            if math.dist(start, end) < stick.radius and not thin:
                sketch.disc(hues[part], start, stick.radius)


def _torques(sketch: Sketch, posed: Pose, terminal: Terminal) -> None:
    if len(posed.torques) > MOST_ARCS:
        return
    for torque in posed.torques:
        if torque.pushes:
            column, row = sketch.place(torque.at[0] + math.copysign(0.25, torque.amount), torque.at[1])
            arrow(sketch, (column, row), torque.amount, terminal.glyphs, max(4, sketch.width // 8))
        else:
            turn(sketch, torque.at, max(0.1, 4.5 / sketch.unit), torque.amount)


def _reach(skeleton: Skeleton, posed: Pose) -> tuple[tuple[float, float], tuple[float, float]]:
    """The lower left and upper right corner around what moves."""
    ends = [end for stick, pair in zip(skeleton.sticks, posed.ends, strict=True) if stick.link >= 0 for end in pair]
    return (min(e[0] for e in ends), min(e[1] for e in ends)), (max(e[0] for e in ends), max(e[1] for e in ends))


def _window(env: str, skeleton: Skeleton, dataset: DatasetSnapshot) -> tuple[float, float]:
    """Metres across and up that show the whole body of each of the first pairs."""
    if not skeleton.follow:
        return skeleton.span, skeleton.span * 0.8
    across = up = 0.0
    for pair in range(min(MOST_COMPARED, dataset.states.shape[0])):
        state = natural_state_of(dataset, pair)
        if all(map(math.isfinite, state)):
            low, high = _reach(skeleton, pose(env, skeleton, state, ()))
            across, up = max(across, high[0] - low[0]), max(up, high[1] - low[1])
    return across + 2 * MARGIN, up + 2 * MARGIN
