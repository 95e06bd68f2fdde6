"""What the state machine is told (events) and what it answers (instructions). Plain frozen records."""

import msgspec


class Word(msgspec.Struct, frozen=True):
    """An event or an instruction; its text is what the trail of a run shows."""

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({fields})"


# Events ------------------------------------------------------------------------------------------------------


class SlotAssigned(Word, frozen=True):
    """The scheduler gave the run a slot."""


class Spawned(Word, frozen=True):
    """A worker process of that id exists."""

    pid: int


class SpawnFailed(Word, frozen=True):
    """No worker could be started.

    kind: "failed", where another attempt would not help (the run's directory is gone); "no-room", where a disk is
    full; else it is tried again like a crash.
    """

    reason: str
    kind: str = ""


class Phase(Word, frozen=True):
    """The worker's heartbeat names what it does."""

    phase: str


class Ready(Word, frozen=True):
    """The worker stands after `generation` and is about to compute the next one."""

    generation: int
    warnings: tuple[str, ...] = ()


class Committed(Word, frozen=True):
    """A generation is on disk. May come again after a crash."""

    generation: int


class WorkerExitReport(Word, frozen=True):
    """What the worker says about its end before it exits."""

    outcome: str
    reason: str = ""


class Exited(Word, frozen=True):
    """The worker process was reaped. `code`: exit status, or minus the number of the signal that killed it."""

    code: int
    log_tail: tuple[str, ...] = ()


class WorkerFault(Word, frozen=True):
    """The worker must go: it gave no sign of life, or said what makes no sense."""

    reason: str


class OrphanGone(Word, frozen=True):
    """A worker that outlived its daemon has committed and exited; the run stands after `generation`."""

    generation: int


class BackoffOver(Word, frozen=True):
    """The time to wait after a crash has passed."""


class PauseAsked(Word, frozen=True):
    """A person wants the run paused."""


class ResumeAsked(Word, frozen=True):
    """A person wants the run to go on."""


class CancelAsked(Word, frozen=True):
    """A person wants the run to end."""


class ResizeAsked(Word, frozen=True):
    """A person wants other sizes: the new settings are in the record that Persist writes.

    requeue: the run needs other devices, so it cannot just go on in its slot.
    """

    text: str
    requeue: bool = False


class PriorityAsked(Word, frozen=True):
    """A person wants the run earlier or later in the queue."""

    priority: int


class RetentionAsked(Word, frozen=True):
    """A person wants other checkpoints kept: the new settings are in the record that Persist writes."""

    text: str


class YieldAsked(Word, frozen=True):
    """Somebody else computes on the run's GPU, and the run gives way."""

    reason: str


class RoomAgain(Word, frozen=True):
    """The disk that was full when the run stopped has room again."""


class DaemonStops(Word, frozen=True):
    """The daemon is going down in good order."""


class GraceOver(Word, frozen=True):
    """The daemon has waited long enough for the worker to commit."""


Event = (
    SlotAssigned
    | Spawned
    | SpawnFailed
    | Phase
    | Ready
    | Committed
    | WorkerExitReport
    | Exited
    | WorkerFault
    | OrphanGone
    | BackoffOver
    | PauseAsked
    | ResumeAsked
    | CancelAsked
    | ResizeAsked
    | PriorityAsked
    | RetentionAsked
    | YieldAsked
    | RoomAgain
    | DaemonStops
    | GraceOver
)


# Instructions ------------------------------------------------------------------------------------------------


class Persist(Word, frozen=True):
    """Write run.json, with one more entry in its history. Always before the acts that follow from it."""

    what: str
    reason: str = ""
    log_tail: tuple[str, ...] = ()


class StartWorker(Word, frozen=True):
    """Start a worker process."""


class HaltWorker(Word, frozen=True):
    """Ask the worker to commit its generation and to exit."""


class KillWorker(Word, frozen=True):
    """SIGKILL the worker."""

    reason: str


class RestartAt(Word, frozen=True):
    """Say BackoffOver at that Unix time."""

    at: float


class CutHistory(Word, frozen=True):
    """Forget metrics after that generation."""

    generation: int


class Publish(Word, frozen=True):
    """Tell the clients what the run looks like now."""


Effect = Persist | StartWorker | HaltWorker | KillWorker | RestartAt | CutHistory | Publish
