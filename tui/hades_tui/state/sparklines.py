"""The newest mean fitnesses of a run, from which its sparkline is drawn. Pure."""

from collections.abc import Iterable, Sequence

from hades_protocol.messages import GenerationMetrics

REACH = 64
"""Generations that a sparkline goes back."""

SMALLER = 2.0**-8
"""Factor that keeps sums and differences from overflowing; as a power of two it rounds nothing."""

LEAST_SPAN = 0.05
"""Least difference from bottom to top, as a share of the largest value: noise of a level curve is no collapse."""

Sparkline = tuple[tuple[int, float | None], ...]
"""(generation, mean fitness), ascending; at most REACH of them. A generation that was missed is not there."""


def grown(sparkline: Sparkline, generation: int, mean: float | None) -> Sparkline:
    """The sparkline with another generation; unchanged where the generation is not newer."""
    if sparkline and generation <= sparkline[-1][0]:
        return sparkline
    return (*(point for point in sparkline if point[0] > generation - REACH), (generation, mean))


def cut(sparkline: Sparkline, generation: int) -> Sparkline:
    """The sparkline without generations above `generation`, after the run went back to it."""
    return (
        sparkline
        if not sparkline or sparkline[-1][0] <= generation
        else tuple(p for p in sparkline if p[0] <= generation)
    )


def sparkline_of(metrics: Iterable[GenerationMetrics]) -> Sparkline:
    """The sparkline of metrics in ascending order of generation."""
    points = [(m.generation, m.fitness_mean) for m in metrics]
    return tuple(point for point in points[-REACH:] if point[0] > points[-1][0] - REACH)


def levels(sparkline: Sparkline, width: int, steps: int) -> Sequence[int | None]:
    """Height of each of `width` columns, 0 to steps - 1; None where nothing is known.

    The newest generation is at the right. A column is the mean of its generations. The lowest and the highest column
    span the steps, unless they differ by less than LEAST_SPAN; equal columns are in the middle.
    """
    if not sparkline or width < 1:
        return [None] * max(0, width)
    per_column = -(-(sparkline[-1][0] - sparkline[0][0] + 1) // width)
    columns: list[list[float]] = [[] for _ in range(width)]
    for generation, mean in sparkline:
        column = width - 1 - (sparkline[-1][0] - generation) // per_column
        if mean is not None and column >= 0:
            columns[column].append(mean * SMALLER)
    means = [_mean(values) if values else None for values in columns]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = LEAST_SPAN * max(abs(low), abs(high))
    if high - low > span:
        return [None if mean is None else round((mean - low) / (high - low) * (steps - 1)) for mean in means]
    return [None if mean is None else _around(mean - (low + high) / 2, span, steps) for mean in means]


def _around(distance: float, span: float, steps: int) -> int:
    """The step of a value at a distance from the middle, where the steps are `span`."""
    away = round(distance / span * (steps - 1)) if distance else 0
    return min(steps - 1, max(0, (steps - 1) // 2 + away))


def _mean(values: Sequence[float]) -> float:
    """The mean; exactly the value where all are equal, so that a level curve has no noise."""
    return values[0] + sum(value - values[0] for value in values) / len(values)
