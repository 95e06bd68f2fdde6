"""The life of a run as a pure function: (run, event, time) -> (run, instructions).

No clock, file, socket or process is touched here: the loop performs the instructions, in order. An event
that cannot happen in the run's state raises InvalidTransition with what happened to the run before.
"""

import signal

from msgspec.structs import replace

from hades_protocol.errors import WrongStateError
from hades_protocol.run_state import WITH_WORKER, RunState, may
from hadesd.supervisor import machine_words as w
from hadesd.supervisor.machine_state import CrashPolicy, InvalidTransition, Outcome, Run
from hadesd.supervisor.machine_words import Event, Instruction

S = RunState

CHECKPOINTED = 75
"""Exit status of a worker that committed because it was asked to stop."""

TRAIL = 30
"""Events that a run remembers for the text of InvalidTransition."""

Step = tuple[Run, list[Instruction]]


def restore(run: Run, now: float) -> Run:
    """The state in which a run from disk starts under a new daemon: what was desired, with no worker."""
    if run.outcome is not None:
        return replace(run, state=S(run.outcome.kind), reason=run.outcome.reason, changed_at=run.outcome.at)
    if run.desired == "run":
        return replace(run, state=S.QUEUED, changed_at=now)
    if run.desired == "pause":
        return replace(run, state=S.PAUSED)
    # The daemon died between the wish and its fulfilment; the worker, if there was one, commits and exits alone.
    return replace(run, state=S.CANCELLED, outcome=Outcome(kind="cancelled", at=now))


