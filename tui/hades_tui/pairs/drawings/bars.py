"""Bars: an action or the probabilities of a label by name, and the largest entries of the observation. Pure."""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import beside, cropped
from hades_tui.pairs.drawings.pair_text import action_names, action_of, describe_pair, state_of
from hades_tui.pairs.drawings.pushes import hue_of
from hades_tui.pairs.table import names_of
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

NARROWEST = 34
"""Least width of a list of bars that has another one beside it."""

WIDEST_BAR = 41
NUMBER = 8


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """Bars of the pair's action, and of the largest entries of its observation."""
    action, state = action_of(dataset, pair), state_of(dataset, pair)
    names = names_of(dataset.observation_names, len(state), "obs ", dataset.states.shape[1:])
    room = max(0, height - 1)
    head = describe_pair(dataset, pair)
    if width >= 2 * NARROWEST + 3:
        each = (width - 3) // 2
        doing = _doing(dataset, action, each, room, terminal)
        return [head, *beside(doing, _seeing(names, state, (each, room), terminal))][:height]
    doing = _doing(dataset, action, width, room, terminal)
    left = room - len(doing)
    return [head, *doing, *(_seeing(names, state, (width, left), terminal) if left >= 2 else [])][:height]


def action_lines(dataset: DatasetSnapshot, pair: int, size: tuple[int, int], terminal: Terminal) -> list[Line]:
    """Bars of the pair's action alone, at most so many columns and lines."""
    return _doing(dataset, action_of(dataset, pair), *size, terminal)


def signed_bar(share: float, width: int, terminal: Terminal) -> str:
    """A bar from the middle to the left or right. share: -1 to 1 of half the width; beyond, an arrow ends the bar."""
    half = (width - 1) // 2
    size = round(min(1.0, abs(share)) * half) if math.isfinite(share) else 0
    fill = "█" if terminal.glyphs.braille else "#"
    filled = fill * size
    if abs(share) > 1 and size:
        filled = filled[1:] + terminal.glyphs.right if share > 0 else terminal.glyphs.left + filled[1:]
    left, right = (filled, "") if share < 0 else ("", filled)
    return f"{left:>{half}}{terminal.glyphs.axis}{right:<{half}}"


def _doing(dataset: DatasetSnapshot, action: Sequence[float], width: int, room: int, terminal: Terminal) -> list[Line]:
    names = action_names(dataset, len(action))
    if not dataset.discrete:
        title = "action, -1 to 1"
        return _rows(title, list(zip(names, action, action, strict=True)), (width, room), terminal)
    rows: list[Line] = [[("probability of each action", "heading")]]
    label = min(14, max(map(len, names), default=1))
    size = max(4, min(WIDEST_BAR, width - label - NUMBER - 2))
    for name, value in zip(names, action, strict=True):
        share = value if math.isfinite(value) else 0.0
        filled = round(min(1.0, max(0.0, share)) * size)
        bar = (("█" if terminal.glyphs.braille else "#") * filled).ljust(size)
        text = f"{value:.0%}" if math.isfinite(value) else cell_number(value)
        rows.append([(f"{name[:label]:<{label}} ", "text"), (bar, hue_of(1.0)), (f"{text:>{NUMBER}}", "label")])
    return _cut(rows, room, width)


def _seeing(names: Sequence[str], state: Sequence[float], size: tuple[int, int], terminal: Terminal) -> list[Line]:
    """Bars of the observation, the largest entries first, relative to the largest."""
    order = sorted(range(len(state)), key=lambda i: -abs(state[i]) if math.isfinite(state[i]) else -math.inf)
    largest = max((abs(v) for v in state if math.isfinite(v)), default=0.0) or 1.0
    return _rows("largest entries", [(names[i], state[i] / largest, state[i]) for i in order], size, terminal)


def _rows(title: str, entries: list[tuple[str, float, float]], size: tuple[int, int], terminal: Terminal) -> list[Line]:
    width, room = size
    label = min(14, max((len(name) for name, *_ in entries), default=1))
    bar = max(5, min(WIDEST_BAR, width - label - NUMBER - 1)) // 2 * 2 - 1
    rows: list[Line] = [[(title, "heading")]]
    for name, share, value in entries:
        rows.append(
            [
                (f"{name[:label]:<{label}} ", "text"),
                (signed_bar(share, bar, terminal), hue_of(share)),
                (f"{cell_number(value):>{NUMBER}}", "text"),
            ]
        )
    return _cut(rows, room, width)


def _cut(rows: list[Line], room: int, width: int) -> list[Line]:
    """The rows that fit; the title says how many of them are shown."""
    if len(rows) > room and rows and room >= 1:
        title, hue = rows[0][0]
        rows = [[(f"{title}: {room - 1} of {len(rows) - 1} shown", hue)], *rows[1:room]]
    return [cropped(row, width) for row in rows[: max(0, room)]]
