"""Client -> daemon: one request, one reply, on the control socket (docs/protocol.md).

A request is [one frame of msgpack]: a map with `verb`, `request_id` and the verb's own fields. The reply
is a map with the same `request_id` and either `result` or `error`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hades_protocol.messages import DaemonInfo, DatasetSnapshot, ExportFormat, Job, LogLevel, RunSummary
from hades_protocol.replies import ChangeResult, HistoryResult, LogResult, Removed, ShowResult, SnapshotResult
from hades_protocol.run_state import RunState
from hades_protocol.version import MAJOR

PriorityValue = Annotated[int, Meta(ge=-1000, le=1000)]


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb"):
    """Fields that every request has.

    protocol_major: refused with error `protocol` where it is not the daemon's.
    expires_at: Unix time after which nobody waits for the reply: the daemon then does nothing. A request
        that was queued while no daemon ran is so never carried out by a later one.
    session: where given, refused with `wrong_state` unless it is the daemon's session.
    """

    request_id: str
    protocol_major: int = MAJOR
    expires_at: float | None = None
    session: str | None = None


class Hello(Request, frozen=True, tag="hello"):
    """Who is there? Result: DaemonInfo."""


class Start(Request, frozen=True, tag="start"):
    """Queue a new run. `spec`: nested settings as in run.json. Result: RunSummary.

    group: name of the group that the run belongs to (hades_protocol.names), empty for none; since protocol 1.1.
    priority: of two queued runs the one with the higher priority starts first; since protocol 1.2.
    """

    spec: dict[str, Any]
    group: str = ""
    priority: PriorityValue = 0


class Snapshot(Request, frozen=True, tag="snapshot"):
    """Everything at one moment, with the number of the last event before it. Result: SnapshotResult."""


class RunRequest(Request, frozen=True, kw_only=True):
    """A request about one run. `run`: its id, a unique prefix of it or of its last part, or @ for the newest."""

    run: str


class Show(RunRequest, frozen=True, tag="show"):
    """Everything about one run. Result: ShowResult."""


class Mutation(RunRequest, frozen=True, kw_only=True):
    """A request that changes a run.

    expected_state: where given and the run is in another state by now: refused with `wrong_state`.
    """

    expected_state: RunState | None = None


class Pause(Mutation, frozen=True, tag="pause"):
    """Finish the generation, commit, exit the worker. Result: RunSummary (usually still pausing)."""


class Resume(Mutation, frozen=True, tag="resume"):
    """Queue a paused, failed or cancelled run again. Result: RunSummary."""


class Cancel(Mutation, frozen=True, tag="cancel"):
    """End a run: commit, exit the worker. Result: RunSummary."""


class Priority(Mutation, frozen=True, tag="priority"):
    """Change a run's place in the queue. Result: RunSummary. Since protocol 1.2."""

    priority: PriorityValue


class Fork(Mutation, frozen=True, tag="fork"):
    """Queue a new run that goes on from a checkpoint of another one. Result: ChangeResult. Since protocol 1.2.

    generation: of a kept checkpoint; null for the newest. changes: nested settings laid over those of the parent;
    refused with `usage` where the checkpoint cannot carry one. dry_run: say what would change and do nothing.
    """

    generation: int | None = None
    changes: dict[str, Any] = {}
    group: str = ""
    dry_run: bool = False


class Resize(Mutation, frozen=True, tag="resize"):
    """Change a run's size at the next generation boundary. Result: ChangeResult. Since protocol 1.2.

    changes: nested settings, of hades_protocol.run_spec.RESIZABLE alone.
    """

    changes: dict[str, Any]
    dry_run: bool = False


class Remove(Mutation, frozen=True, tag="remove"):
    """Forget a run without a worker. Result: Removed. Since protocol 1.2.

    Its directory is renamed to a hidden one, in which nothing is deleted: that is the client's to do.
    """


class Adopt(Request, frozen=True, tag="adopt"):
    """Take in a run whose directory was put where the runs are. Result: RunSummary. Since protocol 1.2.

    run: its whole id.
    """

    run: str


class Retain(Mutation, frozen=True, tag="retain"):
    """Change which checkpoints a run without a worker keeps. Result: RunSummary. Since protocol 1.2.

    A value that is null stays. It is noted for later workers and nothing is deleted: that is the client's to do, under
    the run's lock.
    """

    keep_newest: int | None = None
    keep_every: int | None = None
    keep_best: bool | None = None


class History(RunRequest, frozen=True, tag="history"):
    """Metrics of a run after generation `after`, at most `points` of them. Result: HistoryResult.

    upto: the last generation that is wanted; null for the newest. Since protocol 1.2. Nothing is thinned where
    upto - after <= points: so a client pages through all of it.
    """

    after: int = 0
    points: int = 2000
    upto: int | None = None


class Dataset(RunRequest, frozen=True, tag="dataset"):
    """A committed mean dataset. Result: DatasetSnapshot; error not_found where there is none.

    generation: of a kept checkpoint (CheckpointList.with_pairs), null for the newest; since protocol 1.3.
    """

    generation: int | None = None


class Logs(Request, frozen=True, kw_only=True, tag="logs"):
    """The newest lines of a log, oldest first. Result: LogResult. Since protocol 1.3.

    run: id, unique prefix or @ for a run's worker; empty for the daemon's own. level: the least that is wanted.
    search: lines that contain this text, upper and lower case alike.
    """

    run: str = ""
    lines: Annotated[int, Meta(ge=1, le=2000)] = 200
    level: LogLevel = "info"
    search: Annotated[str, Meta(max_length=200)] = ""


class Note(Mutation, frozen=True, kw_only=True, tag="note"):
    """Write a note on a run, in place of the one before; empty to take it away. Result: RunSummary.

    Since protocol 1.3.
    """

    text: Annotated[str, Meta(max_length=2000)]


class Export(RunRequest, frozen=True, kw_only=True, tag="export"):
    """Write the newest committed mean dataset to a file on the daemon's machine, in the run's directory `exports`.

    Result: Job; its end comes as an event. best: the best evaluated one instead. Since protocol 1.3.
    """

    format: ExportFormat = "npz"
    best: bool = False


class Evaluate(RunRequest, frozen=True, kw_only=True, tag="evaluate"):
    """Train fresh policies on the newest committed mean dataset and measure their return, beside the run.

    Result: Job; its end comes as an event. Since protocol 1.3.
    """


class Stop(Request, frozen=True, tag="stop"):
    """Stop the daemon: its workers commit and exit first. Result: DaemonInfo, before it goes."""


AnyRequest = (
    Hello
    | Start
    | Snapshot
    | Show
    | Pause
    | Resume
    | Cancel
    | Priority
    | Fork
    | Resize
    | Remove
    | Adopt
    | Retain
    | History
    | Dataset
    | Logs
    | Note
    | Export
    | Evaluate
    | Stop
)


RESULTS: dict[type[Request], Any] = {
    Hello: DaemonInfo,
    Start: RunSummary,
    Snapshot: SnapshotResult,
    Show: ShowResult,
    Pause: RunSummary,
    Resume: RunSummary,
    Cancel: RunSummary,
    Priority: RunSummary,
    Fork: ChangeResult,
    Resize: ChangeResult,
    Remove: Removed,
    Adopt: RunSummary,
    Retain: RunSummary,
    History: HistoryResult,
    Dataset: DatasetSnapshot,
    Logs: LogResult,
    Note: RunSummary,
    Export: Job,
    Evaluate: Job,
    Stop: DaemonInfo,
}
"""The type of `result` for each verb."""
