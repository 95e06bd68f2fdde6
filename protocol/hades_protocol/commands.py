"""Client -> daemon: one request, one reply, on the control socket (docs/protocol.md).

A request is one frame of msgpack: a map with `verb`, `request_id` and the verb's own fields. The reply is a
map with the same `request_id` and either `result` or `error`. Fields that a daemon does not know are ignored,
but for settings (`spec`, `changes`): those are refused with `usage`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hades_protocol import codec, version
from hades_protocol.errors import BY_CODE, HadesError, ProtocolMismatchError
from hades_protocol.messages import DaemonInfo, DatasetSnapshot, ExportFormat, Job, LogLevel, RunSummary
from hades_protocol.replies import (
    ChangeResult,
    HistoryResult,
    LogResult,
    PlanResult,
    Removed,
    Reply,
    ShowResult,
    SnapshotResult,
)
from hades_protocol.run_state import RunState

PriorityValue = Annotated[int, Meta(ge=-1000, le=1000)]
"""Of two queued runs the one with the higher number starts first."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb"):
    """Fields that every request has.

    request_id: any text; the reply carries it.
    protocol_major: refused with error `protocol` where it is not the daemon's.
    expires_at: Unix time after which nobody waits for the reply: the daemon then does nothing. A request
        that was queued while no daemon ran is so never carried out by a later one.
    session: where given, refused with `wrong_state` unless it is the daemon's session.
    """

    request_id: str
    protocol_major: int = version.MAJOR
    expires_at: float | None = None
    session: str | None = None


class Hello(Request, frozen=True, tag="hello"):
    """Ask who serves here. Result: DaemonInfo."""


class Start(Request, frozen=True, tag="start"):
    """Queue a new run. Result: RunSummary.

    spec: nested settings, those of hades_protocol.run_spec; what is left out has its default.
    group: name of the group that the run belongs to (hades_protocol.names), empty for none. name: of the run, empty for
    none. tags: of the run.
    """

    spec: dict[str, Any]
    group: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    priority: PriorityValue = 0


class Plan(Request, frozen=True, tag="plan"):
    """Ask what the settings of a new run would be. Result: PlanResult; nothing is queued.

    spec: nested settings, laid over those of the preset that they name; without one over those of the preset for the
    daemon's machine. An environment or a policy of one's own is refused: nobody but `hadesd start` runs its code.
    """

    spec: dict[str, Any]


class Snapshot(Request, frozen=True, tag="snapshot"):
    """Ask for the whole state, with the number of the last event that it contains. Result: SnapshotResult."""


class RunRequest(Request, frozen=True, kw_only=True):
    """Fields of a request about one run.

    run: its id or name, a unique prefix of the id or of the id's last part, or @ (newest).
    """

    run: str


class Show(RunRequest, frozen=True, tag="show"):
    """Ask for one run with its settings and checkpoints. Result: ShowResult."""


class Mutation(RunRequest, frozen=True, kw_only=True):
    """Fields of a request that changes a run.

    expected_state: refused with `wrong_state` where it is given and the run is in another state by now.
    """

    expected_state: RunState | None = None


class Pause(Mutation, frozen=True, tag="pause"):
    """Have the worker finish its generation, commit and exit. Result: RunSummary, usually still pausing."""


class Resume(Mutation, frozen=True, tag="resume"):
    """Queue a paused, failed or cancelled run again. Result: RunSummary."""


class Cancel(Mutation, frozen=True, tag="cancel"):
    """End a run: its worker commits and exits. Result: RunSummary, perhaps still cancelling."""


class Priority(Mutation, frozen=True, tag="priority"):
    """Change a run's place in the queue. Result: RunSummary."""

    priority: PriorityValue


class Fork(Mutation, frozen=True, tag="fork"):
    """Queue a new run that goes on from a checkpoint of another one. Result: ChangeResult.

    generation: of a kept checkpoint; null for the newest. changes: nested settings laid over those of the parent;
    refused with `usage` where the checkpoint cannot go on with one. group, name, tags: of the new run, which has
    none of its parent's. dry_run: say what would change and do nothing.
    """

    generation: int | None = None
    changes: dict[str, Any] = {}
    group: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False


class Resize(Mutation, frozen=True, tag="resize"):
    """Change a run's size at the next generation boundary. Result: ChangeResult.

    changes: nested settings, of hades_protocol.run_spec.RESIZABLE alone. dry_run: say what would change, do nothing.
    """

    changes: dict[str, Any]
    dry_run: bool = False


class Remove(Mutation, frozen=True, tag="remove"):
    """Forget a run that has no worker. Result: Removed.

    Its directory is renamed to a hidden one, in which nothing is deleted: that is the client's to do.
    """


class Adopt(Request, frozen=True, tag="adopt"):
    """Add a run whose directory was put among the run directories. Result: RunSummary. `run`: its whole id."""

    run: str


