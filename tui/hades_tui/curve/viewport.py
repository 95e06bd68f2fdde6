"""The view of a curve as a value, with pure transitions: zoom, pan, cursor, axis.

x is in units of the axis: generations, environment steps, or seconds since the first commit. The cursor is always on a
point of the data, so that it shows no interpolated values.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from hades_tui.canvas.braille import column_of
from hades_tui.curve.quantity import Quantity


class Axis(StrEnum):
    """Quantity on the x-axis."""

    GENERATION = "generation"
    STEPS = "environment steps"
    TIME = "wall time"


SMOOTHINGS = (1, 9, 25)
"""Columns of the running median; 1 is none."""


class Extent(msgspec.Struct, frozen=True):
    """Range of x of all data. least: smallest useful width of a view."""

    low: float
    high: float
    least: float = 0.0

    @property
    def width(self) -> float:
        """high - low, in units of the axis."""
        return self.high - self.low


class Viewport(msgspec.Struct, frozen=True):
    """The view of a curve.

    reach: lowest and highest visible x; None for all data, also future ones. following: the newest point stays at the
    right edge. cursor: x of the point under the cursor. smoothing: index into SMOOTHINGS. seeds: each marked seed of a
    group has a line, instead of one for their mean.
    """

    reach: tuple[float, float] | None = None
    following: bool = False
    cursor: float | None = None
    axis: Axis = Axis.GENERATION
    smoothing: int = 0
    logarithmic: bool = False
    quantity: Quantity = Quantity.FITNESS
    seeds: bool = False


def visible_range(view: Viewport, extent: Extent) -> tuple[float, float]:
    """The lowest and the highest x to draw."""
    return clamp(view, extent).reach or (extent.low, extent.high)


def clamp(view: Viewport, extent: Extent) -> Viewport:
    """The view after data came or were cut: as wide as before if possible, and within the data."""
    if view.reach is None:
        return view
    low, high = view.reach
    if view.following:
        low, high = extent.high - (high - low), extent.high
    return _ranged(view, low, high, extent)


def zoom(view: Viewport, extent: Extent, factor: float, about: float | None = None) -> Viewport:
    """Show `factor` times as much around x = about, else around the cursor, else around the middle.

    That x keeps its place on the screen as long as there are data on both sides.
    """
    low, high = visible_range(view, extent)
    if about is None:
        about = view.cursor if view.cursor is not None and low <= view.cursor <= high else (low + high) / 2
    width = max((high - low) * factor, min(extent.least, high - low))
    left = about - (about - low) * (width / ((high - low) or 1.0))
    return _ranged(view, left, left + width, extent)


def pan(view: Viewport, extent: Extent, fraction: float) -> Viewport:
    """Move sideways by a fraction of the visible range, up to the ends of the data; at the right end follow."""
    if view.reach is None:
        return view
    low, high = visible_range(view, extent)
    by = min(max((high - low) * fraction, extent.low - low), extent.high - high)
    return _ranged(view, low + by, high + by, extent)


def whole(view: Viewport) -> Viewport:
    """Show all data, also future ones."""
    return replace(view, reach=None, following=False)


def read(view: Viewport, points: Sequence[float], x: float) -> Viewport:
    """Put the cursor on the point nearest to x; without points there is none."""
    at = nearest(points, x)
    return replace(view, cursor=None if at is None else points[at])


def step(view: Viewport, extent: Extent, points: Sequence[float], by: int, columns: int = 0) -> Viewport:
    """The cursor one point on, or one column where several points share one; it starts at the visible edge.

    points: x of the data, in ascending order. by: 1 or -1. columns: of dots in the picture; 0 for single points. The
    view moves along where the cursor would leave it.
    """
    if not points:
        return replace(view, cursor=None)
    low, high = visible_range(view, extent)
    first, last = bisect_left(points, low), bisect_right(points, high) - 1
    if view.cursor is None:
        at = last if by < 0 else first
        return shown(read(view, points, points[min(len(points) - 1, max(0, at))]), extent)
    at = nearest(points, view.cursor) or 0
    here = column_of(points[at], low, high, columns) if columns else 0
    after = min(len(points) - 1, max(0, at + by))
    while columns and 0 < after < len(points) - 1 and column_of(points[after], low, high, columns) == here:
        after += by
    return shown(replace(view, cursor=points[after]), extent)


def shown(view: Viewport, extent: Extent) -> Viewport:
    """The view moved sideways as little as needed to show the cursor."""
    if view.cursor is None or view.reach is None:
        return view
    low, high = visible_range(view, extent)
    by = min(0.0, view.cursor - low) or max(0.0, view.cursor - high)
    return _ranged(view, low + by, high + by, extent) if by else view


def on_axis(view: Viewport, axis: Axis, before: Sequence[float], after: Sequence[float]) -> Viewport:
    """The same part of the curve on another axis.

    before, after: x of the same points on the old and the new axis; without points all data are visible.
    """
    if not before or not after:
        return replace(view, axis=axis, reach=None, following=False, cursor=None)
    reach = None if view.reach is None else (_moved(view.reach[0], before, after), _moved(view.reach[1], before, after))
    cursor = None if view.cursor is None else after[nearest(before, view.cursor) or 0]
    if reach is not None and reach[1] <= reach[0]:  # the new axis has no width here
        reach = None
    return replace(view, axis=axis, reach=reach, following=view.following and reach is not None, cursor=cursor)


def nearest(points: Sequence[float], x: float) -> int | None:
    """Index of the point nearest to x, the left one of two; None without points."""
    if not points:
        return None
    right = bisect_left(points, x)
    if right == 0 or (right < len(points) and points[right] - x < x - points[right - 1]):
        return right
    return right - 1


def _moved(x: float, before: Sequence[float], after: Sequence[float]) -> float:
    """x on the new axis: interpolated between the two points that it lies between on the old one."""
    right = min(len(before) - 1, max(1, bisect_left(before, x)))
    if right >= len(before):
        return after[0]
    left = right - 1
    part = (x - before[left]) / ((before[right] - before[left]) or 1.0)
    return after[left] + min(1.0, max(0.0, part)) * (after[right] - after[left])


def _ranged(view: Viewport, low: float, high: float, extent: Extent) -> Viewport:
    """The view of a range, moved into the extent; a range that covers the extent becomes None."""
    width = high - low
    if width >= extent.width * (1 - 1e-9):
        return whole(view)
    low = min(max(low, extent.low), extent.high - width)
    high = min(low + width, extent.high)
    return replace(view, reach=(low, high), following=extent.high - high <= 1e-9 * extent.width)
