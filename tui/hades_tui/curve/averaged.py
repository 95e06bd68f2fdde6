"""The mean over runs that differ by their seeds, as a history of its own. Pure.

Long histories are thinned, each run's in its own way: between two points of a run its values are interpolated.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from hades_protocol.messages import GenerationMetrics
from hades_tui.state.history import RunHistory

MOST_POINTS = 500
"""Most points of a mean: more than a picture has columns of dots."""


class Averaged(msgspec.Struct, frozen=True):
    """The mean of runs. counts: for each point of its history the number of runs that have come so far.

    In the metrics `fitness_std` is the standard error of `fitness_mean` over the runs, `evaluated_sem` that of
    `evaluated_mean`: null for one run. What has no mean of use (best, worst) is null.
    """

    history: RunHistory = RunHistory()
    counts: tuple[int, ...] = ()


class _Point(msgspec.Struct, frozen=True):
    """A run at a generation. seconds: since its first commit; NaN where that is not known."""

    fitness: float | None
    evaluated: float | None
    sigma: float | None
    episodes: float
    nan: float
    steps: float
    seconds: float


def averaged(histories: Sequence[RunHistory]) -> Averaged:
    """The mean of the histories; at each generation over those that have come so far."""
    known = [history for history in histories if history.metrics]
    grid = _grid(known)
    found: list[list[_Point]] = [[] for _ in grid]
    for history in known:
        for at, point in zip(found, _along(history, grid), strict=True):
            if point is not None:
                at.append(point)
    pairs = [(generation, points) for generation, points in zip(grid, found, strict=True) if points]
    seconds = (_mean(p.seconds for p in points if not math.isnan(p.seconds)) for _, points in pairs)
    return Averaged(
        RunHistory(
            metrics=tuple(_metrics(generation, points) for generation, points in pairs),
            loaded=all(history.loaded for history in histories),
            env_steps=tuple(round(statistics.fmean(p.steps for p in points)) for _, points in pairs),
            # The Unix time of a mean is nobody's; 0 means that it is not known.
            committed_at=tuple(0.0 if value is None else 1.0 + value for value in seconds),
        ),
        tuple(len(points) for _, points in pairs),
    )


def _grid(histories: Sequence[RunHistory]) -> list[int]:
    """Generations of all of them, thinned; the first and the last of each run stay."""
    every = sorted({metrics.generation for history in histories for metrics in history.metrics})
    step = max(1, -(-len(every) // MOST_POINTS))
    ends = {history.metrics[i].generation for history in histories for i in (0, -1)}
    return sorted({*every[::step], *ends})


def _along(history: RunHistory, grid: Sequence[int]) -> Iterator[_Point | None]:
    """The run at each generation of the grid; None before its first and after its newest point."""
    metrics = history.metrics
    begin = next((time for time in history.committed_at if time > 0.0), 0.0)
    right = 0
    for generation in grid:
        while right < len(metrics) and metrics[right].generation < generation:
            right += 1
        if right == len(metrics) or (right == 0 and metrics[0].generation > generation):
            yield None
        elif metrics[right].generation == generation:
            yield _point(history, right, begin)
        else:
            before, after = metrics[right - 1].generation, metrics[right].generation
            part = (generation - before) / (after - before)
            yield _between(_point(history, right - 1, begin), _point(history, right, begin), part)


def _point(history: RunHistory, i: int, begin: float) -> _Point:
    m, time = history.metrics[i], history.committed_at[i] if i < len(history.committed_at) else 0.0
    return _Point(
        m.fitness_mean,
        m.evaluated_mean,
        m.sigma,
        m.episodes,
        m.nan,
        history.env_steps[i] if i < len(history.env_steps) else 0.0,
        time - begin if time > 0.0 else math.nan,
    )


def _between(a: _Point, b: _Point, part: float) -> _Point:
    """The run between two of its points. An evaluation is that of its own generation alone."""

    def at(x: float, y: float) -> float:
        return x + (y - x) * part

    def known(x: float | None, y: float | None) -> float | None:
        return None if x is None or y is None else at(x, y)

    return _Point(
        known(a.fitness, b.fitness),
        None,
        known(a.sigma, b.sigma),
        at(a.episodes, b.episodes),
        at(a.nan, b.nan),
        at(a.steps, b.steps),
        at(a.seconds, b.seconds),
    )


def _metrics(generation: int, points: Sequence[_Point]) -> GenerationMetrics:
    fitness, evaluated = ([v for p in points if (v := read(p)) is not None] for read in (_fitness, _evaluated))
    return GenerationMetrics(
        generation=generation,
        fitness_mean=_mean(fitness),
        fitness_best=None,
        fitness_worst=None,
        fitness_std=standard_error(fitness),
        best_so_far=None,
        sigma=_mean(p.sigma for p in points if p.sigma is not None),
        episodes=round(statistics.fmean(p.episodes for p in points)),
        unfinished=0,
        nan=round(statistics.fmean(p.nan for p in points)),
        env_steps=0,
        evaluated_mean=_mean(evaluated),
        evaluated_sem=standard_error(evaluated),
    )


def _fitness(point: _Point) -> float | None:
    return point.fitness


def _evaluated(point: _Point) -> float | None:
    return point.evaluated


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean of the values; None for fewer than two."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None
