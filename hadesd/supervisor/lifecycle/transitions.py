"""The life of a run as a pure function: (run, event, time) -> (run, effects).

No clock, file, socket or process is touched here: the engine performs the effects, in order. An event
that cannot happen in the run's state raises InvalidTransition with what happened to the run before.
"""

from msgspec.structs import replace

from hades_protocol.errors import WrongStateError
from hades_protocol.messages import HistoryKind
from hades_protocol.run_state import (
    CANCELLABLE,
    PAUSABLE,
    PRIORITISABLE,
    RESIZABLE,
    RESUMABLE,
    WITH_WORKER,
    RunState,
    may,
)
from hadesd.storage.records import RunOutcome
from hadesd.supervisor.lifecycle import effects, events
from hadesd.supervisor.lifecycle.effects import noted
from hadesd.supervisor.lifecycle.events import Event
from hadesd.supervisor.lifecycle.state import CrashPolicy, InvalidTransition, Run
from hadesd.supervisor.lifecycle.worker_transitions import Step, comes_back, end, leave, need, start, worker_event

S = RunState

TRAIL = 30
"""Events that a run remembers for the text of InvalidTransition."""


def restore(run: Run, now: float) -> Run:
    """The state in which a run from disk starts under a new daemon: what was desired, with no worker."""
    if run.outcome is not None:
        return replace(run, state=run.outcome.kind, reason=run.outcome.reason, changed_at=run.outcome.at)
    if run.desired == "run":
        return replace(run, state=S.QUEUED, changed_at=now)
    if run.desired == "pause":
        return replace(run, state=S.PAUSED)
    # The daemon died between the request and its fulfilment; the worker, if there was one, commits and exits alone.
    return replace(run, state=S.CANCELLED, outcome=RunOutcome(kind=RunState.CANCELLED, at=now))


def step(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    """What becomes of the run, and what is to be done, in order.

    Raises:
        WrongStateError: a person asked for something that means nothing in the run's state.
        InvalidTransition: the event cannot happen in the run's state.
    """
    after, caused = _handle(run, event, now, policy)
    if after.state != run.state:
        if not may(run.state, after.state):
            raise InvalidTransition(run, event, f"{run.state} -> {after.state} is not allowed")
        after = replace(after, changed_at=now)
    if isinstance(event, events.Committed | events.PhaseReported) and after.state == run.state:
        return after, caused  # too frequent for the trail
    entry = f"{now:.3f} {run.state} {event} -> {after.state}"
    return replace(after, trail=(*after.trail[-TRAIL + 1 :], entry)), caused


def _handle(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    match event:
        case events.PauseAsked():
            return _pause(run)
        case events.ResumeAsked():
            return _resume(run, now)
        case events.CancelAsked():
            return _cancel(run, now)
        case events.ResizeAsked(text, requeue):
            return _resize(run, text, requeue)
        case events.PriorityAsked(priority):
            return _prioritise(run, priority)
        case events.RetentionAsked(text):
            return _retain(run, text)
        case events.DaemonStops():
            return _daemon_stops(run)
        case events.SlotAssigned():
            need(run, event, S.QUEUED)
            return start(run)
        case events.DiskSpaceFreed():
            need(run, event, S.PAUSED)
            if not run.disk_full:
                raise InvalidTransition(run, event, "a person paused it")
            return replace(run, state=S.QUEUED, disk_full=False, reason=""), noted(HistoryKind.DISK_SPACE_FREED)
        case events.BackoffExpired():
            need(run, event, S.BACKOFF)
            return replace(run, state=S.QUEUED, restart_at=None), [effects.Publish()]
        case events.OrphanExited(generation):
            need(run, event, *(set(S) - WITH_WORKER))
            after = replace(run, generation=generation, high_water=max(run.high_water, generation))
            return after, [effects.CutHistory(generation), effects.Publish()]
    need(run, event, *WITH_WORKER)
    return worker_event(run, event, now, policy)


# What people ask for -----------------------------------------------------------------------------------------


def _is_in(run: Run, states: frozenset[S]) -> bool:
    """Whether a verb applies, given the states that it applies in; to a worker that the daemon stops none does."""
    return run.state in states and (run.state != S.STOPPING or comes_back(run))


def _pause(run: Run) -> Step:
    if run.disk_full:
        return replace(run, desired="pause", disk_full=False, reason=""), noted(HistoryKind.PAUSE)
    if not _is_in(run, PAUSABLE):
        raise _refusal(run, "paused")
    if run.state in WITH_WORKER:
        after = replace(run, state=S.PAUSING, desired="pause", leaving="", reason="")
        return after, noted(HistoryKind.PAUSE, effects.HaltWorker())
    after = replace(run, state=S.PAUSED, desired="pause", restart_at=None, reason="")
    return after, noted(HistoryKind.PAUSE)


def _resume(run: Run, now: float) -> Step:
    if not _is_in(run, RESUMABLE):
        raise _refusal(run, "resumed")
    after = replace(
        run, state=S.QUEUED, desired="run", outcome=None, crashes=(), reason="", queued_at=now, disk_full=False
    )
    return after, noted(HistoryKind.RESUME)


def _cancel(run: Run, now: float) -> Step:
    if not _is_in(run, CANCELLABLE):
        raise _refusal(run, "cancelled")
    if run.state in WITH_WORKER:
        after = replace(run, state=S.CANCELLING, desired="cancel", leaving="")
        return after, noted(HistoryKind.CANCEL, effects.HaltWorker(discard=True))
    return end(replace(run, desired="cancel", restart_at=None), S.CANCELLED, now)


def _resize(run: Run, text: str, requeue: bool) -> Step:
    if not _is_in(run, RESIZABLE):
        raise _refusal(run, "resized")
    if run.state not in WITH_WORKER or run.state == S.PAUSING or run.leaving == "yield":
        return run, noted(HistoryKind.RESIZE, reason=text)  # the next worker has the size; one that yields is queued
    through_queue = requeue or run.leaving == "requeue"
    return leave(run, "requeue" if through_queue else "resize", "", [effects.Persist(HistoryKind.RESIZE, text)])


def _prioritise(run: Run, priority: int) -> Step:
    if run.state not in PRIORITISABLE:
        raise WrongStateError(f"run {run.id} is {run.state}: it is never queued again, and needs no priority")
    return replace(run, priority=priority), noted(HistoryKind.PRIORITY, reason=str(priority))


def _retain(run: Run, text: str) -> Step:
    if run.state in WITH_WORKER:
        raise WrongStateError(f"run {run.id} is {run.state}: its worker prunes as it was told; pause it first")
    return run, noted(HistoryKind.RETENTION, reason=text)


def _refusal(run: Run, verb: str) -> WrongStateError:
    if run.state == S.FINISHED and verb in ("resumed", "resized"):
        return WrongStateError(f"run {run.id} is finished: go on from it with 'hadesd fork {run.id} --set …'")
    already = verb == str(run.state)
    return WrongStateError(f"run {run.id} is {'already ' if already else ''}{run.state}: it cannot be {verb}")


def _daemon_stops(run: Run) -> Step:
    if run.state not in WITH_WORKER or run.leaving == "daemon":
        return run, []
    return replace(run, state=S.STOPPING, leaving="daemon"), [effects.HaltWorker(), effects.Publish()]
