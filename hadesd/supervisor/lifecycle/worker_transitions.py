"""What a worker says and does, as steps of the state machine. Pure, like transitions.py."""

import signal

from msgspec.structs import replace

from hades_protocol.run_state import RunState
from hadesd.storage.records import RunOutcome, RunOutcomeKind
from hadesd.supervisor.lifecycle import effects, events
from hadesd.supervisor.lifecycle.events import Event
from hadesd.supervisor.lifecycle.state import CrashPolicy, InvalidTransition, Leaving, Run

S = RunState

CHECKPOINTED = 75
"""Exit status of a worker that committed because it was asked to stop."""

NO_ROOM = "no-room"
"""Outcome of a worker that could not commit because a disk is full; what was committed before stands."""

Step = tuple[Run, list[effects.Effect]]


def worker_event(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    """The step for an event that only a run with a worker can have."""
    match event:
        case events.Spawned(pid):
            if run.worker_pid is not None:
                raise InvalidTransition(run, event, f"it already has the worker {run.worker_pid}")
            return replace(run, worker_pid=pid), [effects.Publish()]
        case events.SpawnFailed(reason, "failed"):
            return end(run, "failed", now, reason)
        case events.SpawnFailed(reason, kind):
            if kind == NO_ROOM:
                return _out_of_room(run, reason)
            return _without_worker(run, f"cannot start a worker: {reason}", (), now, policy)
        case events.PhaseReported(phase):
            return (run, []) if phase == run.phase else (replace(run, phase=phase), [effects.Publish()])
        case events.Ready():
            return _ready(run, event)
        case events.Committed(generation):
            return _committed(run, event, generation)
        case events.WorkerExitReport():
            return replace(run, exit_report=event), []
        case events.WorkerFault(reason):
            return _kill(run, reason)
        case events.YieldAsked(reason):
            return leave(run, "yield", reason, [])
        case events.GraceExpired():
            need(run, event, S.STOPPING)
            return _kill(run, "the worker did not commit within the daemon's grace period")
        case events.Exited():
            return _exited(run, event, now, policy)
    raise InvalidTransition(run, event, "no such event")


def need(run: Run, event: Event, *states: RunState) -> None:
    """Raises InvalidTransition where the run is in none of the states."""
    if run.state not in states:
        raise InvalidTransition(run, event, f"only possible when {' or '.join(sorted(states))}")


def start(run: Run) -> Step:
    """The run gets a new worker."""
    fresh = replace(
        run,
        state=S.STARTING,
        progressed=False,
        kill_reason="",
        exit_report=None,
        phase="starting",
        reason="",
        leaving="",
    )
    return fresh, [effects.StartWorker(), effects.Publish()]


def comes_back(run: Run) -> bool:
    """Whether the worker is on its way out, and another one would follow under this daemon."""
    return run.state == S.STOPPING and run.leaving in ("resize", "requeue", "yield")


def leave(run: Run, why: Leaving, reason: str, first: list[effects.Effect]) -> Step:
    """The worker commits and exits; what follows depends on `why`."""
    if run.state not in (S.STARTING, S.RUNNING) and not comes_back(run):
        return run, first  # it is on its way out already, for a reason that stands
    after = replace(run, state=S.STOPPING, leaving=why, reason=reason)
    return after, [*first, effects.HaltWorker(), effects.Publish()]


def _ready(run: Run, event: events.Ready) -> Step:
    if run.state == S.RUNNING:
        raise InvalidTransition(run, event, "this worker already committed generations")
    after = replace(run, generation=event.generation, reason="; ".join(event.warnings))
    after = replace(after, high_water=max(run.high_water, event.generation))
    return after, [effects.CutHistory(event.generation), effects.Publish()]  # the worker writes the seam itself


def _committed(run: Run, event: Event, generation: int) -> Step:
    if generation > run.generation + 1:
        raise InvalidTransition(run, event, f"generation {run.generation + 1} is missing")
    after = run
    if generation == run.generation + 1:
        after = replace(run, generation=generation)
        if generation > run.high_water:
            after = replace(after, high_water=generation, crashes=(), progressed=True)
    if run.state == S.STARTING:
        return replace(after, state=S.RUNNING), [effects.Publish()]
    return after, []


def _kill(run: Run, reason: str) -> Step:
    if run.kill_reason:
        return run, []  # killed already; its exit is on the way
    return replace(run, kill_reason=reason), [effects.KillWorker(reason)]


def _exited(run: Run, event: events.Exited, now: float, policy: CrashPolicy) -> Step:
    said = run.exit_report.outcome if run.exit_report else ""
    why_said = run.exit_report.reason if run.exit_report else ""
    if event.code == 0 and (said == "finished" or run.generation >= run.generations):
        return end(run, "finished", now)
    if event.code in (1, 2) and said == "failed" and run.state != S.CANCELLING:
        return end(run, "failed", now, why_said or "the worker gave no reason", event.log_tail)
    if event.code == CHECKPOINTED and said == NO_ROOM and _would_go_on(run):
        return _out_of_room(run, why_said)
    if event.code == CHECKPOINTED and run.state in (S.PAUSING, S.STOPPING, S.CANCELLING):
        why = why_said if said == NO_ROOM else ""
    elif event.code == CHECKPOINTED:
        why = "" if run.progressed else "the worker stopped without being asked and without a new generation"
    else:
        why = run.kill_reason or f"the worker {describe_exit(event.code)}"
    return _without_worker(run, why, event.log_tail, now, policy)


def _out_of_room(run: Run, reason: str) -> Step:
    after = replace(_no_worker(run), state=S.PAUSED, out_of_room=True, reason=reason)
    return after, [effects.Persist("out of room", reason), effects.Publish()]


def _would_go_on(run: Run) -> bool:
    """Whether, after its worker's exit, the run would get another one under this daemon."""
    return run.state in (S.STARTING, S.RUNNING) or comes_back(run)


def _without_worker(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    """The worker is gone. `why`: what went wrong; empty where it committed and left in good order."""
    gone = _no_worker(run)
    if run.state == S.CANCELLING or (run.state == S.STOPPING and run.desired == "cancel"):
        return end(run, "cancelled", now, why)
    if run.state == S.PAUSING or (run.state == S.STOPPING and run.desired == "pause"):
        return replace(gone, state=S.PAUSED, reason=why), [effects.Persist("paused", reason=why), effects.Publish()]
    if run.state == S.STOPPING and (run.leaving == "daemon" or not why):
        return _left(run, why)
    if not why:
        return replace(gone, state=S.QUEUED), [effects.Persist("worker stopped from outside"), effects.Publish()]
    return _crashed(gone, why, tail, now, policy)


def _left(run: Run, why: str) -> Step:
    """A worker that was asked to leave for a while is gone."""
    gone = _no_worker(run)
    if run.leaving == "resize":
        return start(gone)
    words = {"daemon": "stopped with the daemon", "requeue": "queued for its new size", "yield": "gave way"}
    reason = run.reason if run.leaving == "yield" else why
    return replace(gone, state=S.QUEUED, reason=reason), [
        effects.Persist(words[run.leaving], reason),
        effects.Publish(),
    ]


def _crashed(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    # A crash that lies ahead is one from before the clock was set back: nobody knows how long ago it was.
    crashes = (*(t for t in run.crashes if 0 <= now - t < policy.window), now)
    run = replace(run, crashes=crashes, restarts=run.restarts + 1)
    if len(crashes) >= policy.limit:
        last = next((line for line in reversed(tail) if line.strip()), "")
        reason = f"{why}; crash {len(crashes)} within {policy.window / 60:.0f} minutes without a new generation"
        return end(run, "failed", now, f"{reason}; its log ends: {last}" if last else reason, tail)
    at = now + policy.backoff[min(len(crashes), len(policy.backoff)) - 1]
    after = replace(run, state=S.BACKOFF, reason=f"{why}; restarts after a pause", restart_at=at)
    return after, [effects.Persist("crashed", why, tail), effects.RestartAt(at), effects.Publish()]


def end(run: Run, kind: RunOutcomeKind, now: float, reason: str = "", tail: tuple[str, ...] = ()) -> Step:
    """The run ends: finished, failed or cancelled."""
    outcome = RunOutcome(kind=kind, at=now, reason=reason, log_tail=tail)
    after = replace(_no_worker(run), state=S(kind), outcome=outcome, reason=reason)
    return after, [effects.Persist(kind, reason, tail), effects.Publish()]


def _no_worker(run: Run) -> Run:
    without = replace(run, worker_pid=None, phase="", exit_report=None, kill_reason="", restart_at=None, leaving="")
    return replace(without, out_of_room=False)


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
