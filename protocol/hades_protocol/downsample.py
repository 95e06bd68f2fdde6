"""Down-sampling of a curve for a screen, without losing a spike. Pure."""

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence

from hades_protocol.messages import GenerationMetrics

MIN_POINTS = 8

EVALUATED_FROM = 16
"""Points from which the evaluations of the mean dataset take part in the thinning."""


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


def thin_metrics(metrics: Sequence[GenerationMetrics], points: int) -> list[int]:
    """Indices of at most `points` of the metrics, as thin_curves chooses them."""
    return thin_curves(
        [m.generation for m in metrics],
        values(m.fitness_mean for m in metrics),
        values(m.fitness_best for m in metrics),
        values(m.evaluated_mean for m in metrics),
        points,
    )


def thin_curves(
    generations: Sequence[int],
    mean: Sequence[float],
    best: Sequence[float],
    evaluated: Sequence[float],
    points: int,
) -> list[int]:
    """Indices of at most `points` generations. NaN is what is not known.

    Of every bucket the extremes of mean, best and evaluated fitness stay, and the newest evaluation does. With less
    than EVALUATED_FROM points only that one evaluation has a right to stay.
    """
    newest = next((i for i in range(len(evaluated) - 1, -1, -1) if not math.isnan(evaluated[i])), None)
    curves = [mean, best] if newest is None or points < EVALUATED_FROM else [mean, best, evaluated]
    return thin(generations, curves, points, () if newest is None else (newest,))


def values(known: Iterable[float | None]) -> list[float]:
    """NaN for what is not known."""
    return [math.nan if value is None else value for value in known]


def extremes(positions: Sequence[int], curves: Sequence[Sequence[float]], width: int, origin: int = 0) -> set[int]:
    """Indices of the lowest and the highest value of every curve in each bucket of `width` positions."""
    kept: set[int] = set()
    for start, end in _buckets(positions, width, origin):
        for curve in curves:
            part = curve[start:end]
            known = [value for value in part if value == value]
            if known:
                kept.add(start + part.index(min(known)))
                kept.add(start + part.index(max(known)))
    return kept


def _buckets(positions: Sequence[int], width: int, origin: int) -> Iterator[tuple[int, int]]:
    """Start and end index of each bucket that is not empty."""
    start = 0
    while start < len(positions):
        beyond = origin + ((positions[start] - origin) // width + 1) * width
        end = bisect.bisect_left(positions, beyond, start)
        yield start, end
        start = end
