"""The observations as a heat map: a row per pair, a column per entry, two pairs a line where needed. Pure."""

import math
from collections.abc import Sequence

import msgspec

from hades_tui.canvas.raster import cropped, diverging, half_blocks
from hades_tui.pairs.table import PairColumn, PairTable, change_number
from hades_tui.pairs.units import all_alike, with_unit
from hades_tui.text.format import Line, cell_number
from hades_tui.theme.terminal import Terminal

WIDEST = 12
"""Widest cell, unless a name above one needs more."""

NAMED_FROM = 5
"""Least width of a cell with its entry's name above it."""

SCALE_CELLS = 15
"""Width of the scale of colours."""


class Spot(msgspec.Struct, frozen=True):
    """The cell under the cursor: index of the pair, and of the entry of its observation."""

    pair: int = 0
    entry: int = 0


def heat_lines(
    table: PairTable, order: Sequence[int], spot: Spot, width: int, height: int, terminal: Terminal
) -> list[Line]:
    """The heat map: a line of names, the map, and a line with the value under the cursor and the scale.

    order: indices of the pairs from top to bottom.
    """
    entries = table.observations
    if not entries or height < 3 or not order:
        return []
    gutter = _gutter(table)
    cell = _cell_width(entries, width - gutter, terminal)
    shown = max(1, (width - gutter) // cell)
    first = _window(spot.entry, len(entries), shown)
    columns = entries[first : first + shown]
    head = _head(columns, spot.entry - first, cell, gutter, terminal)
    body = _body(table, order, columns, (spot, cell, gutter, height - 2), terminal)
    foot = _foot(table, entries[spot.entry], spot, terminal)
    return [cropped(line, width) for line in (head, *body, foot)]


def full_scale(table: PairTable, column: PairColumn) -> float:
    """The value with the strongest hue: the largest of all entries where units are alike, else of its column."""
    if not all_alike(table.dataset):
        return table.largest(column)
    return max((table.largest(c) for c in table.observations), default=0.0)


def _gutter(table: PairTable) -> int:
    """Width of the pair's number, the cursor's mark and, for discrete actions, the likeliest action."""
    numbers = max(2, len(str(table.count))) + 2
    if not table.dataset.discrete:
        return numbers
    return numbers + min(8, max((len(name) for name in table.dataset.action_names), default=2)) + 1


def _cell_width(entries: Sequence[PairColumn], room: int, terminal: Terminal) -> int:
    least = 1 if terminal.has_pixels else 3
    widest = max(WIDEST, *(len(entry.title) + 2 for entry in entries))
    return min(widest, max(least, room // len(entries)))


def _window(at: int, count: int, shown: int) -> int:
    """The first of `shown` out of `count` positions such that `at` is as near to the middle as possible."""
    return max(0, min(at - shown // 2, count - shown))


def _head(columns: Sequence[PairColumn], at: int, cell: int, gutter: int, terminal: Terminal) -> Line:
    line: Line = [(" " * gutter, "text")]
    for i, column in enumerate(columns):
        hue = "label" if i == at else "heading"
        if cell >= NAMED_FROM:
            mark = terminal.glyphs.down if i == at else ""
            line.append((f"{mark}{column.title}"[: cell - 1].ljust(cell), hue))
        else:
            line.append(((terminal.glyphs.down if i == at else " ").ljust(cell), hue))
    return line


def _body(
    table: PairTable,
    order: Sequence[int],
    columns: Sequence[PairColumn],
    frame: tuple[Spot, int, int, int],
    terminal: Terminal,
) -> list[Line]:
    spot, cell, gutter, room = frame
    halves = terminal.has_pixels and len(order) > room
    fit = 2 * room if halves else room
    at = order.index(spot.pair) if spot.pair in order else 0
    top = _window(at, len(order), fit)
    if halves:  # two pairs stay on their line while the cursor moves
        top -= top % 2
        top += 2 if at >= top + fit else 0
    shown = order[top : top + fit]
    scales = [full_scale(table, column) for column in columns]
    shares = [
        [_share(table.value(pair, column), scale) for column, scale in zip(columns, scales, strict=True)]
        for pair in shown
    ]
    if not terminal.has_pixels:
        cells = [[(_tenths(share).rjust(cell - 1) + " ", _hue(share)) for share in row] for row in shares]
        return [[*_side(table, (pair,), spot, gutter, terminal), *row] for pair, row in zip(shown, cells, strict=True)]
    each = 1 if halves else 2
    colours = [[diverging(share, terminal.dark) for share in row] for row in shares]
    pixels = [[colour for colour in row for _ in range(cell)] for row in colours for _ in range(each)]
    step = 2 if halves else 1
    groups = [shown[i : i + step] for i in range(0, len(shown), step)]
    return [
        [*_side(table, group, spot, gutter, terminal), *line]
        for group, line in zip(groups, half_blocks(pixels), strict=True)
    ]


def _side(table: PairTable, pairs: Sequence[int], spot: Spot, gutter: int, terminal: Terminal) -> Line:
    """The left part of a line: the pair's number, mark and action (of two pairs the cursor's)."""
    here = spot.pair in pairs
    pair = spot.pair if here else pairs[0]
    number = str(pair).rjust(max(2, len(str(table.count))))
    mark = terminal.glyphs.selected if here else " "
    line: Line = [(number, "label" if here else "dim"), (mark, "label")]
    if table.dataset.discrete:
        best, names = table.best(pair), table.dataset.action_names
        name = names[best] if best < len(names) else str(best)
        line.append((name[: gutter - len(number) - 2], "label"))
    return cropped(line, gutter)


def _foot(table: PairTable, column: PairColumn, spot: Spot, terminal: Terminal) -> Line:
    value = table.value(spot.pair, column)
    changed = table.base is not None
    number = change_number(value) if changed else cell_number(value)
    unit = table.units[column.at] if column.at < len(table.units) else ""
    name = column.full_title.removesuffix(f" {unit}")
    value_text = f"{name} {'changed by ' if changed else ''}{with_unit(number, unit)}"
    full = full_scale(table, column)
    suffix = "" if all_alike(table.dataset) else ", by entry"
    line: Line = [(f"pair {spot.pair}  ", "bold"), (value_text, "label"), ("   ", "text")]
    if full == 0:
        return [*line, ("nothing changed here" if changed else "all zero", "dim")]
    if not terminal.has_pixels:
        return [*line, (f"-9 to +9: tenths of {with_unit(_size(full), unit)}{suffix}", "dim")]
    steps = [2 * i / (SCALE_CELLS - 1) - 1 for i in range(SCALE_CELLS)]
    scale = half_blocks([[diverging(step, terminal.dark) for step in steps]] * 2)[0]
    return [*line, (f"-{_size(full)} ", "dim"), *scale, (f" +{with_unit(_size(full), unit)}{suffix}", "dim")]


def _size(value: float) -> str:
    return change_number(value).lstrip("+")


def _share(value: float, full: float) -> float:
    if math.isinf(value):
        return math.copysign(1.0, value)
    return value / full if full > 0 else (0.0 if value == value else math.nan)


def _tenths(share: float) -> str:
    """A value in tenths of the full scale, with its sign: the colour as plain text."""
    if share != share:
        return "?"
    tenths = min(9, int(abs(share) * 10))
    return f"{'-' if share < 0 else '+'}{tenths}" if share else "0"


def _hue(share: float) -> str:
    if share != share:
        return "warn"
    return f"heat{'-' if share < 0 else '+'}{min(4, int(abs(share) * 4.99))}"
