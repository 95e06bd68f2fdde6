"""Every run of the daemon, as its clients ask for them.

Everything here is called from one thread and nothing waits: sockets, signals and timers are the loop's.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from msgspec.structs import replace

from hades_protocol import codec
from hades_protocol.commands import Fork, Logs, Resize, Retain, Start, Tag
from hades_protocol.errors import ProtocolMismatchError, WrongStateError
from hades_protocol.events import Goodbye, RunRemoved
from hades_protocol.messages import DaemonInfo, DatasetSnapshot, GpuInfo, RunSummary
from hades_protocol.names import check_name, check_note, check_tags
from hades_protocol.paths import Paths
from hades_protocol.replies import ChangeResult, HistoryResult, LogResult, PlanResult, Removed, ShowResult
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.run_state import RunState
from hadesd.config import Settings
from hadesd.logs.reader import read_log
from hadesd.spec import changes, cost, differences, validation
from hadesd.storage import records, removal
from hadesd.storage.checkpoints import choose_generation
from hadesd.storage.datasets import read_dataset
from hadesd.storage.fork import create_fork
from hadesd.storage.layout import RunPaths
from hadesd.storage.references import read_references
from hadesd.storage.removal import with_retention
from hadesd.supervisor.admission import Admission
from hadesd.supervisor.dispatcher import Dispatcher, is_job
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.executors import Executors
from hadesd.supervisor.gpu_monitor import GpuMonitor
from hadesd.supervisor.jobs.jobs import Jobs
from hadesd.supervisor.jobs.process import StartJob
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.lifecycle.state import CrashPolicy, Run
from hadesd.supervisor.monitor import RunMonitor
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import ManagedRun, summarise
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from hadesd.supervisor.slurm.executor import may_have_job
from hadesd.supervisor.worker_process import memory_of

log = structlog.get_logger()


class Supervisor:
    """The runs of one daemon.

    call_later: seconds and a function to be called then, from the same thread.
    gpu_pool: the GPUs that runs may use.
    """

    def __init__(
        self,
        *,
        info: DaemonInfo,
        paths: Paths,
        settings: Settings,
        publisher: Publisher,
        executors: Executors,
        start_job: StartJob,
        call_later: Callable[[float, Callable[[], None]], object],
        gpu_pool: GpuPool,
        environ: dict[str, str],
        crash_policy: CrashPolicy | None = None,
    ) -> None:
        self.info = info
        self._paths = paths
        self._publisher = publisher
        self._dispatcher = Dispatcher(
            info.slots, gpu_pool, executors.slurm.settings.jobs if executors.slurm is not None else None
        )
        self._engine = Engine(
            paths=paths,
            publisher=publisher,
            dispatcher=self._dispatcher,
            executors=executors,
            call_later=call_later,
            environ=environ,
            crash_policy=crash_policy or CrashPolicy(),
        )
        self._admission = Admission(settings, self._dispatcher, self._engine.runs, has_gpus=info.gpus > 0)
        self._monitor = RunMonitor(self._engine, settings)
        self._gpu_monitor = GpuMonitor(self._engine, gpu_pool, publisher)
        self.jobs = Jobs(publisher, start_job, paths, environ)
        self._left_out: set[str] = set()  # runs whose summary cannot be encoded, as was said

    def listen(self, listener: Callable[[ManagedRun, Run, Run], None]) -> None:
        """Have every change of a run's state told to a function that does not wait: the run before and after it."""
        self._engine.listeners.append(listener)

    # What clients ask ----------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        return self._publisher.seq

    def summaries(self) -> tuple[RunSummary, ...]:
        """Every run, oldest first. One whose summary cannot be sent is left out, so that the others are seen."""
        return tuple(summary for managed_run in self._engine.runs.values() if (summary := self._sendable(managed_run)))

    def _sendable(self, managed_run: ManagedRun) -> RunSummary | None:
        summary = summarise(managed_run)
        try:
            codec.encode(summary)
        except ProtocolMismatchError as error:
            if managed_run.run.id not in self._left_out:
                log.error("run left out of the list", run=managed_run.run.id, why=str(error))
            self._left_out.add(managed_run.run.id)
            return None
        self._left_out.discard(managed_run.run.id)
        return summary

    def gpus(self) -> tuple[GpuInfo, ...]:
        """The GPUs that runs may use, and who uses them."""
        return self._gpu_monitor.gpu_infos()

    def show(self, name: str) -> ShowResult:
        """One run with its settings and history."""
        managed_run = self.find(name)
        history = records.read_history(managed_run.record, managed_run.directory)
        return ShowResult(
            run=summarise(managed_run),
            spec=managed_run.record.spec,
            history=history,
            checkpoints=managed_run.checkpoint_index.describe(managed_run.spec.checkpoints, history),
        )

    def history(self, name: str, after: int, points: int, upto: int | None = None) -> HistoryResult:
        """Metrics of a run, and the levels to compare them with."""
        managed_run = self.find(name)
        total, found = managed_run.history.select(after, points, upto)
        return HistoryResult(
            run=managed_run.run.id,
            seq=self.seq,
            generations_total=total,
            metrics=tuple(metrics for metrics, _, _ in found),
            env_steps=tuple(steps for _, steps, _ in found),
            committed_at=tuple(committed_at for _, _, committed_at in found),
            references=read_references(managed_run.directory),
            marks=records.marks(managed_run.record, managed_run.directory),
        )

    def dataset(self, name: str, generation: int | None = None) -> DatasetSnapshot:
        """The newest committed mean dataset of a run, or that of a kept generation."""
        managed_run = self.find(name)
        if generation is not None:
            return managed_run.checkpoint_index.dataset(managed_run.run.id, generation)
        return managed_run.dataset or read_dataset(managed_run.directory, managed_run.run.id)

    def logs(self, request: Logs) -> LogResult:
        """The newest lines of a worker's log, or of the daemon's own."""
        path = RunPaths(self.find(request.run).directory).worker_log if request.run else self._paths.daemon_log
        return LogResult(lines=read_log(path, request.lines, request.level, request.search))

    def submit(self, request: Start) -> RunSummary:
        """Make a new run and queue it."""
        self.refuse_when_stopping()
        labels = self._admission.labels(request)
        spec = build_spec(request.spec)
        validation.check(spec)
        self._admission.check(spec)
        record = records.create(self._paths.runs, spec, time.time(), labels, request.priority)
        log.info("run submitted", run=record.id, env=spec.env, method=spec.method, group=labels.group or None)
        return self._queue(record, spec)

    def plan(self, values: dict[str, Any]) -> PlanResult:
        """The settings that a new run would have: those that are given, over a preset's."""
        spec, notes = self._admission.resolve(values)
        return PlanResult(spec=spec_to_dict(spec), notes=tuple(notes))

    def _queue(self, record: records.RunRecord, spec: RunSpec) -> RunSummary:
        managed_run = self._engine.add(record, spec)
        self._engine.schedule()
        self._engine.publish(managed_run)
        return summarise(managed_run)

    def ask(self, name: str, event: events.Event, expected: RunState | None) -> RunSummary:
        """Carry out a person's request about a run."""
        managed_run = self.find_for_change(name, expected)
        self._engine.apply(managed_run, event, asked=True)
        return summarise(managed_run)

    def fork(self, request: Fork) -> ChangeResult:
        """Make a new run that goes on from a checkpoint of another one, and queue it."""
        parent = self.find_for_change(request.run, request.expected_state)
        generation = choose_generation(parent.directory, request.generation)
        spec, changed, notes = changes.forked(parent.spec, request.changes, generation)
        self._admission.check(spec, parent.spec)
        labels = self._admission.labels(request)
        if request.dry_run:
            return ChangeResult(run=None, generation=generation, changes=changed, notes=notes)
        record = create_fork(self._paths.runs, parent.directory, generation, spec, changed, labels)
        log.info("run forked", run=record.id, parent=parent.run.id, generation=generation)
        return ChangeResult(run=self._queue(record, spec), generation=generation, changes=changed, notes=notes)

    def resize(self, request: Resize) -> ChangeResult:
        """Give a run other sizes from its next generation on."""
        managed_run = self.find_for_change(request.run, request.expected_state)
        spec, changed, notes = changes.resized(managed_run.spec, request.changes)
        self._dispatcher.check(spec)
        result = ChangeResult(run=None, generation=managed_run.run.generation, changes=changed, notes=notes)
        if request.dry_run:
            return replace(result, notes=(*notes, *self._expected(managed_run, spec)))
        # A run on a CPU goes on in its slot; GPUs are given out by the queue.
        moves = any(change.name == "resources.gpus" for change in changed)
        event = events.ResizeAsked(differences.describe(changed), requeue=moves)
        record = replace(managed_run.record, spec=spec_to_dict(spec))
        self._engine.apply(managed_run, event, asked=True, changed=(record, spec))
        return replace(result, run=summarise(managed_run))

    def _expected(self, managed_run: ManagedRun, after: RunSpec) -> tuple[str, ...]:
        seconds = managed_run.history.seconds_per_generation if managed_run.history.is_steady else None
        pid = managed_run.worker.pid if managed_run.worker is not None else None
        return cost.expected(managed_run.spec, after, seconds, memory_of(managed_run.run.id, pid, self.gpus()))

    def set_priority(self, name: str, priority: int, expected: RunState | None) -> RunSummary:
        """Change a run's place in the queue."""
        summary = self.ask(name, events.PriorityAsked(priority), expected)
        self._engine.schedule()
        return summary

    def retain(self, request: Retain) -> RunSummary:
        """Note which checkpoints a run's later workers shall keep."""
        managed_run = self.find_for_change(request.run, request.expected_state)
        record, spec, text = with_retention(
            managed_run.record,
            keep_newest=request.keep_newest,
            keep_every=request.keep_every,
            keep_best=request.keep_best,
        )
        self._engine.apply(managed_run, events.RetentionAsked(text), asked=True, changed=(record, spec))
        return summarise(managed_run)

    def set_note(self, name: str, text: str, expected: RunState | None) -> RunSummary:
        """Write a note on a run, in place of the one before."""
        managed_run = self.find_for_change(name, expected)
        self._engine.rewrite(managed_run, replace(managed_run.record, note=check_note(text)))
        return summarise(managed_run)

    def rename(self, run: str, name: str, expected: RunState | None) -> RunSummary:
        """Give a run another name, or none."""
        managed_run = self.find_for_change(run, expected)
        self._admission.check_name(name)
        self._engine.rewrite(managed_run, replace(managed_run.record, name=check_name(name) if name else ""))
        return summarise(managed_run)

    def tag(self, request: Tag) -> RunSummary:
        """Put tags on a run, and take others away."""
        managed_run = self.find_for_change(request.run, request.expected_state)
        tags = {*managed_run.record.tags, *check_tags(request.add)} - {*request.remove}
        self._engine.rewrite(managed_run, replace(managed_run.record, tags=check_tags(tags)))
        return summarise(managed_run)

    def remove(self, name: str, expected: RunState | None) -> Removed:
        """Forget a run without a worker; its directory is renamed and nothing in it is deleted."""
        managed_run = self.find_for_change(name, expected)
        removal.check_removable(managed_run.run.id, managed_run.run.state, managed_run.is_locked())
        summary, hidden = summarise(managed_run), removal.put_aside(managed_run.directory)
        del self._engine.runs[managed_run.run.id]
        self.jobs.drop(managed_run.run.id)
        log.info("run removed", run=managed_run.run.id, directory=str(hidden))
        self._publisher.publish(RunRemoved, run_id=managed_run.run.id)
        return Removed(run=summary, directory=str(hidden))

    def adopt(self, run: str) -> RunSummary:
        """Take in a run whose directory was put where the runs are."""
        self.refuse_when_stopping()
        if run in self._engine.runs:
            raise WrongStateError(f"run {run} is known already: nothing done")
        record, spec = removal.load_new(self._paths.runs, run)
        log.info("run adopted", run=record.id)
        return self._queue(record, spec)

    def find(self, name: str) -> ManagedRun:
        """The run that a person means."""
        return self._engine.runs[records.find(name, (m.record for m in self._engine.runs.values()))]

    def find_for_change(self, name: str, expected: RunState | None = None) -> ManagedRun:
        """The run that a person means, where it still is in the state in which they saw it."""
        self.refuse_when_stopping()
        managed_run = self.find(name)
        if expected not in (None, managed_run.run.state):
            raise WrongStateError(
                f"run {managed_run.run.id} is {managed_run.run.state} by now, not {expected}: nothing done"
            )
        return managed_run

    def refuse_when_stopping(self) -> None:
        """Raises WrongStateError while the daemon goes down."""
        if self._engine.stopping:
            raise WrongStateError("the daemon is stopping: ask again when the next one runs")

    # The life of the daemon ----------------------------------------------------------------------------------

    def load(self) -> None:
        """Take in the runs on disk; those that were to run are queued again."""
        found, problems = records.scan(self._paths.runs)
        for problem in problems:
            log.warning("run directory skipped", why=problem)
        for record, spec in found:
            managed_run = self._engine.add(record, spec)
            if managed_run.run.state != RunState.QUEUED:
                self._engine.dismiss(managed_run)
            elif is_job(managed_run):
                managed_run.has_job = may_have_job(managed_run.directory)
        log.info("runs on disk", usable=len(found), skipped=len(problems))
        self._engine.schedule()

    def tick(self) -> None:
        """Once a second: heartbeat out, heartbeats in, and what the disk refused before."""
        self._publisher.tick()
        self._monitor.tick()
        self._gpu_monitor.tick()
        self.jobs.tick()

    def stop(self) -> None:
        """No new runs or workers; those that there are commit and exit. Slurm jobs go on without us."""
        self._engine.stopping = True
        self.jobs.stop()
        self._publisher.publish(Goodbye)
        for managed_run in self._engine.runs.values():
            if not is_job(managed_run):
                self._engine.apply(managed_run, events.DaemonStops())

    @property
    def working(self) -> list[str]:
        """Runs that have a worker process on this machine."""
        return [m.run.id for m in self._engine.runs.values() if m.worker is not None and not is_job(m)]

    @property
    def stuck(self) -> list[str]:
        """Runs whose worker survives SIGKILL."""
        return self._monitor.stuck

    def expire_grace(self) -> None:
        """SIGKILL the workers that are left after `stop`."""
        for managed_run in self._engine.runs.values():
            if managed_run.worker is not None and not is_job(managed_run):
                self._engine.apply(managed_run, events.GraceExpired())
