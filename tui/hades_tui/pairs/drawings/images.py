"""Distilled images as grey half blocks, each in its own range. Pure.

Distilled pixels are not bound to the range of real ones.
"""

import math

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import cropped, enlarged, grey, half_blocks
from hades_tui.pairs.drawings.pair_text import describe_pair, state_of
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

RAMP = " .:-=+*#%@"
"""Brightness in characters."""

Grid = list[list[float]]


def lines(dataset: DatasetSnapshot, pair: int, width: int, height: int, terminal: Terminal) -> list[Line]:
    """The image as large as fits, at half the resolution if needed; a text where even that is too large."""
    rows, columns = dataset.states.shape[1:3]
    values = state_of(dataset, pair)
    depth = len(values) // (rows * columns)
    grid = [[sum(values[(y * columns + x) * depth :][:depth]) / depth for x in range(columns)] for y in range(rows)]
    finite = [v for row in grid for v in row if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    head = describe_pair(dataset, pair)
    head.append((f"  black {cell_number(low)}  white {cell_number(high)}", "dim"))
    out = [cropped(head, width)]
    room = height - 1
    if room < 1:
        return out[: max(0, height)]
    times = min(2 * room // rows, width // columns)
    if times == 0:
        grid, times = _halved(grid), 1
        out[0] = cropped([*head, ("  every second pixel", "dim")], width)
        if len(grid) > 2 * room or len(grid[0]) > width:
            message = f"The image needs {(len(grid) + 1) // 2 + 1} lines and {len(grid[0])} columns."
            return [*out, [(message, "dim")]][: max(0, height)]
    shares = [[(v - low) / (high - low) if high > low else 0.5 for v in row] for row in grid]
    if terminal.has_pixels:
        return out + half_blocks(enlarged([[grey(v) for v in row] for row in shares], times))
    return out + _characters(shares, times)


def _halved(grid: Grid) -> Grid:
    """The image at half the resolution: means of two by two pixels."""
    return [
        [
            sum(grid[b][a] for b in (y, min(y + 1, len(grid) - 1)) for a in (x, min(x + 1, len(grid[0]) - 1))) / 4
            for x in range(0, len(grid[0]), 2)
        ]
        for y in range(0, len(grid), 2)
    ]


def _characters(shares: Grid, times: int) -> list[Line]:
    """Two rows of pixels per line; the mean of two pixels as a character."""
    large = [[v for v in row for _ in range(times)] for row in shares for _ in range(times)]
    out: list[Line] = []
    for y in range(0, len(large), 2):
        below = large[min(y + 1, len(large) - 1)]
        means = [(a + b) / 2 for a, b in zip(large[y], below, strict=True)]
        text = "".join(
            "?" if v != v else RAMP[min(len(RAMP) - 1, int(min(1.0, max(0.0, v)) * len(RAMP)))] for v in means
        )
        out.append([(text, "text")])
    return out
