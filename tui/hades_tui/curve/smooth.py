"""A running median over the columns of a curve. Pure."""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

from hades_tui.canvas.braille import Column, Columns


def smoothed(means: Mapping[int, float], window: int, count: int) -> Columns:
    """Columns of a running median over `window` columns that have points.

    means: column -> mean of its points, from left to right. count: number of columns. A median, so that a spike does
    not bend the line beside it; it stays visible as a raw extreme.
    """
    out: Columns = [None] * count
    for x, y in zip(means, running_median(list(means.values()), window), strict=True):
        out[x] = Column(y, y, y, y)
    return out


def running_median(values: Sequence[float], window: int) -> list[float]:
    """The median of the `window` values around each, fewer at both ends."""
    half = window // 2
    sorted_window = sorted(values[:half])
    out = []
    for i in range(len(values)):
        if i + half < len(values):
            insort(sorted_window, values[i + half])
        if i - half - 1 >= 0:
            del sorted_window[bisect_left(sorted_window, values[i - half - 1])]
        middle, odd = divmod(len(sorted_window), 2)
        out.append(sorted_window[middle] if odd else (sorted_window[middle - 1] + sorted_window[middle]) / 2)
    return out
