"""What a worker says and does, as steps of the state machine. Pure, like transitions.py."""

import signal

from msgspec.structs import replace

from hades_protocol.errors import ExitCode
from hades_protocol.messages import HistoryKind
from hades_protocol.run_state import RunState, WorkerPhase
from hadesd.storage.records import RunOutcome
from hadesd.supervisor.lifecycle import effects, events
from hadesd.supervisor.lifecycle.effects import noted
from hadesd.supervisor.lifecycle.events import Event, SpawnFailure
from hadesd.supervisor.lifecycle.state import PREEMPTIONS, CrashPolicy, InvalidTransition, Leaving, Run
from hadesd.worker_protocol import WorkerOutcome

S = RunState

Step = tuple[Run, list[effects.Effect]]


def worker_event(run: Run, event: Event, now: float, policy: CrashPolicy) -> Step:
    """The step for an event that only a run with a worker can have."""
    match event:
        case events.Spawned(pid):
            if run.worker_pid is not None:
                raise InvalidTransition(run, event, f"it already has the worker {run.worker_pid}")
            return replace(run, worker_pid=pid), [effects.Publish()]
        case events.SpawnFailed(reason) if not _would_go_on(run):  # Slurm answers late: it is to be paused, say
            return _without_worker(run, f"no worker was started: {reason}", (), now, policy)
        case events.SpawnFailed(reason, SpawnFailure.RUN_UNUSABLE):
            return end(run, S.FAILED, now, reason)
        case events.SpawnFailed(reason, SpawnFailure.DISK_FULL):
            return _disk_full(run, f"{reason}: no worker was started")
        case events.SpawnFailed(reason, SpawnFailure.OUT_OF_RESOURCES):
            return _out_of_resources(run, reason, now, policy)
        case events.SpawnFailed(reason, _):
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
        phase=WorkerPhase.STARTING,
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
    after = replace(
        run,
        generation=event.generation,
        high_water=max(run.high_water, event.generation),
        reason="; ".join(event.warnings),
    )
    # Nothing for the history: the worker writes the resume record itself.
    return after, [effects.CutHistory(event.generation), effects.Publish()]


def _committed(run: Run, event: Event, generation: int) -> Step:
    if generation > run.generation + 1:
        raise InvalidTransition(run, event, f"generation {run.generation + 1} is missing")
    after = run
    if generation == run.generation + 1:
        after = replace(run, generation=generation)
        if generation > run.high_water:
            after = replace(after, high_water=generation, crashes=(), preemptions=0, progressed=True)
    if run.state == S.STARTING:
        return replace(after, state=S.RUNNING), [effects.Publish()]
    return after, []


def _kill(run: Run, reason: str) -> Step:
    if run.kill_reason:
        return run, []  # killed already; its exit is on the way
    return replace(run, kill_reason=reason), [effects.KillWorker(reason)]


def _exited(run: Run, event: events.Exited, now: float, policy: CrashPolicy) -> Step:
    said = run.exit_report.outcome if run.exit_report else None
    why_said = run.exit_report.reason if run.exit_report else ""
    if event.code == ExitCode.OK and (said == WorkerOutcome.FINISHED or run.generation >= run.generations):
        return end(run, S.FINISHED, now, why_said)
    if (
        event.code in (ExitCode.RUN_FAILED, ExitCode.USAGE)
        and said == WorkerOutcome.FAILED
        and run.state != S.CANCELLING
    ):
        return end(run, S.FAILED, now, why_said or "the worker gave no reason", event.log_tail)
    if event.code == ExitCode.CHECKPOINTED and said == WorkerOutcome.DISK_FULL and _would_go_on(run):
        return _disk_full(run, why_said)
    if event.preempted and not run.kill_reason and said != WorkerOutcome.DISK_FULL:
        if _would_go_on(run):
            return _preempted(run, event.why, now, policy)
        why = ""
    elif event.code == ExitCode.CHECKPOINTED and run.state in (S.PAUSING, S.STOPPING, S.CANCELLING):
        why = why_said if said == WorkerOutcome.DISK_FULL else ""
    elif event.code == ExitCode.CHECKPOINTED:
        why = "" if run.progressed else "the worker stopped without being asked and without a new generation"
    else:
        why = run.kill_reason or event.why or why_said or f"the worker {describe_exit(event.code)}"
    return _without_worker(run, why, event.log_tail, now, policy)