def step(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    """What becomes of the run, and what is to be done, in order.

    Raises:
        WrongStateError: a person asked for something that means nothing in the run's state.
        InvalidTransition: the event cannot happen in the run's state.
    """
    after, instructions = _handle(run, event, now, policy)
    if after.state != run.state:
        if not may(run.state, after.state):
            raise InvalidTransition(run, event, f"{run.state} -> {after.state} is not allowed")
        after = replace(after, changed_at=now)
    if isinstance(event, w.Committed | w.Phase) and after.state == run.state:
        return after, instructions  # too frequent for the trail
    entry = f"{now:.3f} {run.state} {event} -> {after.state}"
    return replace(after, trail=(*after.trail[-TRAIL + 1 :], entry)), instructions


def _handle(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    match event:
        case w.PauseAsked():
            return _pause(run)
        case w.ResumeAsked():
            return _resume(run, now)
        case w.CancelAsked():
            return _cancel(run, now)
        case w.DaemonStops():
            return _daemon_stops(run)
        case w.Granted():
            _need(run, event, S.QUEUED)
            fresh = replace(
                run, state=S.STARTING, progressed=False, kill_reason="", last_word=None, phase="starting", reason=""
            )
            return fresh, [w.StartWorker(), w.Publish()]
        case w.BackoffOver():
            _need(run, event, S.BACKOFF)
            return replace(run, state=S.QUEUED, restart_at=None), [w.Publish()]
        case w.OrphanGone(generation):
            _need(run, event, *(set(S) - WITH_WORKER))
            after = replace(run, generation=generation, high_water=max(run.high_water, generation))
            return after, [w.CutHistory(generation), w.Publish()]
    _need(run, event, *WITH_WORKER)
    return _worker_event(run, event, now, policy)


def _worker_event(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    match event:
        case w.Spawned(pid):
            if run.worker_pid is not None:
                raise InvalidTransition(run, event, f"it already has the worker {run.worker_pid}")
            return replace(run, worker_pid=pid), [w.Publish()]
        case w.SpawnFailed(reason):
            return _without_worker(run, f"cannot start a worker: {reason}", (), now, policy)
        case w.Phase(phase):
            return (run, []) if phase == run.phase else (replace(run, phase=phase), [w.Publish()])
        case w.Ready():
            return _ready(run, event)
        case w.Committed(generation):
            return _committed(run, event, generation)
        case w.LastWord():
            return replace(run, last_word=event), []
        case w.Faulty(reason):
            return _kill(run, reason)
        case w.GraceOver():
            _need(run, event, S.STOPPING)
            return _kill(run, "the worker did not commit within the daemon's grace period")
        case w.Exited():
            return _exited(run, event, now, policy)
    raise InvalidTransition(run, event, "no such event")


def _need(run: Run, event: Event, *states: RunState) -> None:
    if run.state not in states:
        raise InvalidTransition(run, event, f"only possible when {' or '.join(sorted(states))}")


# What people ask for -----------------------------------------------------------------------------------------


def _pause(run: Run) -> Step:
    if run.state in (S.STARTING, S.RUNNING):
        return replace(run, state=S.PAUSING, desired="pause"), [w.Persist("pause"), w.HaltWorker(), w.Publish()]
    if run.state in (S.QUEUED, S.BACKOFF):
        after = replace(run, state=S.PAUSED, desired="pause", restart_at=None, reason="")
        return after, [w.Persist("pause"), w.Publish()]
    raise _refusal(run, "paused")


def _resume(run: Run, now: float) -> Step:
    if run.state not in (S.PAUSED, S.FAILED, S.CANCELLED):
        raise _refusal(run, "resumed")
    after = replace(run, state=S.QUEUED, desired="run", outcome=None, crashes=(), reason="", queued_at=now)
    return after, [w.Persist("resume"), w.Publish()]


def _cancel(run: Run, now: float) -> Step:
    if run.state in (S.STARTING, S.RUNNING, S.PAUSING):
        after = replace(run, state=S.CANCELLING, desired="cancel")
        return after, [w.Persist("cancel"), w.HaltWorker(), w.Publish()]
    if run.state in (S.QUEUED, S.BACKOFF, S.PAUSED, S.FAILED):
        return _end(replace(run, desired="cancel", restart_at=None), "cancelled", now)
    raise _refusal(run, "cancelled")


def _refusal(run: Run, verb: str) -> WrongStateError:
    already = verb == str(run.state)
    return WrongStateError(f"run {run.id} is {'already ' if already else ''}{run.state}: it cannot be {verb}")


def _daemon_stops(run: Run) -> Step:
    if run.state not in WITH_WORKER or run.state == S.STOPPING:
        return run, []
    return replace(run, state=S.STOPPING), [w.HaltWorker(), w.Publish()]


# What the worker says and does -------------------------------------------------------------------------------


def _ready(run: Run, event: w.Ready) -> Step:
    if run.state == S.RUNNING:
        raise InvalidTransition(run, event, "this worker already committed generations")
    after = replace(run, generation=event.generation, reason="; ".join(event.warnings))
    after = replace(after, high_water=max(run.high_water, event.generation))
    return after, [w.CutHistory(event.generation), w.Publish()]  # the worker writes the seam itself


def _committed(run: Run, event: Event, generation: int) -> Step:
    if generation > run.generation + 1:
        raise InvalidTransition(run, event, f"generation {run.generation + 1} is missing")
    after = run
    if generation == run.generation + 1:
        after = replace(run, generation=generation)
        if generation > run.high_water:
            after = replace(after, high_water=generation, crashes=(), progressed=True)
    if run.state == S.STARTING:
        return replace(after, state=S.RUNNING), [w.Publish()]
    return after, []


def _kill(run: Run, reason: str) -> Step:
    if run.kill_reason:
        return run, []  # killed already; its exit is on the way
    return replace(run, kill_reason=reason), [w.KillWorker(reason)]


def _exited(run: Run, event: w.Exited, now: float, policy: CrashPolicy) -> Step:
    said = run.last_word.outcome if run.last_word else ""
    why_said = run.last_word.reason if run.last_word else ""
    if event.code == 0 and (said == "finished" or run.generation >= run.generations):
        return _end(run, "finished", now)
    if event.code in (1, 2) and said == "failed" and run.state != S.CANCELLING:
        return _end(run, "failed", now, why_said or "the worker gave no reason", event.log_tail)
    if event.code == CHECKPOINTED and run.state in (S.PAUSING, S.STOPPING, S.CANCELLING):
        why = ""
    elif event.code == CHECKPOINTED:
        why = "" if run.progressed else "the worker stopped without being asked and without a new generation"
    else:
        why = run.kill_reason or f"the worker {describe_exit(event.code)}"
    return _without_worker(run, why, event.log_tail, now, policy)


def _without_worker(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    """The worker is gone. `why`: what went wrong; empty where it committed and left in good order."""
    gone = _no_worker(run)
    if run.state == S.CANCELLING or (run.state == S.STOPPING and run.desired == "cancel"):
        return _end(run, "cancelled", now, why)
    if run.state == S.PAUSING or (run.state == S.STOPPING and run.desired == "pause"):
        return replace(gone, state=S.PAUSED, reason=why), [w.Persist("paused", reason=why), w.Publish()]
    if run.state == S.STOPPING:
        return replace(gone, state=S.QUEUED, reason=why), [w.Persist("stopped with the daemon", why), w.Publish()]
    if not why:
        return replace(gone, state=S.QUEUED), [w.Persist("worker stopped from outside"), w.Publish()]
    return _crashed(gone, why, tail, now, policy)


def _crashed(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    crashes = (*(t for t in run.crashes if now - t < policy.window), now)
    run = replace(run, crashes=crashes, restarts=run.restarts + 1)
    if len(crashes) >= policy.limit:
        last = next((line for line in reversed(tail) if line.strip()), "")
        reason = f"{why}; crash {len(crashes)} within {policy.window / 60:.0f} minutes without a new generation"
        return _end(run, "failed", now, f"{reason}; its log ends: {last}" if last else reason, tail)
    at = now + policy.backoff[min(len(crashes), len(policy.backoff)) - 1]
    after = replace(run, state=S.BACKOFF, reason=f"{why}; restarts after a pause", restart_at=at)
    return after, [w.Persist("crashed", why, tail), w.RestartAt(at), w.Publish()]


def _end(run: Run, kind: str, now: float, reason: str = "", tail: tuple[str, ...] = ()) -> Step:
    outcome = Outcome(kind=kind, at=now, reason=reason, log_tail=tail)
    after = replace(_no_worker(run), state=S(kind), outcome=outcome, reason=reason)
    return after, [w.Persist(kind, reason, tail), w.Publish()]


def _no_worker(run: Run) -> Run:
    return replace(run, worker_pid=None, phase="", last_word=None, kill_reason="", restart_at=None)


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
