"""The metrics of a run as columns of numbers along an axis, ready to be drawn. Pure.

A course grows with its history: what is new is added, nothing is computed twice, so that a generation that comes in
costs little however long the run is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil, floor

import msgspec

from hades_protocol.messages import GenerationMetrics
from hades_tui.curve.viewport import Axis, Extent
from hades_tui.state.history import RunHistory


class Series(msgspec.Struct, frozen=True):
    """Points of one line in ascending order of x. Where nothing is missing, `xs` is that of the course itself."""

    xs: list[float]
    ys: list[float]


class Course(msgspec.Struct, frozen=True):
    """Everything of a run that a curve shows.

    metrics: the points whose x is known, `xs` theirs. missing: how many have none. begin: Unix time of the first commit
    that is known. source: what it was made of.
    """

    axis: Axis
    metrics: tuple[GenerationMetrics, ...] = ()
    xs: list[float] = []
    mean: Series = Series([], [])
    best: Series = Series([], [])
    lower: Series = Series([], [])
    upper: Series = Series([], [])
    evaluated: Series = Series([], [])
    missing: int = 0
    begin: float = 0.0
    source: RunHistory = RunHistory()

    @property
    def extent(self) -> Extent | None:
        """From the first to the newest point; None without any."""
        if not self.xs:
            return None
        low, high = self.xs[0], self.xs[-1]
        generations = self.metrics[-1].generation - self.metrics[0].generation
        return Extent(low, high, 4.0 * (high - low) / max(1, generations))


def course_of(history: RunHistory, axis: Axis, known: Course | None = None) -> Course:
    """The course of a history. `known`, of an earlier state of it, saves work where the history only grew since."""
    if known is not None and known.axis is axis:
        if known.source.metrics is history.metrics and known.source.committed_at is history.committed_at:
            return known
        if _is_longer(known.source, history):
            return _joined(known, _piece(history, axis, len(known.source.metrics), known), history)
    return _joined(Course(axis), _piece(history, axis, 0, Course(axis)), history)


def matched(a: Course, b: Course) -> tuple[list[float], list[float]]:
    """x on either axis of the generations that both courses have."""
    places = {m.generation: x for m, x in zip(b.metrics, b.xs, strict=True)}
    both = [(x, places[m.generation]) for m, x in zip(a.metrics, a.xs, strict=True) if m.generation in places]
    return [x for x, _ in both], [x for _, x in both]


def between(course: Course, low: float, high: float) -> tuple[int, int]:
    """First and last generation from x = low to x = high, with those on either side where the points have gaps."""
    if course.axis is Axis.GENERATION:
        return max(1, ceil(low)), floor(high)
    first = max(0, bisect_left(course.xs, low) - 1)
    last = min(len(course.xs) - 1, bisect_right(course.xs, high))
    return course.metrics[first].generation, course.metrics[last].generation


def _is_longer(before: RunHistory, after: RunHistory) -> bool:
    """Whether everything in the first is in the second at the same place."""
    count = len(before.metrics)
    return bool(
        0 < count <= len(after.metrics)
        and after.metrics[0] is before.metrics[0]
        and after.metrics[count - 1] is before.metrics[-1]
        and after.metrics[count // 2] is before.metrics[count // 2]
        and after.committed_at[:count] == before.committed_at
    )


def _piece(history: RunHistory, axis: Axis, start: int, before: Course) -> Course:
    """The course of a history from one of its points on; `before` is the course up to there."""
    metrics = history.metrics[start:]
    begin = before.begin or next((t for t in history.committed_at if t > 0.0), 0.0)
    places = _places(history, axis, start, begin)
    xs, points = [], []
    least = before.xs[-1] if before.xs else float("-inf")
    for x, m in zip(places, metrics, strict=True):
        if x is not None:
            least = max(least, x)  # a clock that was set back does not turn the curve around
            xs.append(least)
            points.append(m)
    spread = [
        (x, m.fitness_mean, m.fitness_std or 0.0) for x, m in zip(xs, points, strict=True) if m.fitness_mean is not None
    ]
    shared = xs if len(spread) == len(points) else [x for x, _, _ in spread]
    return Course(
        axis,
        tuple(points),
        xs,
        Series(shared, [mean for _, mean, _ in spread]),
        _series(xs, [m.fitness_best for m in points]),
        Series(shared, [mean - std for _, mean, std in spread]),
        Series(shared, [mean + std for _, mean, std in spread]),
        _series(xs, [m.evaluated_mean for m in points]),
        len(metrics) - len(points),
        begin,
    )


def _places(history: RunHistory, axis: Axis, start: int, begin: float) -> Sequence[float | None]:
    """x of every point from one on; None where it is not known."""
    if axis is Axis.GENERATION:
        return [float(m.generation) for m in history.metrics[start:]]
    if axis is Axis.STEPS:
        return [float(steps) for steps in history.env_steps[start:]]
    return [t - begin if t > 0.0 else None for t in history.committed_at[start:]]


def _series(xs: list[float], values: list[float | None]) -> Series:
    """The points that have a value."""
    ys = [y for y in values if y is not None]
    if len(ys) == len(values):
        return Series(xs, ys)
    return Series([x for x, y in zip(xs, values, strict=True) if y is not None], ys)


def _joined(a: Course, b: Course, source: RunHistory) -> Course:
    """One course after the other."""
    xs = a.xs + b.xs

    def join(left: Series, right: Series) -> Series:
        whole = left.xs is a.xs and right.xs is b.xs
        return Series(xs if whole else left.xs + right.xs, left.ys + right.ys)

    if not a.metrics:
        return msgspec.structs.replace(b, missing=a.missing + b.missing, source=source)
    return Course(
        a.axis,
        a.metrics + b.metrics,
        xs,
        join(a.mean, b.mean),
        join(a.best, b.best),
        join(a.lower, b.lower),
        join(a.upper, b.upper),
        join(a.evaluated, b.evaluated),
        a.missing + b.missing,
        b.begin,
        source,
    )
