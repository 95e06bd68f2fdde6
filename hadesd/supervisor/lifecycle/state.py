"""What the state machine knows about a run, and how it treats crashes."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from hades_protocol.messages import HistoryEntry
from hades_protocol.run_spec import RunSpec
from hades_protocol.run_state import RunState, WorkerPhase
from hadesd.storage.records import MAX_ENTRIES, Desired, RunOutcome, RunRecord
from hadesd.supervisor.lifecycle.effects import Effect, Persist
from hadesd.supervisor.lifecycle.events import Event, WorkerExitReport

Leaving = Literal["", "daemon", "resize", "requeue", "yield"]


PREEMPTIONS = 2


class CrashPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a crashed worker is started again.

    A run fails at the `limit`-th crash within `window` seconds without a new generation in between. After
    the n-th crash in a row its worker waits `backoff[n - 1]` seconds. A run that was preempted PREEMPTIONS times
    without a new generation in between waits `preempted_backoff` seconds; that is no crash.
    """

    limit: int = 3
    window: float = 600.0
    backoff: tuple[float, ...] = (1.0, 5.0)
    preempted_backoff: float = 60.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what happens to a run next.

    queued_at: when a person last asked for it to run: the order of the queue.
    high_water: highest generation ever committed; only one beyond it makes earlier crashes forgiven, so that
        a generation that crashes again and again after a fallback ends in FAILED.
    priority: of two queued runs the one with the higher priority starts first.
    leaving: while STOPPING, why: the daemon goes down, a resize (in its slot, or through the queue), yielding.
    disk_full: PAUSED by the daemon, because a disk is full; it goes on by itself.
    preemptions: how often in a row a worker was taken away before it committed such a generation.
    progressed: this worker committed such a generation.
    kill_reason: why the worker was killed by us; empty where it was not.
    """

    id: str
    generations: int
    queued_at: float
    changed_at: float
    state: RunState = RunState.QUEUED
    desired: Desired = "run"
    outcome: RunOutcome | None = None
    generation: int = 0
    high_water: int = 0
    crashes: tuple[float, ...] = ()
    restarts: int = 0
    preemptions: int = 0
    restart_at: float | None = None
    priority: int = 0
    leaving: Leaving = ""
    disk_full: bool = False
    worker_pid: int | None = None
    progressed: bool = False
    kill_reason: str = ""
    exit_report: WorkerExitReport | None = None
    phase: WorkerPhase = WorkerPhase.NONE
    reason: str = ""
    trail: tuple[str, ...] = ()


class InvalidTransition(Exception):
    """An event that cannot happen now. Its text lists what happened to the run before."""

    def __init__(self, run: Run, event: Event, why: str) -> None:
        trail = "\n  ".join(run.trail) or "(nothing)"
        super().__init__(f"run {run.id} is {run.state} and got {event}: {why}; before that:\n  {trail}")


def from_record(record: RunRecord, spec: RunSpec, generation: int) -> Run:
    """What the state machine starts from after a restart of the daemon; see transitions.restore."""
    return Run(
        id=record.id,
        generations=spec.evolution.generations,
        queued_at=record.queued_at or record.created_at,
        changed_at=record.history[-1].at if record.history else record.created_at,
        desired=record.desired,
        outcome=record.outcome,
        generation=generation,
        high_water=generation,
        crashes=record.crashes,
        restarts=record.restarts,
        priority=record.priority,
    )


def recorded(record: RunRecord, after: Run, caused: Iterable[Effect], now: float) -> RunRecord:
    """The record after a step: as the machine sees the run now, with an entry in its history for each Persist."""
    entries = [
        HistoryEntry(
            at=now, what=effect.what, generation=after.generation, reason=effect.reason, log_tail=effect.log_tail
        )
        for effect in caused
        if isinstance(effect, Persist)
    ]
    if not entries:
        return record
    return msgspec.structs.replace(
        record,
        desired=after.desired,
        priority=after.priority,
        queued_at=after.queued_at,
        outcome=after.outcome,
        restarts=after.restarts,
        crashes=after.crashes,
        history=(*record.history, *entries)[-MAX_ENTRIES:],
    )
