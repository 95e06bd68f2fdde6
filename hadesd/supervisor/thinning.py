"""Down-sampling of a curve for a screen, without losing a spike."""

import math
from collections.abc import Sequence

MIN_POINTS = 8


def thin(curves: Sequence[Sequence[float]], start: int, points: int, always: Sequence[int] = ()) -> list[int]:
    """Ascending indices from `start` on, at most `points` (at least MIN_POINTS) of them.

    Where everything fits, everything is kept. Else the range is cut into buckets of equal size, and of each
    bucket the lowest and the highest value of every curve stay; the first and the last index stay as well, and
    those of `always`, which are not before `start`. MIN_POINTS suffice for two curves and one more index.
    NaN is a gap, not a value.
    """
    end = len(curves[0])
    total = end - start
    if total <= points:
        return list(range(start, end))
    kept = {start, end - 1, *always}
    buckets = max(1, (points - 2 - len(always)) // (2 * len(curves)))
    for bucket in range(buckets):
        low = start + bucket * total // buckets
        high = start + (bucket + 1) * total // buckets
        for curve in curves:
            filled = [i for i in range(low, high) if not math.isnan(curve[i])]
            if filled:
                kept.add(min(filled, key=curve.__getitem__))
                kept.add(max(filled, key=curve.__getitem__))
    return sorted(kept)
