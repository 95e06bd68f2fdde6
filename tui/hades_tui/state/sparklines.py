"""The newest mean fitnesses of a run, few enough to be kept for every run: what a sparkline is drawn from. Pure."""

from collections.abc import Iterable, Sequence

from hades_protocol.messages import GenerationMetrics

REACH = 64
"""Generations that a tail goes back."""

SMALLER = 2.0**-8
"""Of these a sum and a difference cannot overflow; a power of two, which rounds nothing."""

Tail = tuple[tuple[int, float | None], ...]
"""(generation, mean fitness), ascending; at most REACH of them. A generation that was missed is not there."""


def grown(tail: Tail, generation: int, mean: float | None) -> Tail:
    """The tail with another generation; one that comes again is known already."""
    if tail and generation <= tail[-1][0]:
        return tail
    return (*(point for point in tail if point[0] > generation - REACH), (generation, mean))


def cut(tail: Tail, generation: int) -> Tail:
    """The tail of a run that went back to a generation."""
    return tail if not tail or tail[-1][0] <= generation else tuple(p for p in tail if p[0] <= generation)


def tail_of(metrics: Iterable[GenerationMetrics]) -> Tail:
    """The tail of metrics in ascending order of generation."""
    points = [(m.generation, m.fitness_mean) for m in metrics]
    return tuple(point for point in points[-REACH:] if point[0] > points[-1][0] - REACH)


def levels(tail: Tail, width: int, steps: int) -> Sequence[int | None]:
    """Height of each of `width` columns, 0 to steps - 1; None where nothing is known.

    The newest generation stands at the right. A column is the mean of its generations, as few as suffice, and the
    lowest and highest column span the steps; without any difference all stand in the middle.
    """
    if not tail or width < 1:
        return [None] * max(0, width)
    per_column = -(-(tail[-1][0] - tail[0][0] + 1) // width)
    columns: list[list[float]] = [[] for _ in range(width)]
    for generation, mean in tail:
        column = width - 1 - (tail[-1][0] - generation) // per_column
        if mean is not None and column >= 0:
            columns[column].append(mean * SMALLER)
    means = [_mean(values) if values else None for values in columns]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if not low < high:
        return [None if mean is None else (steps - 1) // 2 for mean in means]
    return [None if mean is None else round((mean - low) / (high - low) * (steps - 1)) for mean in means]


def _mean(values: Sequence[float]) -> float:
    """Their mean; of equal ones exactly that value, so that a level curve has no noise."""
    return values[0] + sum(value - values[0] for value in values) / len(values)
