"""Down-sampling of a curve for a screen, without losing a spike. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence

MIN_POINTS = 8


def thin(
    positions: Sequence[int], curves: Sequence[Sequence[float]], points: int, always: Iterable[int] = ()
) -> list[int]:
    """Ascending indices, at most `points` (at least MIN_POINTS) of them.

    positions: ascending, where on the curve each value is (generations). curves: values, NaN is a gap.

    Where everything fits, everything is kept. Else the range of positions is cut into buckets of equal width, and of
    each bucket the lowest and the highest value of every curve stay; the first and the last index stay as well, and
    those of `always`. MIN_POINTS suffice for two curves and one more index. Buckets are cut by position, not by index:
    what was thinned before, and is sparse, gets as many as what is new.
    """
    total = len(positions)
    if total <= points:
        return list(range(total))
    kept = {0, total - 1, *always}
    span = positions[-1] - positions[0] + 1
    width = max(1, math.ceil(span / max(1, (points - len(kept)) // (2 * len(curves)))))
    return sorted(kept | extremes(positions, curves, width, positions[0]))


def extremes(positions: Sequence[int], curves: Sequence[Sequence[float]], width: int, origin: int = 0) -> set[int]:
    """Indices of the lowest and the highest value of every curve in each bucket of `width` positions."""
    kept: set[int] = set()
    for start, end in _buckets(positions, width, origin):
        for curve in curves:
            filled = [i for i in range(start, end) if curve[i] == curve[i]]
            if filled:
                kept.add(min(filled, key=curve.__getitem__))
                kept.add(max(filled, key=curve.__getitem__))
    return kept


def _buckets(positions: Sequence[int], width: int, origin: int) -> Iterator[tuple[int, int]]:
    """Start and end index of each bucket that is not empty."""
    start = 0
    for i in range(1, len(positions) + 1):
        if i == len(positions) or (positions[i] - origin) // width != (positions[start] - origin) // width:
            yield start, i
            start = i
