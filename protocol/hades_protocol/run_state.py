"""The states of a run, the transitions that are allowed between them, and the phases of a worker.

Which states a verb applies in is said for clients; of a stopping run the daemon refuses all while it goes down itself.
"""

from enum import StrEnum


class RunState(StrEnum):
    """State of a run. The value is the text on the wire, on disk and on the screen."""

    QUEUED = "queued"  # waits for a slot; `reason` says which
    STARTING = "starting"  # a worker process exists and has not reported its first generation yet
    RUNNING = "running"  # generations are being committed
    PAUSING = "pausing"  # the worker finishes its generation, commits and exits
    PAUSED = "paused"  # no process of the run exists; `reason` says where the daemon paused it, for a full disk say
    STOPPING = "stopping"  # the worker commits and exits, and the run goes on later: daemon down, resize, yield
    BACKOFF = "backoff"  # the worker crashed; a new one starts at a known time
    CANCELLING = "cancelling"  # the worker commits and exits, for good
    FINISHED = "finished"  # every generation is committed
    FAILED = "failed"  # `reason` says why; resume tries again
    CANCELLED = "cancelled"  # ended by request; resume goes on from the last commit


class WorkerPhase(StrEnum):
    """What the worker of a run is doing, as its heartbeats say. The value is the word on the wire and on the screen."""

    NONE = ""  # there is no worker
    STARTING = "starting"  # nothing was heard of it yet
    WAITING_IN_SLURM = "waits in Slurm"  # its job does not compute; `reason` says why
    IMPORTING = "importing"
    WAITING_FOR_LOCK = "waiting for the run's lock"  # an earlier worker has not ended yet
    RESTORING = "restoring"
    RESIZING = "resizing"
    DRAWING = "drawing pairs"  # of what the policy of a run of method es does
    COMPILING = "compiling"
    EVALUATING = "evaluating"
    FINISHING = "finishing"


S = RunState

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    S.QUEUED: frozenset({S.STARTING, S.PAUSED, S.CANCELLED, S.FAILED}),
    S.STARTING: frozenset(
        {S.RUNNING, S.PAUSED, S.PAUSING, S.STOPPING, S.CANCELLING, S.BACKOFF, S.FAILED, S.FINISHED, S.QUEUED}
    ),
    S.RUNNING: frozenset({S.PAUSED, S.PAUSING, S.STOPPING, S.CANCELLING, S.BACKOFF, S.FAILED, S.FINISHED, S.QUEUED}),
    S.PAUSING: frozenset({S.PAUSED, S.CANCELLING, S.STOPPING, S.FINISHED, S.FAILED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLED}),
    S.STOPPING: frozenset(
        {S.CANCELLING, S.QUEUED, S.STARTING, S.PAUSING, S.PAUSED, S.BACKOFF, S.CANCELLED, S.FINISHED, S.FAILED}
    ),
    S.BACKOFF: frozenset({S.QUEUED, S.STARTING, S.PAUSED, S.CANCELLED, S.FAILED}),
    S.CANCELLING: frozenset({S.CANCELLED, S.FINISHED, S.STOPPING}),
    S.FINISHED: frozenset(),
    S.FAILED: frozenset({S.QUEUED, S.CANCELLED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}

WITH_WORKER = frozenset({S.STARTING, S.RUNNING, S.PAUSING, S.STOPPING, S.CANCELLING})
"""States in which a worker process exists."""

ENDED = frozenset({S.FINISHED, S.FAILED, S.CANCELLED})
"""States that `wait` ends on."""

AT_REST = frozenset({S.PAUSED, S.FINISHED, S.FAILED, S.CANCELLED})
"""States in which no process works on a run, so that its files may be removed, packed or pruned."""

PAUSABLE = frozenset({S.QUEUED, S.STARTING, S.RUNNING, S.STOPPING, S.BACKOFF})
"""States in which a run can be paused; so can one that the daemon paused for a full disk, which goes on by itself."""

RESUMABLE = frozenset({S.PAUSED, S.FAILED, S.CANCELLED})
"""States in which a run can be resumed."""

CANCELLABLE = PAUSABLE | {S.PAUSING, S.PAUSED, S.FAILED}
"""States in which a run can be cancelled."""

RESIZABLE = frozenset(S) - {S.CANCELLING, S.FINISHED}
"""States in which a run can be resized."""

PRIORITISABLE = frozenset(S) - {S.FINISHED}
"""States in which a run can be given a priority: those that it may be queued after."""


def may(before: RunState, after: RunState) -> bool:
    """Whether a run may go from one state to the other in one step (TRANSITIONS)."""
    return after in TRANSITIONS[before]