def _preempted(run: Run, why: str, now: float, policy: CrashPolicy) -> Step:
    """The run is queued again: at once, or after a pause where it does not get on between two preemptions."""
    preemptions = 0 if run.progressed else run.preemptions + 1
    gone = replace(_no_worker(run), preemptions=preemptions)
    if run.leaving == "resize" or preemptions < PREEMPTIONS:
        return replace(gone, state=S.QUEUED, reason=why), noted(HistoryKind.PREEMPTED, reason=why)
    at = now + policy.preempted_backoff
    text = f"{why}; taken away {preemptions} times before it committed a generation, so it waits a while"
    after = replace(gone, state=S.BACKOFF, reason=text, restart_at=at)
    return after, noted(HistoryKind.PREEMPTED, effects.RestartAt(at), reason=why)


def _disk_full(run: Run, why: str) -> Step:
    reason = f"{why}; the run goes on by itself when there is room"
    after = replace(_no_worker(run), state=S.PAUSED, disk_full=True, reason=reason)
    return after, noted(HistoryKind.DISK_FULL, reason=reason)


def _out_of_resources(run: Run, reason: str, now: float, policy: CrashPolicy) -> Step:
    """The run is queued again after a pause. That is no crash of its own, however often it happens."""
    at = now + policy.backoff[-1]
    text = f"cannot start a worker now: {reason}; it is tried again"
    return replace(_no_worker(run), state=S.BACKOFF, reason=text, restart_at=at), [
        effects.RestartAt(at),
        effects.Publish(),
    ]


def _would_go_on(run: Run) -> bool:
    """Whether, after its worker's exit, the run would get another one under this daemon."""
    return run.state in (S.STARTING, S.RUNNING) or comes_back(run)


def _without_worker(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    """The worker is gone. `why`: what went wrong; empty where it committed and left in good order."""
    gone = _no_worker(run)
    if run.state == S.CANCELLING or (run.state == S.STOPPING and run.desired == "cancel"):
        return end(run, S.CANCELLED, now, why)
    if run.state == S.PAUSING or (run.state == S.STOPPING and run.desired == "pause"):
        return replace(gone, state=S.PAUSED, reason=why), noted(HistoryKind.PAUSED, reason=why)
    if run.state == S.STOPPING and (run.leaving == "daemon" or not why):
        return _left(run, why)
    if not why:
        return replace(gone, state=S.QUEUED), noted(HistoryKind.WORKER_STOPPED)
    return _crashed(gone, why, tail, now, policy)


_LEFT: dict[Leaving, HistoryKind] = {
    "daemon": HistoryKind.STOPPED_WITH_DAEMON,
    "requeue": HistoryKind.REQUEUED,
    "yield": HistoryKind.YIELDED,
}


def _left(run: Run, why: str) -> Step:
    """A worker that was asked to leave for a while is gone."""
    gone = _no_worker(run)
    if run.leaving == "resize":
        return start(gone)
    reason = run.reason if run.leaving == "yield" else why
    return replace(gone, state=S.QUEUED, reason=reason), noted(_LEFT[run.leaving], reason=reason)


def _crashed(run: Run, why: str, tail: tuple[str, ...], now: float, policy: CrashPolicy) -> Step:
    # A crash that lies ahead is one from before the clock was set back: nobody knows how long ago it was.
    crashes = (*(t for t in run.crashes if 0 <= now - t < policy.window), now)
    run = replace(run, crashes=crashes, restarts=run.restarts + 1)
    if len(crashes) >= policy.limit:
        last = next((line for line in reversed(tail) if line.strip()), "")
        reason = f"{why}; crash {len(crashes)} within {policy.window / 60:.0f} minutes without a new generation"
        return end(run, S.FAILED, now, f"{reason}; its log ends: {last}" if last else reason, tail)
    at = now + policy.backoff[min(len(crashes), len(policy.backoff)) - 1]
    after = replace(run, state=S.BACKOFF, reason=f"{why}; restarts after a pause", restart_at=at)
    return after, noted(HistoryKind.CRASHED, effects.RestartAt(at), reason=why, log_tail=tail)


def end(run: Run, kind: RunState, now: float, reason: str = "", tail: tuple[str, ...] = ()) -> Step:
    """The run ends: finished, failed or cancelled."""
    outcome = RunOutcome(kind=kind, at=now, reason=reason, log_tail=tail)
    after = replace(_no_worker(run), state=kind, outcome=outcome, reason=reason)
    return after, noted(HistoryKind(kind), reason=reason, log_tail=tail)


def _no_worker(run: Run) -> Run:
    return replace(
        run,
        worker_pid=None,
        phase=WorkerPhase.NONE,
        exit_report=None,
        kill_reason="",
        restart_at=None,
        leaving="",
        disk_full=False,
    )


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
