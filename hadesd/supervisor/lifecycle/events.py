"""What the state machine is told. Plain frozen records; what it answers is in effects.py."""

from enum import StrEnum

import msgspec

from hades_protocol.run_state import WorkerPhase
from hadesd.worker_protocol import WorkerOutcome


class _Event(msgspec.Struct, frozen=True):
    """Base of the events; the text of one is what the trail of a run shows."""

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({fields})"


class SlotAssigned(_Event, frozen=True):
    """The scheduler gave the run a slot."""


class Spawned(_Event, frozen=True):
    """A worker exists. pid: of its process; None: it is a job elsewhere."""

    pid: int | None


class SpawnFailure(StrEnum):
    """Why no worker could be started, as far as it matters to the run."""

    CRASH = "crash"  # it is tried again like a crash
    OUT_OF_RESOURCES = "out-of-resources"  # the machine lacks descriptors, processes or memory: the run waits a little
    DISK_FULL = "disk-full"  # the run waits until there is room
    RUN_UNUSABLE = "run-unusable"  # another attempt would not help: the run's directory is gone


class SpawnFailed(_Event, frozen=True):
    """No worker could be started."""

    reason: str
    kind: SpawnFailure = SpawnFailure.CRASH


class PhaseReported(_Event, frozen=True):
    """The worker's heartbeat names what it does."""

    phase: WorkerPhase


class Ready(_Event, frozen=True):
    """The worker stands after `generation` and is about to compute the next one."""

    generation: int
    warnings: tuple[str, ...] = ()


class Committed(_Event, frozen=True):
    """A generation is on disk. May come again after a crash."""

    generation: int


class WorkerExitReport(_Event, frozen=True):
    """What the worker says about its end before it exits."""

    outcome: WorkerOutcome
    reason: str = ""


class Exited(_Event, frozen=True):
    """The worker process has ended. `code`: exit status, or minus the number of the signal that killed it.

    preempted: whoever lent the place took it back: the run has no part in that. why: in words; empty where the status
    says it all.
    """

    code: int
    log_tail: tuple[str, ...] = ()
    preempted: bool = False
    why: str = ""


class WorkerFault(_Event, frozen=True):
    """The worker must go: it gave no sign of life, or sent an invalid message."""

    reason: str


class OrphanExited(_Event, frozen=True):
    """A worker that outlived its daemon has committed and exited; the run stands after `generation`."""

    generation: int


class BackoffExpired(_Event, frozen=True):
    """The time to wait after a crash has passed."""


class PauseAsked(_Event, frozen=True):
    """A person wants the run paused."""


class ResumeAsked(_Event, frozen=True):
    """A person wants the run to go on."""


class CancelAsked(_Event, frozen=True):
    """A person wants the run to end."""


class ResizeAsked(_Event, frozen=True):
    """A person wants other sizes: the new settings are in the record that Persist writes.

    requeue: the run needs other devices, so it cannot just go on in its slot.
    """

    text: str
    requeue: bool = False


class PriorityAsked(_Event, frozen=True):
    """A person wants the run earlier or later in the queue."""

    priority: int


class RetentionAsked(_Event, frozen=True):
    """A person wants other checkpoints kept: the new settings are in the record that Persist writes."""

    text: str


class YieldAsked(_Event, frozen=True):
    """Somebody else computes on the run's GPU, and the run yields."""

    reason: str


class DiskSpaceFreed(_Event, frozen=True):
    """The disk that was full when the run stopped has room again."""


class DaemonStops(_Event, frozen=True):
    """The daemon is going down in good order."""


class GraceExpired(_Event, frozen=True):
    """The daemon has waited long enough for the worker to commit."""


Event = (
    SlotAssigned
    | Spawned
    | SpawnFailed
    | PhaseReported
    | Ready
    | Committed
    | WorkerExitReport
    | Exited
    | WorkerFault
    | OrphanExited
    | BackoffExpired
    | PauseAsked
    | ResumeAsked
    | CancelAsked
    | ResizeAsked
    | PriorityAsked
    | RetentionAsked
    | YieldAsked
    | DiskSpaceFreed
    | DaemonStops
    | GraceExpired
)
