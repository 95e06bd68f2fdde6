"""What a FakeDaemon (protocol_server) answers to requests that a real daemon answers from a run's files."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hades_protocol import commands
from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.events import AnyEvent
from hades_protocol.messages import CheckpointList, Job, Lineage, LogLevel, LogLine, RunSummary
from hades_protocol.replies import ChangeResult, LogResult, PlanResult, SettingChange, ShowResult
from hades_protocol.run_spec import build_spec, spec_to_dict
from hades_protocol.run_state import RunState
from hades_protocol.settings import merge, set_dotted

if TYPE_CHECKING:
    from tests.helpers.protocol.protocol_server import FakeDaemon

LEVELS = ("debug", "info", "warning", "error", "critical")

STATES_AFTER: dict[type[commands.Mutation], RunState] = {
    commands.Pause: RunState.PAUSING,
    commands.Resume: RunState.QUEUED,
    commands.Cancel: RunState.CANCELLING,
}


def some_checkpoints(**fields: Any) -> CheckpointList:
    """Checkpoints with believable values."""
    values: dict[str, Any] = {
        "generations": (20, 28, 29, 30),
        "with_pairs": (20, 28, 29, 30),
        "bytes": 4 * 187_000,
        "bytes_newest": 187_000,
        "committed_at": 1_700_000_000.0,
        "keep_newest": 3,
        "keep_every": 20,
        "keep_best": True,
    }
    return CheckpointList(**(values | fields))


def a_log_line(text: str = "ready  generation=12", level: LogLevel = "info", time: float = 1_700_000_000.0) -> LogLine:
    """A line of a log."""
    return LogLine(time=time, level=level, text=text)


def answer(daemon: "FakeDaemon", request: Any, run: RunSummary | None, publish: Callable[[AnyEvent], None]) -> Any:
    """The result of a request about a run (None: it is about none).

    Raises:
        HadesError: refused, as a daemon does it.
    """
    if (refusal := daemon.refusals.get(type(request))) is not None:
        raise refusal
    match request:
        case commands.Snapshot():
            return daemon.snapshot()
        case commands.Logs():
            return _log(daemon, request, run)
        case commands.Plan(spec=spec):
            return PlanResult(spec=spec_to_dict(build_spec(merge(daemon.preset, spec))), notes=daemon.notes)
        case commands.Start(spec=spec, group=group, priority=priority):
            begun = RunSummary(
                id=f"new-{len(daemon.runs)}",
                state=RunState.QUEUED,
                env=spec["env"],
                method=spec["method"],
                group=group,
                priority=priority,
                created_at=9e9,
            )
            publish(daemon.change(begun))
            return begun
    if run is None:
        raise NotFoundError(f"not served here: {request}")
    match request:
        case commands.History(points=points, after=after, upto=upto):
            return daemon.history(run.id, points, after, upto)
        case commands.Dataset(generation=generation):
            return _dataset(daemon, run.id, generation)
        case commands.Show():
            return ShowResult(
                run=run,
                spec=daemon.specs.get(run.id, {}),
                history=daemon.histories.get(run.id, ()),
                checkpoints=daemon.checkpoints.get(run.id, CheckpointList()),
            )
        case commands.Export() | commands.Evaluate() | commands.Delete() | commands.Archive() | commands.Prune():
            return _job(daemon, request, run.id, publish)
        case commands.Mutation():
            return _mutate(daemon, request, run, publish)
    raise NotFoundError(f"not served here: {request}")


def _log(daemon: "FakeDaemon", request: commands.Logs, run: RunSummary | None) -> LogResult:
    least = LEVELS.index(request.level)
    found = [
        line
        for line in daemon.logs.get(run.id if run else "", ())
        if LEVELS.index(line.level) >= least and request.search.lower() in line.text.lower()
    ]
    return LogResult(lines=tuple(found[-request.lines :]))


def _dataset(daemon: "FakeDaemon", run: str, generation: int | None) -> Any:
    if generation is not None:
        kept = daemon.kept.get(run, {})
        if generation not in kept:
            listed = ", ".join(map(str, kept)) or "none"
            raise NotFoundError(f"run {run} keeps no pairs of generation {generation}; it has {listed}")
        return kept[generation]
    if run not in daemon.datasets:
        raise NotFoundError(f"{run} has no dataset yet")
    return daemon.datasets[run]


def _job(daemon: "FakeDaemon", request: commands.RunRequest, run: str, publish: Callable[[AnyEvent], None]) -> Job:
    verb = type(request).__name__.lower()
    if any(job.run == run and job.state == "running" for job in daemon.jobs.values()):
        raise WrongStateError(f"a job of run {run} is at work already: wait for its end")
    begun = daemon.begin_job(run, verb)
    publish(begun)
    if verb in daemon.job_ends:
        publish(daemon.end_job(begun.job.id, **daemon.job_ends[verb]))
    return begun.job


def _mutate(
    daemon: "FakeDaemon", request: commands.Mutation, run: RunSummary, publish: Callable[[AnyEvent], None]
) -> RunSummary | ChangeResult:
    if request.expected_state is not None and run.state != request.expected_state:
        raise WrongStateError(f"{run.id} is {run.state} by now, not {request.expected_state}")
    match request:
        case commands.Note(text=text):
            changed = replace(run, note=text)
        case commands.Rename(name=name):
            changed = replace(run, name=name)
        case commands.Tag(add=add, remove=remove):
            changed = replace(run, tags=tuple(sorted({*run.tags, *add} - {*remove})))
        case commands.Priority(priority=priority):
            changed = replace(run, priority=priority)
        case commands.Fork() | commands.Resize():
            return _change(daemon, request, run, publish)
        case _:
            changed = replace(run, state=STATES_AFTER[type(request)])
    publish(daemon.change(changed))
    return changed


def _change(
    daemon: "FakeDaemon",
    request: commands.Fork | commands.Resize,
    run: RunSummary,
    publish: Callable[[AnyEvent], None],
) -> ChangeResult:
    spec = daemon.specs.setdefault(run.id, {})
    changes = tuple(
        SettingChange(name=f"{section}.{name}", before=spec.get(section, {}).get(name), after=value)
        for section, values in request.changes.items()
        for name, value in (values.items() if isinstance(values, dict) else ())
    )
    is_fork = isinstance(request, commands.Fork)
    if not changes and not is_fork:
        raise UsageError("that is its size already: nothing to change")
    generation = (request.generation if isinstance(request, commands.Fork) else None) or run.generation
    result = ChangeResult(run=None, generation=generation, changes=changes, notes=daemon.notes)
    if request.dry_run:
        return result
    if isinstance(request, commands.Fork):
        changed = replace(
            run,
            id=f"{run.id}-fork{len(daemon.runs)}",
            state=RunState.QUEUED,
            generation=generation,
            parent=Lineage(run=run.id, generation=generation),
            group=request.group,
            name=request.name,
            tags=request.tags,
        )
    else:
        changed = replace(run, **_sizes(request, run))
    for change in changes:
        set_dotted(daemon.specs.setdefault(changed.id, {}), change.name, change.after)
    publish(daemon.change(changed))
    return replace(result, run=changed)


def _sizes(request: commands.Resize, run: RunSummary) -> dict[str, int]:
    return {
        "pairs": request.changes.get("dataset", {}).get("pairs", run.pairs),
        "population": request.changes.get("evolution", {}).get("population", run.population),
    }
