"""The metrics of a run as series of numbers along an axis, ready to be drawn. Pure.

Curve data grow with their history: new generations are appended and nothing is computed twice, so that the cost of a
generation does not depend on the length of the run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil, floor

import msgspec

from hades_protocol.messages import GenerationMetrics, Reference
from hades_tui.curve.quantity import RETURNS, WHILE_WATCHED, Quantity, values_of
from hades_tui.curve.viewport import Axis, Extent
from hades_tui.state.history import RunHistory


class Series(msgspec.Struct, frozen=True):
    """Points of one line in ascending order of x. Where none is missing, `xs` is the list of the CurveData itself."""

    xs: list[float]
    ys: list[float]


class CurveData(msgspec.Struct, frozen=True):
    """The data of a run's curve.

    mean: the line of the quantity; best and evaluated are those of the fitness alone, and a band is around returns.
    metrics: the points whose x is known, with their `xs`. missing: number of points without x. begin: Unix time of the
    first commit that is known. source: the history from which the data were computed. Of a mean over runs, sources are
    the metrics of each, and counts the number of runs at each of the mean's points.
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
    quantity: Quantity = Quantity.FITNESS
    sources: tuple[tuple[GenerationMetrics, ...], ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        """The levels that the line can be compared with."""
        return self.source.references if self.quantity in RETURNS else ()

    @property
    def extent(self) -> Extent | None:
        """The range of x from the first to the newest point; None without points."""
        if not self.xs:
            return None
        low, high = self.xs[0], self.xs[-1]
        generations = self.metrics[-1].generation - self.metrics[0].generation
        return Extent(low, high, 4.0 * (high - low) / max(1, generations))


def curve_of(
    history: RunHistory, axis: Axis, known: CurveData | None = None, quantity: Quantity = Quantity.FITNESS
) -> CurveData:
    """The curve data of a history. known: those of an earlier state, reused where the history only grew since."""
    if known is not None and known.axis is axis and known.quantity is quantity:
        source = known.source
        same = (source.usage is history.usage and source.moved is history.moved) or quantity not in WHILE_WATCHED
        if same and source.metrics is history.metrics and source.committed_at is history.committed_at:
            return known
        if quantity not in WHILE_WATCHED and _is_longer(source, history):
            return _joined(known, _piece(history, axis, len(source.metrics), known), history)
    empty = CurveData(axis, quantity=quantity)
    return _joined(empty, _piece(history, axis, 0, empty), history)


def matched(a: CurveData, b: CurveData) -> tuple[list[float], list[float]]:
    """x on either axis of the generations that are in both."""
    places = {m.generation: x for m, x in zip(b.metrics, b.xs, strict=True)}
    both = [(x, places[m.generation]) for m, x in zip(a.metrics, a.xs, strict=True) if m.generation in places]
    return [x for x, _ in both], [x for _, x in both]


def between(curve: CurveData, low: float, high: float) -> tuple[int, int]:
    """First and last generation from x = low to x = high; on other axes with the next point on either side."""
    if curve.axis is Axis.GENERATION:
        return max(1, ceil(low)), floor(high)
    first = max(0, bisect_left(curve.xs, low) - 1)
    last = min(len(curve.xs) - 1, bisect_right(curve.xs, high))
    return curve.metrics[first].generation, curve.metrics[last].generation


def _is_longer(before: RunHistory, after: RunHistory) -> bool:
    """Whether `before` is a beginning of `after` (checked at three points)."""
    count = len(before.metrics)
    return bool(
        0 < count <= len(after.metrics)
        and after.metrics[0] is before.metrics[0]
        and after.metrics[count - 1] is before.metrics[-1]
        and after.metrics[count // 2] is before.metrics[count // 2]
        and after.committed_at[:count] == before.committed_at
    )


def _piece(history: RunHistory, axis: Axis, start: int, before: CurveData) -> CurveData:
    """The curve data of a history from point `start` on. before: the data up to there."""
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
    lines = _lines(before.quantity, history, start, places, xs, points)
    return CurveData(axis, tuple(points), xs, *lines, len(metrics) - len(points), begin, quantity=before.quantity)


def _lines(
    quantity: Quantity,
    history: RunHistory,
    start: int,
    places: Sequence[float | None],
    xs: list[float],
    points: Sequence[GenerationMetrics],
) -> tuple[Series, Series, Series, Series, Series]:
    """Line, best, lower and upper edge of the band, and evaluations of a quantity. xs, points: those with a place."""
    values = [y for x, y in zip(places, values_of(quantity, history, start), strict=True) if x is not None]
    if quantity not in RETURNS:
        return _series(xs, values), Series([], []), Series([], []), Series([], []), Series([], [])
    is_fitness = quantity is Quantity.FITNESS
    spread = [
        (x, y, (m.fitness_std if is_fitness else m.evaluated_sem) or 0.0)
        for x, y, m in zip(xs, values, points, strict=True)
        if y is not None
    ]
    shared = xs if len(spread) == len(points) else [x for x, _, _ in spread]
    return (
        Series(shared, [y for _, y, _ in spread]),
        _series(xs, [m.fitness_best if is_fitness else None for m in points]),
        Series(shared, [y - width for _, y, width in spread]),
        Series(shared, [y + width for _, y, width in spread]),
        _series(xs, [m.evaluated_mean if is_fitness else None for m in points]),
    )


def _places(history: RunHistory, axis: Axis, start: int, begin: float) -> Sequence[float | None]:
    """x of every point from `start` on; None where it is not known."""
    if axis is Axis.GENERATION:
        return [float(m.generation) for m in history.metrics[start:]]
    if axis is Axis.STEPS:
        return [float(steps) for steps in history.env_steps[start:]]
    return [t - begin if t > 0.0 else None for t in history.committed_at[start:]]


def _series(xs: list[float], values: list[float | None]) -> Series:
    """The series of the points that have a value."""
    ys = [y for y in values if y is not None]
    if len(ys) == len(values):
        return Series(xs, ys)
    return Series([x for x, y in zip(xs, values, strict=True) if y is not None], ys)


def _joined(a: CurveData, b: CurveData, source: RunHistory) -> CurveData:
    """The curve data `a` followed by `b`."""
    xs = a.xs + b.xs

    def join(left: Series, right: Series) -> Series:
        whole = left.xs is a.xs and right.xs is b.xs
        return Series(xs if whole else left.xs + right.xs, left.ys + right.ys)

    if not a.metrics:
        return msgspec.structs.replace(b, missing=a.missing + b.missing, source=source)
    return CurveData(
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
        a.quantity,
    )
