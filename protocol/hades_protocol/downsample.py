"""Downsampling of curves that keeps every spike. Pure."""

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence

from hades_protocol.messages import GenerationMetrics

MIN_POINTS = 8
"""Fewest points that downsampling can reach: the extremes of two curves, both ends and one more index."""

EVALUATED_FROM = 16
"""Fewest points with which the extremes of the evaluations of the mean dataset are kept as well."""


def downsample(
    positions: Sequence[int], curves: Sequence[Sequence[float]], points: int, always: Iterable[int] = ()
) -> list[int]:
    """Choose at most `points` (at least MIN_POINTS) of the indices; ascending.

    positions: ascending, where on the curves each value is (generations). curves: values, each as long as positions;
    NaN is a gap. always: indices that are kept.

    Where everything fits, everything is kept. Else the range of positions is cut into buckets of equal width, and of
    each bucket the lowest and the highest value of every curve stay; the first and the last index stay as well, and
    those of `always`. Buckets are cut by position, not by index: a part that was downsampled before, and is sparse,
    gets as many points as a new one.
    """
    total = len(positions)
    if total <= points:
        return list(range(total))
    kept = {0, total - 1, *always}
    span = positions[-1] - positions[0] + 1
    width = max(1, math.ceil(span / max(1, (points - len(kept)) // (2 * len(curves)))))
    return sorted(kept | extremes(positions, curves, width, positions[0]))


def downsample_metrics(metrics: Sequence[GenerationMetrics], points: int) -> list[int]:
    """Indices of at most `points` of the metrics, as downsample_curves chooses them; ascending."""
    return downsample_curves(
        [m.generation for m in metrics],
        nan_for_none(m.fitness_mean for m in metrics),
        nan_for_none(m.fitness_best for m in metrics),
        nan_for_none(m.evaluated_mean for m in metrics),
        points,
    )


def downsample_curves(
    generations: Sequence[int],
    mean: Sequence[float],
    best: Sequence[float],
    evaluated: Sequence[float],
    points: int,
) -> list[int]:
    """Indices of at most `points` generations, ascending. Values that are not known are NaN.

    Of every bucket the extremes of mean, best and evaluated fitness stay, and the newest evaluation does. With fewer
    than EVALUATED_FROM points that is the only evaluation which is certain to stay.
    """
    newest = newest_known(evaluated)
    curves = [mean, best] if not newest or points < EVALUATED_FROM else [mean, best, evaluated]
    return downsample(generations, curves, points, newest)


def newest_known(values: Sequence[float]) -> tuple[int, ...]:
    """Where the newest value is that is known; empty where all are NaN."""
    return next(((i,) for i in range(len(values) - 1, -1, -1) if not math.isnan(values[i])), ())


def nan_for_none(known: Iterable[float | None]) -> list[float]:
    """The values as floats, NaN in place of None."""
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
