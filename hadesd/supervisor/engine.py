"""Hands events to the state machine and performs its effects, for every run of the daemon.

Everything here is called from one thread and nothing waits: sockets, signals and timers are the loop's.
"""

import functools
import time
from collections.abc import Callable

import structlog

from hades_protocol.errors import InternalError, UsageError
from hades_protocol.events import RunChanged
from hades_protocol.messages import HistoryKind
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hades_protocol.run_state import RunState
from hadesd.storage import disk, records
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.child_process import OUT_OF_RESOURCES
from hadesd.supervisor.dispatcher import Dispatcher, is_job
from hadesd.supervisor.executors import Executors
from hadesd.supervisor.lifecycle import effects, events
from hadesd.supervisor.lifecycle.state import CrashPolicy, Run, recorded
from hadesd.supervisor.lifecycle.transitions import step
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import ManagedRun, summarise, without_progress
from hadesd.supervisor.slurm.worker import Callbacks
from hadesd.supervisor.worker_environment import usable_cores, worker_environment
from hadesd.supervisor.worker_reports import WorkerMessageHandler

log = structlog.get_logger()


class Engine:
    """The runs, and the only place where one changes.

    call_later: seconds and a function to be called then, from the same thread.
    """

    def __init__(
        self,
        *,
        paths: Paths,
        publisher: Publisher,
        dispatcher: Dispatcher,
        executors: Executors,
        call_later: Callable[[float, Callable[[], None]], object],
        environ: dict[str, str],
        crash_policy: CrashPolicy,
    ) -> None:
        self.paths = paths
        self.publisher = publisher
        self.runs: dict[str, ManagedRun] = {}
        self.stopping = False
        self._scheduling = False
        self._dispatcher = dispatcher
        self.executors = executors
        self._call_later = call_later
        self._environ = environ
        self._policy = crash_policy
        self.listeners: list[Callable[[ManagedRun, Run, Run], None]] = []
        """Called with the run before and after each step that changed its state; they must not wait."""
        self._reports = WorkerMessageHandler(publisher, self.apply, self.publish)

    def add(self, record: records.RunRecord, spec: RunSpec) -> ManagedRun:
        """Take in a run that is on disk."""
        now = time.time()
        managed_run = self.runs[record.id] = ManagedRun.from_disk(self.paths.runs / record.id, record, spec, now)
        if managed_run.run.outcome != record.outcome:  # the daemon before died between a request to cancel and its end
            managed_run.record = recorded(record, managed_run.run, [effects.Persist(HistoryKind.CANCELLED)], now)
            self.save(managed_run)
        return managed_run

    def apply(
        self,
        managed_run: ManagedRun,
        event: events.Event,
        asked: bool = False,
        changed: tuple[records.RunRecord, RunSpec] | None = None,
    ) -> None:
        """One step of the machine. Nothing is done before it is on disk.

        changed: the record and the settings from now on, for an event that comes with other ones.

        Raises:
            HadesError: the step was asked for and means nothing now, or the disk refused to note it.
        """
        before, now = managed_run.run, time.time()
        after, caused = step(before, event, now, self._policy)
        record, spec = changed or (managed_run.record, managed_run.spec)
        record = recorded(record, after, caused, now)
        if asked:
            self._save_or_raise(managed_run, record, spec)
        else:
            managed_run.record, managed_run.spec = record, spec
            if any(isinstance(effect, effects.Persist) for effect in caused):
                self.save(managed_run)
        managed_run.run = after
        if after.state != before.state:
            log.info("run changed", run=after.id, before=before.state, after=after.state, why=after.reason)
            for listener in self.listeners:
                listener(managed_run, before, after)
            if managed_run.worker is None and after.state in (RunState.PAUSED, RunState.CANCELLED):
                self.dismiss(managed_run)
        for effect in caused:
            self._perform(managed_run, effect)
        if after.state != before.state:
            self.schedule()

    def rewrite(self, managed_run: ManagedRun, record: records.RunRecord) -> None:
        """Take over a record in which nothing is another that the machine knows.

        Raises:
            InternalError: the disk refused it; the old one stands.
        """
        self._save_or_raise(managed_run, record, managed_run.spec)
        self.publish(managed_run)

    def _save_or_raise(self, managed_run: ManagedRun, record: records.RunRecord, spec: RunSpec) -> None:
        """Take over a record and its settings.

        Raises:
            InternalError: the disk refused the record; the old one stands.
        """
        stood, unsaved = (managed_run.record, managed_run.spec), managed_run.unsaved
        managed_run.record, managed_run.spec = record, spec
        if not self.save(managed_run):
            managed_run.record, managed_run.spec = stood
            why = disk.directory_problem(managed_run.directory) or managed_run.unsaved
            managed_run.unsaved = unsaved  # what the disk refused before is still to be written
            raise InternalError(f"cannot write {RunPaths(managed_run.directory).record} ({why}), so nothing was done")

    def save(self, managed_run: ManagedRun) -> bool:
        """Write run.json; where the disk refuses, it is tried again with every tick."""
        try:
            records.save(managed_run.directory, managed_run.record)
        except OSError as error:
            if not managed_run.unsaved:
                log.error("record not written", run=managed_run.run.id, why=str(error))
            managed_run.unsaved = error.strerror or str(error)
            return False
        managed_run.unsaved = ""
        return True

    def _perform(self, managed_run: ManagedRun, effect: effects.Effect) -> None:
        match effect:
            case effects.StartWorker():
                self._start(managed_run)
            case effects.HaltWorker(discard):
                if managed_run.worker is not None:
                    managed_run.worker.halt(discard)
            case effects.KillWorker(reason):
                log.warning("killing worker", run=managed_run.run.id, pid=managed_run.run.worker_pid, why=reason)
                if managed_run.worker is not None:
                    managed_run.worker.kill()
            case effects.RestartAt(at):
                # No longer than the back-off, should the clock have been set back in between.
                longest = max(*self._policy.backoff, self._policy.preempted_backoff)
                seconds = min(max(0.0, at - time.time()), longest)
                self._call_later(seconds, functools.partial(self._backoff_over, managed_run, at))
            case effects.CutHistory(generation):
                self._reports.cut_history(managed_run, generation)
            case effects.Publish():
                self.publish(managed_run)

    def _start(self, managed_run: ManagedRun) -> None:
        if why := disk.directory_problem(managed_run.directory):
            why += f"; put that right, then 'hadesd resume {managed_run.run.id}'"
            self.apply(managed_run, events.SpawnFailed(why, events.SpawnFailure.RUN_UNUSABLE))
            return
        if managed_run.spec.resources.executor == "slurm":
            self._submit(managed_run)
            return
        environment = worker_environment(
            managed_run.spec, managed_run.gpus, usable_cores(), self.paths.cache, self._environ
        )
        try:
            managed_run.worker = self.executors.local(
                managed_run.directory,
                environment,
                functools.partial(self._reports.on_message, managed_run),
                functools.partial(self._reports.on_exit, managed_run),
            )
        except OSError as error:
            self._not_started(managed_run, error)
            return
        managed_run.last_heartbeat_at = managed_run.last_progress_at = time.monotonic()
        names = [gpu.name for gpu in managed_run.gpus]
        log.info("worker started", run=managed_run.run.id, pid=managed_run.worker.pid, gpus=names)
        self.apply(managed_run, events.Spawned(managed_run.worker.pid))

    def _submit(self, managed_run: ManagedRun) -> None:
        """Have the run compute as a Slurm job."""
        assert self.executors.slurm is not None  # without it the dispatcher starts no such run
        callbacks = Callbacks(
            message=functools.partial(self._reports.on_message, managed_run),
            exited=functools.partial(self._reports.on_exit, managed_run),
            refused=functools.partial(self._refused, managed_run),
            failed=functools.partial(self._not_submitted, managed_run),
            changed=functools.partial(self.publish, managed_run),
        )
        managed_run.has_job = False
        resources = managed_run.spec.resources
        try:
            managed_run.worker = self.executors.slurm.start(managed_run.directory, resources, callbacks)
        except UsageError as error:  # its options cannot be read: an archive of somebody else's, say
            self._refused(managed_run, str(error))
            return
        managed_run.last_heartbeat_at = managed_run.last_progress_at = time.monotonic()
        self.apply(managed_run, events.Spawned(None))

    def dismiss(self, managed_run: ManagedRun) -> None:
        """Have the job of a run that is not to compute end, where an earlier daemon left one."""
        if is_job(managed_run) and self.executors.slurm is not None:
            managed_run.has_job = False
            self.executors.slurm.dismiss(managed_run.directory)

    def _refused(self, managed_run: ManagedRun, reason: str) -> None:
        managed_run.worker = None
        self.apply(managed_run, events.SpawnFailed(reason, events.SpawnFailure.RUN_UNUSABLE))

    def _not_submitted(self, managed_run: ManagedRun, error: OSError) -> None:
        managed_run.worker = None
        self._not_started(managed_run, error)

    def _not_started(self, managed_run: ManagedRun, error: OSError) -> None:
        if error.errno in OUT_OF_RESOURCES:
            why = error.strerror or str(error)
            self.apply(managed_run, events.SpawnFailed(why, events.SpawnFailure.OUT_OF_RESOURCES))
            return
        if not disk.is_full(error):
            self.apply(managed_run, events.SpawnFailed(str(error)))
            return
        managed_run.note_full_disk()
        why = disk.describe_full_disk(managed_run.directory)
        self.apply(managed_run, events.SpawnFailed(why, events.SpawnFailure.DISK_FULL))

    def _backoff_over(self, managed_run: ManagedRun, at: float) -> None:
        if managed_run.run.restart_at == at and not self.stopping:
            self.apply(managed_run, events.BackoffExpired())

    def schedule(self) -> None:
        """Give free slots and GPUs to queued runs, and say what the others wait for."""
        if self._scheduling:
            return  # it is a start that asks: the loop below looks again
        self._scheduling = True
        try:
            # One at a time: a start that fails leaves room for another plan.
            while (plan := self._dispatcher.plan(self.runs.values())).starts and not self.stopping:
                run, uuids = plan.starts[0]
                managed_run = self.runs[run]
                managed_run.gpus, managed_run.waits_for = self._dispatcher.gpus(uuids), ""
                self.apply(managed_run, events.SlotAssigned())
        finally:
            self._scheduling = False
        for managed_run in self.runs.values():
            text = plan.reasons.get(managed_run.run.id, "")
            if text != managed_run.waits_for:
                managed_run.waits_for = text
                self.publish(managed_run)

    def publish(self, managed_run: ManagedRun) -> None:
        """Tell the clients what a run looks like, where that has changed."""
        summary = summarise(managed_run)
        if managed_run.shown is None or without_progress(summary) != without_progress(managed_run.shown):
            managed_run.shown = summary
            self.publisher.publish(RunChanged, run=summary)
