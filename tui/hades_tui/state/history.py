"""The metrics of one run as the screen knows them: what was asked for, then what came live. Pure."""

from collections.abc import Iterable

import msgspec

from hades_protocol.downsample import downsample_metrics
from hades_protocol.events import GenerationCommitted, HistoryCut
from hades_protocol.messages import GenerationMetrics, Mark, Reference
from hades_protocol.replies import HistoryResult

MAX_POINTS = 4000
"""Points kept for a run; beyond, they are downsampled to half of it, spikes first."""


class RunHistory(msgspec.Struct, frozen=True):
    """Metrics in ascending order of generation.

    loaded: the daemon's answer is in and every event since. Between question and answer (`requested`)
    `pending` collects the events; before the question they need not be kept, the answer will contain them.
    references, marks: levels to compare with, and what happened to the run at which generation, as of the daemon's
        answer.
    env_steps, committed_at: for each of `metrics` the environment steps of all generations up to it, and the Unix time
        of its commit (0 where it is not known).
    """

    metrics: tuple[GenerationMetrics, ...] = ()
    loaded: bool = False
    requested: bool = False
    pending: tuple[GenerationCommitted | HistoryCut, ...] = ()
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()
    env_steps: tuple[int, ...] = ()
    committed_at: tuple[float, ...] = ()

    @property
    def evaluated(self) -> GenerationMetrics | None:
        """The newest generation whose mean dataset was evaluated."""
        return next((m for m in reversed(self.metrics) if m.evaluated_mean is not None), None)


def request(history: RunHistory) -> RunHistory:
    """The daemon is about to be asked; of two questions at once the first answer counts."""
    pending = history.pending if history.requested else ()
    return msgspec.structs.replace(history, loaded=False, requested=True, pending=pending)


def follow(history: RunHistory, event: GenerationCommitted | HistoryCut) -> RunHistory:
    """The history after an event."""
    if not history.loaded and not history.requested:
        return history
    if not history.loaded:
        return msgspec.structs.replace(history, pending=(*history.pending, event))
    return _extended(history, (event,))


def load(history: RunHistory, result: HistoryResult) -> RunHistory:
    """The history after the daemon's answer: events that the answer already contains are not counted twice."""
    later = (event for event in history.pending if event.seq > result.seq)
    answer = RunHistory(
        metrics=result.metrics,
        loaded=True,
        references=result.references,
        marks=result.marks,
        env_steps=result.env_steps,
        committed_at=result.committed_at,
    )
    return _extended(answer, later)


def unload(history: RunHistory) -> RunHistory:
    """After a loss of events: still shown, but the daemon must be asked again."""
    return msgspec.structs.replace(history, loaded=False, requested=False, pending=())


def _extended(history: RunHistory, events: Iterable[GenerationCommitted | HistoryCut]) -> RunHistory:
    metrics, steps, times = list(history.metrics), list(history.env_steps), list(history.committed_at)
    for event in events:
        if isinstance(event, HistoryCut):
            while metrics and metrics[-1].generation > event.generation:
                metrics.pop()
            del steps[len(metrics) :], times[len(metrics) :]
        elif not metrics or event.metrics.generation > metrics[-1].generation:
            # After a cut the generations just before may be among those that were left out.
            missing = event.metrics.generation - (metrics[-1].generation if metrics else 0)
            steps.append((steps[-1] if steps else 0) + missing * event.metrics.env_steps)
            times.append(event.timing.committed_at)
            metrics.append(event.metrics)
    if len(metrics) > MAX_POINTS:
        kept = downsample_metrics(metrics, MAX_POINTS // 2)
        metrics = [metrics[i] for i in kept]
        steps, times = [steps[i] for i in kept], [times[i] for i in kept]
    return msgspec.structs.replace(history, metrics=tuple(metrics), env_steps=tuple(steps), committed_at=tuple(times))