class Retain(Mutation, frozen=True, tag="retain"):
    """Change which checkpoints a run without a worker keeps. Result: RunSummary.

    keep_newest: so many of the newest; keep_every: those of every so many generations (0: none); keep_best: the one
    with the best fitness. Null leaves a value as it is. The rule holds for later workers; nothing is deleted: that is
    the client's to do, under the run's lock.
    """

    keep_newest: int | None = None
    keep_every: int | None = None
    keep_best: bool | None = None


class Delete(Mutation, frozen=True, tag="delete"):
    """Remove a run that has no worker, and delete its files, as `hadesd rm` does. Result: Job."""


class Archive(Mutation, frozen=True, tag="archive"):
    """Pack a run that has no worker into a file, read that back, then remove the run. Result: Job, with the file.

    The file is in the directory `archives` beside the run directories.
    """


class Prune(Retain, frozen=True, tag="prune"):
    """Change which checkpoints a run without a worker keeps, and delete the others. Result: Job.

    Where no value is given the rule that the run has is applied.
    """


class History(RunRequest, frozen=True, tag="history"):
    """Metrics of a run after generation `after`, at most `points` of them. Result: HistoryResult.

    upto: the last generation that is wanted; null for the newest. Where upto - after <= points, nothing is left out:
    so a client pages through all of it.
    """

    after: int = 0
    points: int = 2000
    upto: int | None = None


class Dataset(RunRequest, frozen=True, tag="dataset"):
    """A committed mean dataset. Result: DatasetSnapshot; error not_found where there is none.

    generation: of a kept checkpoint (CheckpointList.with_pairs); null for the newest.
    """

    generation: int | None = None


class Logs(Request, frozen=True, kw_only=True, tag="logs"):
    """The newest lines of a log, oldest first. Result: LogResult.

    run: id, name, unique prefix or @ for the log of a run's worker; empty for the daemon's own. lines: at most so many.
    level: the lowest that is wanted. search: only lines that contain this text, whatever its case; empty for all.
    """

    run: str = ""
    lines: Annotated[int, Meta(ge=1, le=2000)] = 200
    level: LogLevel = "info"
    search: Annotated[str, Meta(max_length=200)] = ""


class Note(Mutation, frozen=True, kw_only=True, tag="note"):
    """Write a note on a run, in place of the one before; empty to remove it. Result: RunSummary.

    text: one line (hades_protocol.names.check_note).
    """

    text: Annotated[str, Meta(max_length=2000)]


class Rename(Mutation, frozen=True, kw_only=True, tag="rename"):
    """Give a run another name; empty to take it away. Result: RunSummary.

    name: hades_protocol.names.check_name; other runs may have it too.
    """

    name: str


class Tag(Mutation, frozen=True, kw_only=True, tag="tag"):
    """Put tags on a run and take others away. Result: RunSummary.

    add, remove: hades_protocol.names.check_tags; a tag that is there, or is not, is no error.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Export(RunRequest, frozen=True, kw_only=True, tag="export"):
    """Write the newest committed mean dataset to a file on the daemon's machine, in the run's directory `exports`.

    Result: Job; its end comes as an event. best: the best evaluated dataset instead.
    """

    format: ExportFormat = "npz"
    best: bool = False


class Evaluate(RunRequest, frozen=True, kw_only=True, tag="evaluate"):
    """Train fresh policies on the newest committed mean dataset and measure their return, beside the run.

    Result: Job; its end comes as an event.
    """


class Stop(Request, frozen=True, tag="stop"):
    """Stop the daemon; its workers commit and exit first. Result: DaemonInfo, sent before it exits."""


AnyRequest = (
    Hello
    | Start
    | Plan
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
    | Delete
    | Archive
    | Prune
    | History
    | Dataset
    | Logs
    | Note
    | Rename
    | Tag
    | Export
    | Evaluate
    | Stop
)


RESULTS: dict[type[Request], Any] = {
    Hello: DaemonInfo,
    Start: RunSummary,
    Plan: PlanResult,
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
    Delete: Job,
    Archive: Job,
    Prune: Job,
    History: HistoryResult,
    Dataset: DatasetSnapshot,
    Logs: LogResult,
    Note: RunSummary,
    Rename: RunSummary,
    Tag: RunSummary,
    Export: Job,
    Evaluate: Job,
    Stop: DaemonInfo,
}
"""The type of `result` for each verb."""


def result_of(reply: Reply, kind: type[Request]) -> Any:
    """The result in the reply to a request of that kind, of the type that RESULTS has for it.

    Raises:
        ProtocolMismatchError: the daemon speaks another protocol, or its result is of another type.
        HadesError: the daemon refused; the class follows from the error's code.
    """
    if not version.is_compatible(reply.protocol_major):
        raise ProtocolMismatchError(version.mismatch(reply.protocol_major))
    if reply.error is not None:
        raise BY_CODE.get(reply.error.code, HadesError)(reply.error.message)
    try:
        return codec.convert(reply.result, RESULTS[kind])
    except ProtocolMismatchError as error:
        raise ProtocolMismatchError(f"the daemon's reply is not understood: {error}") from None
