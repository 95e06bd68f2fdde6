"""MinAtar and Pong: a pair's observation as a frame in the game's colours, with a legend of its channels. Pure.

A real frame holds zeros and ones, a distilled one any number: the brightness of an object is its value, in natural
units wherever these are known. Where they are not, values are in standard deviations from the mean: each square then
shows the channel with the highest value, at full brightness from three deviations on. Where no value of a dataset is so
large, the largest one is the brightest. Single frames look noisy: beside one stands the mean of all pairs of its
action, which shows what they have in common.
"""

import math
from collections.abc import Sequence
from math import prod
from textwrap import wrap

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import beside, cropped, enlarged, half_blocks, mixed, rgb
from hades_tui.pairs.drawings.pair_text import (
    action_names,
    action_of,
    describe_pair,
    has_natural,
    natural_state_of,
    state_of,
)
from hades_tui.text.format import Line
from hades_tui.theme.terminal import Terminal

CHANNELS = (
    *("5fafff", "ffff5f", "878787", "d75f00", "d787af", "00af87", "ffaf00", "005faf", "ffffff", "afd787"),
    *("af5fff", "5fffff"),
)
"""The channels' colours, in their order, on black; as in a report's pictures."""

LETTERS = "123456789abcdefghijklmnopqrstuvwxyz"
"""Letters of the channels in a terminal without colours."""

FULL = 3.0
"""Standard deviations at full brightness."""

LEGEND = 28
"""Columns that are kept for the legend before a second frame gets any."""

