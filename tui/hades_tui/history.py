"""The metrics of one run as the screen knows them: what was asked for, then what came live. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from hades_protocol.commands import HistoryResult
from hades_protocol.events import GenerationCommitted, HistoryCut
from hades_protocol.messages import GenerationMetrics, Mark, Reference

MAX_POINTS = 4000
"""Points kept for a run; beyond, they are thinned to half of it, spikes first."""


class RunHistory(msgspec.Struct, frozen=True):
    """Metrics in ascending order of generation.

    loaded: the daemon's answer is in and every event since. Between question and answer (`requested`)
    `pending` collects the events; before the question they need not be kept, the answer will contain them.
    references, marks: levels to compare with, and what happened to the run at which generation, as of the daemon's
        answer.
    """

    metrics: tuple[GenerationMetrics, ...] = ()
    loaded: bool = False
    requested: bool = False
    pending: tuple[GenerationCommitted | HistoryCut, ...] = ()
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def evaluated(self) -> GenerationMetrics | None:
        """The newest generation whose mean dataset was evaluated."""
        return next((m for m in reversed(self.metrics) if m.evaluated_mean is not None), None)


def request(history: RunHistory) -> RunHistory:
    """The daemon is about to be asked."""
    return msgspec.structs.replace(history, loaded=False, requested=True, pending=())


def follow(history: RunHistory, event: GenerationCommitted | HistoryCut) -> RunHistory:
    """The history after an event."""
    if not history.loaded and not history.requested:
        return history
    if not history.loaded:
        return msgspec.structs.replace(history, pending=(*history.pending, event))
    return msgspec.structs.replace(history, metrics=_after(history.metrics, (event,)))


def load(history: RunHistory, result: HistoryResult) -> RunHistory:
    """The history after the daemon's answer: events that the answer already contains are not counted twice."""
    later = (event for event in history.pending if event.seq > result.seq)
    return RunHistory(
        metrics=_after(result.metrics, later), references=result.references, marks=result.marks, loaded=True
    )


def unload(history: RunHistory) -> RunHistory:
    """After a loss of events: still shown, but the daemon must be asked again."""
    return msgspec.structs.replace(history, loaded=False, requested=False, pending=())


def _after(
    metrics: tuple[GenerationMetrics, ...], events: Iterable[GenerationCommitted | HistoryCut]
) -> tuple[GenerationMetrics, ...]:
    for event in events:
        if isinstance(event, HistoryCut):
            metrics = tuple(m for m in metrics if m.generation <= event.generation)
        elif not metrics or event.metrics.generation > metrics[-1].generation:
            metrics = (*metrics, event.metrics)
    return thin(metrics, MAX_POINTS // 2) if len(metrics) > MAX_POINTS else metrics


def thin(metrics: Sequence[GenerationMetrics], points: int) -> tuple[GenerationMetrics, ...]:
    """At most about `points` of the metrics.

    Of every bucket the extremes of mean, best and evaluated fitness stay, and the newest evaluation does.
    """
    if len(metrics) <= points:
        return tuple(metrics)
    evaluated = [i for i, m in enumerate(metrics) if m.evaluated_mean is not None]
    buckets = max(1, points // (6 if evaluated else 4))
    keep = {0, len(metrics) - 1, *evaluated[-1:]}
    for b in range(buckets):
        indices = range(b * len(metrics) // buckets, (b + 1) * len(metrics) // buckets)
        keep |= _extremes(indices, [m.fitness_mean for m in metrics[indices.start : indices.stop]])
        keep |= _extremes(indices, [m.fitness_best for m in metrics[indices.start : indices.stop]])
        keep |= _extremes(indices, [m.evaluated_mean for m in metrics[indices.start : indices.stop]])
    return tuple(metrics[i] for i in sorted(keep))


def _extremes(indices: range, values: list[float | None]) -> set[int]:
    known = [(value, i) for i, value in zip(indices, values, strict=True) if value is not None]
    return {min(known)[1], max(known)[1]} if known else set()
