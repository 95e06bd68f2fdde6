"""Finer points of a part of a curve, requested where a zoomed view has too few of them. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec

from hades_protocol.messages import GenerationMetrics
from hades_protocol.replies import HistoryResult
from hades_tui.state.history import RunHistory

MOST_POINTS = 8000
"""Most points in one request."""

T = TypeVar("T")
_generation = attrgetter("generation")


class Range(msgspec.Struct, frozen=True):
    """Generations after `after` up to `upto` of a run, and how many points of them are wanted."""

    run: str
    after: int
    upto: int
    points: int


class Detail(msgspec.Struct, frozen=True):
    """The daemon's points of a range, in parallel tuples as in RunHistory."""

    asked: Range
    metrics: tuple[GenerationMetrics, ...] = ()
    env_steps: tuple[int, ...] = ()
    committed_at: tuple[float, ...] = ()


def wanted(run: str, metrics: Sequence[GenerationMetrics], first: int, last: int, columns: int) -> Range | None:
    """The range to request to draw generations `first` to `last` in `columns` columns of dots; None where the loaded
    points suffice.

    A column needs two points, its lowest and its highest. Half of the range is requested on either side as well, so
    that a small pan needs no new request.
    """
    count = bisect_right(metrics, last, key=_generation) - bisect_left(metrics, first, key=_generation)
    generations = last - first + 1
    if not metrics or count >= min(generations, 2 * columns):
        return None
    beside = generations // 2 + 1
    after, upto = max(0, first - 1 - beside), min(metrics[-1].generation, last + beside)
    return Range(run, after, upto, min(MOST_POINTS, 8 * columns))


def detail_of(asked: Range, result: HistoryResult, history: RunHistory) -> Detail | None:
    """The daemon's answer as a Detail; None where it contradicts the history, which was cut meanwhile."""
    known = {m.generation: m for m in _within(history.metrics, asked)}
    if any(known.get(m.generation, m) != m for m in result.metrics):
        return None
    return Detail(asked, result.metrics, result.env_steps, result.committed_at)


def shortened(detail: Detail | None, run: str, generation: int) -> Detail | None:
    """The detail without generations above `generation`, after the run went back to it."""
    if detail is None or detail.asked.run != run or detail.asked.upto <= generation:
        return detail
    count = bisect_right(detail.metrics, generation, key=_generation)
    asked = msgspec.structs.replace(detail.asked, upto=generation)
    return Detail(asked, detail.metrics[:count], detail.env_steps[:count], detail.committed_at[:count])


def refined(history: RunHistory, detail: Detail | None) -> RunHistory:
    """The history with the finer points in place of its own."""
    if detail is None or not detail.metrics or not history.metrics:
        return history
    metrics, asked = history.metrics, detail.asked
    i = bisect_right(metrics, asked.after, key=_generation)
    j = bisect_right(metrics, asked.upto, key=_generation)
    end = bisect_right(detail.metrics, metrics[-1].generation, key=_generation)  # not beyond what is known by now

    def spliced(own: tuple[T, ...], finer: tuple[T, ...]) -> tuple[T, ...]:
        return own[:i] + finer[:end] + own[j:]

    return msgspec.structs.replace(
        history,
        metrics=spliced(metrics, detail.metrics),
        env_steps=spliced(history.env_steps, detail.env_steps),
        committed_at=spliced(history.committed_at, detail.committed_at),
    )


def _within(metrics: Sequence[GenerationMetrics], asked: Range) -> Sequence[GenerationMetrics]:
    return metrics[
        bisect_right(metrics, asked.after, key=_generation) : bisect_right(metrics, asked.upto, key=_generation)
    ]
