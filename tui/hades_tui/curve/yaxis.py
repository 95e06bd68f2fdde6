"""The y-axis beside a curve: labels at its bottom, at its top and at round values between. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hades_tui.canvas.braille import Scale, ticks
from hades_tui.text.format import Rounding, number, rounding

MOST_DECIMALS = 9
HUGE = 1e9
"""From this size on a number has a power of ten, and so has every label."""


class YAxis(msgspec.Struct, frozen=True):
    """Labels by row, rows with a round value between the ends, and how every number on the axis is rounded."""

    labels: dict[int, str] = {}
    between: frozenset[int] = frozenset()
    text: Callable[[float], str] = number


def y_axis(scale: Scale, rows: int) -> YAxis:
    """The axis of a picture of `rows` rows, at least 2: its ends are labelled always, round values where they fit."""
    between = _round_values(scale, rows)
    text = _text_for(scale, between.values())
    labels = {rows - 1: text(scale.low), 0: text(scale.high)}
    return YAxis(labels | {row: text(value) for row, value in between.items()}, frozenset(between), text)


def _round_values(scale: Scale, rows: int) -> dict[int, float]:
    """Row -> round value, apart from each other and from both ends."""
    beside = 1 if rows < 6 else 2

    def inside(values: Sequence[float]) -> dict[int, float]:
        found = {scale.cell(value, rows): value for value in values}
        return {row: value for row, value in found.items() if beside <= row < rows - beside}

    if found := inside(ticks(scale, rows, apart=2 if rows < 9 else 3)):
        return found
    for finer in (2, 4):  # without room for a step of its own: the round value nearest to the middle
        if found := inside(ticks(scale, finer * rows, apart=1)):
            middle = min(found, key=lambda row: abs(2 * row - rows + 1))
            return {middle: found[middle]}
    return {}


def _text_for(scale: Scale, round_values: Iterable[float]) -> Callable[[float], str]:
    """One rounding for the whole axis: that of its largest number, finer where labels would not be exact or differ."""
    size = max(abs(scale.low), abs(scale.high))
    exact = [] if scale.logarithmic else list(round_values)
    ends = (scale.low, scale.high, *exact)
    if size >= HUGE or (scale.logarithmic and number(scale.low) != number(scale.high)):
        return number
    usual = rounding(size)
    for decimals in range(usual.decimals, MOST_DECIMALS):
        finer = Rounding(usual.unit, usual.suffix, decimals)
        differ = len({finer.text(value) for value in ends}) == len(ends)
        if differ and all(_is_exact(value / usual.unit, decimals) for value in exact):
            return finer.text
    return "{:.4g}".format


def _is_exact(value: float, decimals: int) -> bool:
    return math.isclose(round(value, decimals), value, rel_tol=1e-9, abs_tol=1e-12)