VISIBLE = 1 / 3
"""Share of the full brightness below which an object is left out where there are no colours."""


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """The frame with its legend beside it; a text where it does not fit."""
    rows, columns, channels = dataset.states.shape[1:]
    natural = has_natural(dataset)
    seen = natural_state_of if natural else state_of
    cells = _cells(seen(dataset, pair), channels)
    head = [cropped(describe_pair(dataset, pair, natural=natural), width)]
    room = height - 1
    alike = _alike(dataset, pair)
    times = _times(rows, columns, width, room, terminal)
    if len(alike) > 1 and width >= 2 * columns + 6 + LEGEND:  # rather two smaller frames than one large one
        times = min(times, (width - 6 - LEGEND) // (2 * columns))
    if times == 0:
        return [*head, [(f"The frame needs {_rows_needed(rows, terminal)} lines and {columns} columns.", "dim")]][
            :height
        ]
    every = [seen(dataset, other) for other in range(dataset.states.shape[0])]
    full = _brightest(every, natural)
    picture = _picture(cells, (rows, columns, times), full, terminal, natural)
    left = width - columns * times - 3
    if len(alike) > 1 and left >= columns * times + 3 + LEGEND:
        means = [sum(values) / len(alike) for values in zip(*(every[other] for other in alike), strict=True)]
        common = _picture(_cells(means, channels), (rows, columns, times), full, terminal, natural)
        name = action_names(dataset, dataset.actions.shape[-1])[_likeliest(action_of(dataset, pair))]
        titles: Line = [("this pair".ljust(columns * times)[: columns * times], "heading"), ("   ", "text")]
        titles.append((f"mean of {len(alike)} pairs for {name}"[:left], "heading"))
        if len(picture) + 2 <= height:
            head.append(cropped(titles, width))
        picture = beside(picture, common)
        left -= columns * times + 3
    legend = _legend(dataset, pair, cells, (left, room), terminal, (full, natural))
    return [*head, *(cropped(line, width) for line in beside(picture, legend))][:height]


def _cells(values: Sequence[float], channels: int) -> list[Sequence[float]]:
    return [values[i : i + channels] for i in range(0, len(values), channels)]


def _picture(
    cells: Sequence[Sequence[float]], shape: tuple[int, int, int], full: float, terminal: Terminal, natural: bool
) -> list[Line]:
    """A frame of so many rows and columns of squares, each `times` columns wide."""
    rows, columns, times = shape
    if not terminal.has_pixels:
        return [_letters(cells[y * columns : (y + 1) * columns], full, times) for y in range(rows)]
    colour = _blended if natural else _strongest
    grid = [[colour(cells[y * columns + x], full) for x in range(columns)] for y in range(rows)]
    return half_blocks(enlarged(grid, times))


def _likeliest(action: Sequence[float]) -> int:
    return max(range(len(action)), key=lambda i: action[i] if math.isfinite(action[i]) else -math.inf)


def _alike(dataset: DatasetSnapshot, pair: int) -> list[int]:
    """The pairs whose likeliest action is this one's."""
    if not dataset.discrete or not prod(dataset.actions.shape[1:]):
        return [pair]
    mine = _likeliest(action_of(dataset, pair))
    return [i for i in range(dataset.states.shape[0]) if _likeliest(action_of(dataset, i)) == mine]


def _brightest(states: Sequence[Sequence[float]], natural: bool) -> float:
    """The value with full brightness, the same for all pairs of the dataset."""
    limit = 1.0 if natural else FULL
    largest = max((value for state in states for value in state if math.isfinite(value)), default=0.0)
    return min(limit, largest) if largest > 0 else limit


def _rows_needed(rows: int, terminal: Terminal) -> int:
    return (rows + 1) // 2 if terminal.has_pixels else rows


def _times(rows: int, columns: int, width: int, room: int, terminal: Terminal) -> int:
    """Columns per square; 0 where the frame does not fit."""
    if terminal.has_pixels:
        return min(2 * room // rows, width // columns)
    return min(2, width // columns) if room >= rows else 0


def _blended(cell: Sequence[float], full: float) -> str:
    out = (0.0, 0.0, 0.0)
    for channel, value in enumerate(cell):
        share = _share(value, full)
        colour = rgb(CHANNELS[channel % len(CHANNELS)])
        out = tuple(a * (1 - share) + share * b for a, b in zip(out, colour, strict=True))  # type: ignore[assignment]
    return mixed(*out)


def _strongest(cell: Sequence[float], full: float) -> str:
    channel, share = _foremost(cell, full)
    red, green, blue = rgb(CHANNELS[channel % len(CHANNELS)])
    return mixed(red * share, green * share, blue * share)


def _foremost(cell: Sequence[float], full: float) -> tuple[int, float]:
    """The channel with the largest value (of equal ones the last, which is on top), and its share of `full`."""
    shares = [_share(value, full) for value in cell]
    channel = max(range(len(shares)), key=lambda i: (shares[i], i))
    return channel, shares[channel]


def _share(value: float, full: float) -> float:
    return min(1.0, max(0.0, value / full)) if value == value else 0.0


def _letters(row: Sequence[Sequence[float]], full: float, times: int) -> Line:
    text = ""
    for cell in row:
        channel, share = _foremost(cell, full)
        text += (LETTERS[channel % len(LETTERS)] if share >= VISIBLE else ".").ljust(times)
    return [(text, "text")]


def _legend(
    dataset: DatasetSnapshot,
    pair: int,
    cells: Sequence[Sequence[float]],
    size: tuple[int, int],
    terminal: Terminal,
    brightness: tuple[float, bool],
) -> list[Line]:
    """The channels with their largest values in this frame, the meaning of brightness, and the action.

    brightness: the brightest value, and whether it is in natural units.
    """
    width, room = size
    full, natural = brightness
    if width < 12:
        return []
    channels = dataset.states.shape[-1]
    names = dataset.observation_names
    out: list[Line] = []
    for channel in range(channels):
        sign = ("■", f"px:{CHANNELS[channel % len(CHANNELS)]}:") if terminal.has_pixels else (LETTERS[channel], "bold")
        name = names[channel] if len(names) == channels else f"channel {channel}"
        largest = max((cell[channel] for cell in cells if math.isfinite(cell[channel])), default=math.nan)
        out.append([sign, (f" {name:<14} ", "text"), (f"up to {largest:+.2f}", "dim")])
    above = "" if natural else " deviations above the usual"
    said = f"brightest: {full:.3g}{above} and more"
    out += [[], *([(part, "dim")] for part in wrap(said, width))]
    action = action_of(dataset, pair)
    if dataset.discrete and room >= len(out) + 1 + len(action):
        out.append([])
        for name, value in zip(action_names(dataset, len(action)), action, strict=True):
            out.append([(f"{name:<10}", "text"), (f"{value:>5.0%}", "label")])
    return [cropped(line, width) for line in out[:room]]
