"""MinAtar and Pong: a pair's observation as a frame in the game's colours, with a legend of its channels. Pure.

A real frame holds zeros and ones, a distilled one any number: the brightness of an object is its value. Where states
are normalised, values are in standard deviations from the mean: each square then shows the channel with the highest
value, at full brightness from three deviations on. Where no value of a dataset is so large, the largest one is the
brightest.
"""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import beside, cropped, enlarged, half_blocks, mixed, rgb
from hades_tui.pairs.drawings.pair_text import action_names, action_of, describe_pair, is_natural, state_of
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

VISIBLE = 1 / 3
"""Share of the full brightness below which an object is left out where there are no colours."""


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """The frame with its legend beside it; a text where it does not fit."""
    rows, columns, channels = dataset.states.shape[1:]
    values = state_of(dataset, pair)
    cells = [values[i : i + channels] for i in range(0, len(values), channels)]
    head = [cropped(describe_pair(dataset, pair), width)]
    room = height - 1
    times = _times(rows, columns, width, room, terminal)
    if times == 0:
        return [*head, [(f"The frame needs {_rows_needed(rows, terminal)} lines and {columns} columns.", "dim")]][
            :height
        ]
    full = _brightest(dataset)
    if terminal.has_pixels:
        colour = _blended if is_natural(dataset) else _strongest
        grid = [[colour(cells[y * columns + x], full) for x in range(columns)] for y in range(rows)]
        picture = half_blocks(enlarged(grid, times))
    else:
        picture = [_letters(cells[y * columns : (y + 1) * columns], full, times) for y in range(rows)]
    legend = _legend(dataset, pair, cells, (width - columns * times - 3, room), terminal, full)
    return [*head, *(cropped(line, width) for line in beside(picture, legend))][:height]


def _brightest(dataset: DatasetSnapshot) -> float:
    """The value with full brightness, the same for all pairs of the dataset."""
    limit = 1.0 if is_natural(dataset) else FULL
    largest = max((value for value in dataset.states.values() if math.isfinite(value)), default=0.0)
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
    full: float,
) -> list[Line]:
    """The channels with their largest values in this frame, the meaning of brightness, and the action."""
    width, room = size
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
    above = "" if is_natural(dataset) else " deviations above the usual"
    out += [[], [(f"brightest: {full:.3g}{above} and more", "dim")]]
    action = action_of(dataset, pair)
    if dataset.discrete and room >= len(out) + 1 + len(action):
        out.append([])
        for name, value in zip(action_names(dataset, len(action)), action, strict=True):
            out.append([(f"{name:<10}", "text"), (f"{value:>5.0%}", "label")])
    return [cropped(line, width) for line in out[:room]]
