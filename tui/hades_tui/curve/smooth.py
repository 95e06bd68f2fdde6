"""A running median over the columns of a curve. Pure."""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

from hades_tui.canvas.braille import Column, Columns


def smoothed(means: Mapping[int, float], window: int, count: int) -> Columns:
    """Each column that has points as the median of the means of `window` such columns, itself in the middle.

    A median, because a spike shall not bend the line beside it: it stays visible as a raw extreme. means: of the
    points in each column that has any, from left to right.
    """
    out: Columns = [None] * count
    for x, y in zip(means, running_median(list(means.values()), window), strict=True):
        out[x] = Column(y, y, y, y)
    return out


def running_median(values: Sequence[float], window: int) -> list[float]:
    """The median of the values around each; at both ends of as many as there are, so that the newest counts."""
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
