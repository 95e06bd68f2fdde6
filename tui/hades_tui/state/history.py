"""The metrics of one run on the screen: those of the daemon's answer, then those of live events. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from hades_protocol.downsample import downsample_metrics
from hades_protocol.events import GenerationCommitted, HistoryCut
from hades_protocol.messages import DatasetSnapshot, GenerationMetrics, Mark, Reference
from hades_protocol.replies import HistoryResult

MAX_POINTS = 4000
"""Most points held for a run; beyond, they are thinned to half as many, which keeps spikes."""

T = TypeVar("T")


class Usage(msgspec.Struct, frozen=True):
    """What a generation took of the machine: cores, bytes of the worker, share of its GPUs from 0 to 1."""

    cpu: float | None = None
    memory: int | None = None
    gpu: float | None = None


class RunHistory(msgspec.Struct, frozen=True):
    """Metrics in ascending order of generation.

    loaded: the daemon's answer and every event since are in `metrics`. Between request and answer (`requested`)
        `pending` collects the events; earlier ones are in the answer.
    references, marks: levels to compare with, and what happened to the run at which generation, as of the answer.
    env_steps, committed_at: for each of `metrics` the environment steps of all generations up to it, and the Unix time
        of its commit (0 where it is not known).
    usage, moved: by generation, of those that were committed while the screen watched: what it took, and how far the
        mean dataset moved (Euclidean distance a generation, in units of states and actions).
    """

    metrics: tuple[GenerationMetrics, ...] = ()
    loaded: bool = False
    requested: bool = False
    pending: tuple[GenerationCommitted | HistoryCut, ...] = ()
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()
    env_steps: tuple[int, ...] = ()
    committed_at: tuple[float, ...] = ()
    usage: Mapping[int, Usage] = {}
    moved: Mapping[int, float] = {}

    @property
    def evaluated(self) -> GenerationMetrics | None:
        """The newest generation whose mean dataset was evaluated."""
        return next((m for m in reversed(self.metrics) if m.evaluated_mean is not None), None)


def request(history: RunHistory) -> RunHistory:
    """The history when it is about to be requested. Of two requests at once the first answer counts."""
    pending = history.pending if history.requested else ()
    return msgspec.structs.replace(history, loaded=False, requested=True, pending=pending)


def follow(history: RunHistory, event: GenerationCommitted | HistoryCut, gpu: float | None = None) -> RunHistory:
    """The history after an event; unchanged where it was never requested. gpu: utilisation of the run's GPUs."""
    if not history.loaded and not history.requested:
        return history
    history = _used(history, event, gpu)
    if not history.loaded:
        return msgspec.structs.replace(history, pending=(*history.pending, event))
    return _extended(history, (event,))


def load(history: RunHistory, result: HistoryResult) -> RunHistory:
    """The history after the daemon's answer. Events that the answer already contains are not counted twice."""
    later = (event for event in history.pending if event.seq > result.seq)
    answer = RunHistory(
        metrics=result.metrics,
        loaded=True,
        references=result.references,
        marks=result.marks,
        env_steps=result.env_steps,
        committed_at=result.committed_at,
        usage=history.usage,
        moved=history.moved,
    )
    return _extended(answer, later)


def unload(history: RunHistory) -> RunHistory:
    """The history after a loss of events: still shown, but to be requested again."""
    return msgspec.structs.replace(history, loaded=False, requested=False, pending=())


def move(history: RunHistory, before: DatasetSnapshot | None, after: DatasetSnapshot) -> RunHistory:
    """The history with the distance between two published mean datasets of the run."""
    if before is None or after.generation <= before.generation:
        return history
    old, new = ((*dataset.states.values(), *dataset.actions.values()) for dataset in (before, after))
    if len(old) != len(new):  # the run was resized
        return history
    distance = math.dist(old, new) / (after.generation - before.generation)
    return msgspec.structs.replace(history, moved=_bounded({**history.moved, after.generation: distance}))


def _used(history: RunHistory, event: GenerationCommitted | HistoryCut, gpu: float | None) -> RunHistory:
    if isinstance(event, HistoryCut):
        kept = event.generation
        return msgspec.structs.replace(
            history,
            usage={generation: usage for generation, usage in history.usage.items() if generation <= kept},
            moved={generation: moved for generation, moved in history.moved.items() if generation <= kept},
        )
    timing = event.timing
    cpu = timing.cpu_seconds / timing.seconds if timing.cpu_seconds is not None and timing.seconds > 0.0 else None
    usage = Usage(cpu, event.memory, gpu)
    if usage == Usage():
        return history
    return msgspec.structs.replace(history, usage=_bounded({**history.usage, timing.generation: usage}))


def _bounded(by_generation: dict[int, T]) -> dict[int, T]:
    """The newest half where there are too many."""
    if len(by_generation) <= MAX_POINTS:
        return by_generation
    return {generation: by_generation[generation] for generation in sorted(by_generation)[MAX_POINTS // 2 :]}


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
