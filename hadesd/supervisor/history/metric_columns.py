"""Metrics of many generations in little memory: a column per metric, downsampled to a bounded number of points."""

import bisect
import math
import operator
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from hades_protocol.downsample import downsample_curves, extremes, nan_for_none, newest_known
from hades_protocol.messages import GenerationMetrics

INT_FIELDS = ("generation", "episodes", "unfinished", "nan", "env_steps")
FLOAT_FIELDS = (
    "fitness_mean",
    "fitness_best",
    "fitness_worst",
    "fitness_std",
    "best_so_far",
    "sigma",
    "evaluated_mean",
    "evaluated_sem",
)
TOTAL, TIME = "env_steps_total", "committed_at"
"""Besides the metrics: environment steps of all generations so far, and the Unix time of the commit (0: unknown)."""

CURVES = ("fitness_mean", "fitness_best", "evaluated_mean")
"""Metrics whose spikes are always kept."""

LIMIT = 16_384
"""Points in memory: a million generations are 2 MB."""

MAX_TOTAL = 2**63 - 1
"""Environment steps of all generations count no further."""

Point = tuple[GenerationMetrics, int, float]
"""Metrics, environment steps of all generations so far, Unix time of the commit."""


class Columns:
    """The points of a curve. NaN in a column stands for null.

    width: of every so many generations at least the extremes are here; 1: every generation is.
    """

    def __init__(self) -> None:
        self.values: dict[str, array[Any]] = {name: array("q") for name in (*INT_FIELDS, TOTAL)}
        self.values.update({name: array("d") for name in (*FLOAT_FIELDS, TIME)})
        self.width = 1

    def __len__(self) -> int:
        return len(self.generations)

    @property
    def generations(self) -> Sequence[int]:
        """Of the points, ascending."""
        return self.values["generation"]

    @property
    def steps(self) -> int:
        """Environment steps of all generations so far."""
        return self.values[TOTAL][-1] if self.generations else 0

    def append(self, point: Point) -> None:
        """The next one; where there are too many the curve gets coarser."""
        metrics, total, committed_at = point
        for name in INT_FIELDS:
            self.values[name].append(getattr(metrics, name))
        for name in FLOAT_FIELDS:
            value = getattr(metrics, name)
            self.values[name].append(math.nan if value is None else value)
        self.values[TOTAL].append(min(total, MAX_TOTAL))
        self.values[TIME].append(committed_at)
        if len(self) > LIMIT:
            self._coarsen()

    def extend(self, points: Sequence[Point]) -> None:
        """The next ones: what a coarse curve would drop soon is not taken in at all."""
        kept: Iterable[int] = range(len(points))
        if self.width > 1 and points:
            metrics = [point[0] for point in points]
            curves = [nan_for_none(map(operator.attrgetter(name), metrics)) for name in CURVES]
            newest = {len(points) - 1, *newest_known(curves[-1])}
            kept = sorted(extremes([m.generation for m in metrics], curves, self.width) | newest)
        for i in kept:
            self.append(points[i])

    def cut(self, generation: int) -> None:
        """Forget what comes after a generation."""
        end = bisect.bisect_right(self.generations, generation)
        for column in self.values.values():
            del column[end:]

    def count(self, after: int, upto: int) -> int:
        """The number of points in (after, upto]."""
        return max(0, bisect.bisect_right(self.generations, upto) - bisect.bisect_right(self.generations, after))

    def select(self, after: int, upto: int, points: int) -> list[Point]:
        """Of the points in (after, upto] at most so many, spikes first."""
        start = bisect.bisect_right(self.generations, after)
        end = max(start, bisect.bisect_right(self.generations, upto))
        generations, mean, best, evaluated = (self.values[name][start:end] for name in ("generation", *CURVES))
        kept = downsample_curves(generations, mean, best, evaluated, points)
        return [self.at(start + i) for i in kept]

    def at(self, index: int) -> Point:
        """One point."""
        metrics: dict[str, Any] = {name: self.values[name][index] for name in INT_FIELDS}
        for name in FLOAT_FIELDS:
            value = self.values[name][index]
            metrics[name] = None if math.isnan(value) else value
        return GenerationMetrics(**metrics), self.values[TOTAL][index], self.values[TIME][index]

    def _coarsen(self) -> None:
        """Keep at most half: the extremes of buckets, as narrow as will do."""
        curves = [self.values[name] for name in CURVES]
        while len(kept := extremes(self.generations, curves, self.width)) > LIMIT // 2:
            self.width *= 2
        kept |= {0, len(self) - 1, *newest_known(curves[-1])}
        order = sorted(kept)
        for name, column in self.values.items():
            self.values[name] = array(column.typecode, [column[i] for i in order])
