"""Every run of the daemon: hands events to the state machine and performs its instructions.

Everything here is called from one thread and nothing waits: sockets, signals and timers are the loop's.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from hades_protocol import events
from hades_protocol.commands import HistoryResult, ShowResult
from hades_protocol.errors import InternalError, WrongStateError
from hades_protocol.groups import check_group
from hades_protocol.messages import DaemonInfo, DatasetSnapshot, RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.run_state import RunState
from hadesd import validation
from hadesd.settings import Settings
from hadesd.supervisor import machine_words as w
from hadesd.supervisor import runs, scheduler
from hadesd.supervisor.datasets import read_dataset
from hadesd.supervisor.environment import worker_environment
from hadesd.supervisor.gpus import Gpu, least_used
from hadesd.supervisor.history import History
from hadesd.supervisor.machine import restore, step
from hadesd.supervisor.machine_state import CrashPolicy, Run
from hadesd.supervisor.managed import Managed, StartWorker, summarise, without_progress
from hadesd.supervisor.processes import usable_cores
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.references import read_references
from hadesd.supervisor.reports import Reports

LATE_TICK = 5.0
"""Seconds of our own absence (a suspended machine, a stopped daemon) after which no worker is blamed for silence."""

log = structlog.get_logger()


class Supervisor:
    """The runs of one daemon.

    call_later: seconds and a function to be called then, from the same thread.
    list_gpus: the GPUs that runs may use, with the memory in use at this moment.
    """

    def __init__(
        self,
        *,
        info: DaemonInfo,
        paths: Paths,
        settings: Settings,
        publisher: Publisher,
        start_worker: StartWorker,
        call_later: Callable[[float, Callable[[], None]], object],
        list_gpus: Callable[[], list[Gpu]],
        environ: dict[str, str],
        crash_policy: CrashPolicy | None = None,
    ) -> None:
        self.info = info
        self.stopping = False
        self._paths = paths
        self._settings = settings
        self._publisher = publisher
        self._start_worker = start_worker
        self._call_later = call_later
        self._list_gpus = list_gpus
        self._environ = environ
        self._policy = crash_policy or CrashPolicy()
        self._reports = Reports(publisher, self._apply)
        self._runs: dict[str, Managed] = {}
        self._ticked_at = time.monotonic()

    # What clients ask ----------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        return self._publisher.seq

    def summaries(self) -> tuple[RunSummary, ...]:
        """Every run, oldest first."""
        return tuple(summarise(managed) for managed in self._runs.values())

    def show(self, name: str) -> ShowResult:
        """One run with its settings and history."""
        managed = self._find(name)
        return ShowResult(
            run=summarise(managed), spec=managed.record.spec, seams=runs.story(managed.record, managed.directory)
        )

    def history(self, name: str, after: int, points: int) -> HistoryResult:
        """Metrics of a run, and the levels to compare them with."""
        managed = self._find(name)
        total, metrics = managed.history.select(after, points)
        return HistoryResult(
            run=managed.run.id,
            seq=self.seq,
            generations_total=total,
            metrics=metrics,
            references=read_references(managed.directory),
        )

    def dataset(self, name: str) -> DatasetSnapshot:
        """The newest committed mean dataset of a run."""
        managed = self._find(name)
        return managed.dataset or read_dataset(managed.directory, managed.run.id)

    def submit(self, values: dict[str, Any], group: str = "") -> RunSummary:
        """Make a new run, in a group where one is given, and queue it."""
        self._refuse_when_stopping()
        if group:
            check_group(group)
        spec = build_spec(values)
        validation.check(spec)
        record = runs.create(self._paths.runs, spec, time.time(), group)
        managed = self._add(record, spec)
        log.info("run submitted", run=record.id, env=spec.env, method=spec.method, group=group or None)
        self._schedule()
        self._publish(managed)
        return summarise(managed)

    def ask(self, name: str, event: w.Event, expected: RunState | None) -> RunSummary:
        """Carry out a person's wish about a run."""
        self._refuse_when_stopping()
        managed = self._find(name)
        if expected not in (None, managed.run.state):
            raise WrongStateError(f"run {managed.run.id} is {managed.run.state} by now, not {expected}: nothing done")
        self._apply(managed, event, asked=True)
        return summarise(managed)

    def _find(self, name: str) -> Managed:
        return self._runs[runs.find(name, ((m.run.id, m.record.created_at) for m in self._runs.values()))]

    def _refuse_when_stopping(self) -> None:
        if self.stopping:
            raise WrongStateError("the daemon is stopping: ask again when the next one runs")

    # The life of the daemon ----------------------------------------------------------------------------------

    def load(self) -> None:
        """Take in the runs on disk; those that were to run are queued again."""
        found, problems = runs.scan(self._paths.runs)
        for problem in problems:
            log.warning("run directory skipped", why=problem)
        for record, spec in found:
            self._add(record, spec)
        log.info("runs on disk", usable=len(found), skipped=len(problems))
        self._schedule()

    def _add(self, record: runs.RunRecord, spec: RunSpec) -> Managed:
        directory = self._paths.runs / record.id
        history = History(directory)
        run = restore(runs.to_machine(record, spec, history.generation), time.time())
        managed = self._runs[record.id] = Managed(directory, record, spec, run, history)
        return managed

    def tick(self) -> None:
        """Once a second: heartbeat out, heartbeats in, and what the disk refused before."""
        self._publisher.tick()
        now = time.monotonic()
        absent, self._ticked_at = now - self._ticked_at, now
        for managed in self._runs.values():
            if managed.unsaved:
                self._save(managed)
            if managed.orphaned:
                self._look_for_orphan(managed)
            if managed.worker is None:
                continue
            if absent > LATE_TICK:
                managed.heard_at = now
            silent = now - managed.heard_at
            if silent > self._settings.silence:
                self._apply(managed, w.Faulty(f"the worker gave no sign of life for {silent:.0f} s"))

    def _look_for_orphan(self, managed: Managed) -> None:
        if managed.worker is not None:
            managed.orphaned = False  # our own waits for the lock, and will say where the run stands
        elif not managed.is_locked():
            managed.orphaned = False
            self._apply(managed, w.OrphanGone(History(managed.directory).generation))

    def stop(self) -> None:
        """No new runs or workers; those that there are commit and exit."""
        self.stopping = True
        self._publisher.publish(events.Goodbye)
        for managed in self._runs.values():
            self._apply(managed, w.DaemonStops())

    @property
    def working(self) -> list[str]:
        """Runs that have a worker process."""
        return [managed.run.id for managed in self._runs.values() if managed.worker is not None]

    def grace_over(self) -> None:
        """SIGKILL the workers that are left after `stop`."""
        for managed in self._runs.values():
            if managed.worker is not None:
                self._apply(managed, w.GraceOver())

    # Events and instructions ---------------------------------------------------------------------------------

    def _apply(self, managed: Managed, event: w.Event, asked: bool = False) -> None:
        """One step of the machine. Nothing is done before it is on disk.

        Raises:
            HadesError: the step was asked for and means nothing now, or the disk refused to note it.
        """
        before = managed.run
        after, instructions = step(before, event, time.time(), self._policy)
        for order in instructions:
            if isinstance(order, w.Persist):
                self._persist(managed, after, order, asked)
        managed.run = after
        if after.state != before.state:
            log.info("run changed", run=after.id, before=before.state, after=after.state, why=after.reason)
        for order in instructions:
            self._perform(managed, order)
        if after.state != before.state:
            self._schedule()

    def _persist(self, managed: Managed, after: Run, order: w.Persist, asked: bool) -> None:
        change = runs.Change(
            at=time.time(),
            what=order.what,
            generation=after.generation,
            reason=order.reason,
            log_tail=order.log_tail,
        )
        before = managed.record
        managed.record = runs.with_change(before, after, change)
        if not self._save(managed) and asked:
            managed.record, managed.unsaved = before, False
            raise InternalError(f"cannot write {managed.directory}/run.json, so nothing was done; daemon.log says why")

    def _save(self, managed: Managed) -> bool:
        try:
            runs.save(managed.directory, managed.record)
        except OSError as error:
            if not managed.unsaved:
                log.error("cannot write run.json", run=managed.run.id, why=str(error))
            managed.unsaved = True
            return False
        managed.unsaved = False
        return True

    def _perform(self, managed: Managed, order: w.Instruction) -> None:
        match order:
            case w.StartWorker():
                self._start(managed)
            case w.HaltWorker():
                if managed.worker is not None:
                    managed.worker.halt()
            case w.KillWorker(reason):
                log.warning("killing worker", run=managed.run.id, pid=managed.run.worker_pid, why=reason)
                if managed.worker is not None:
                    managed.worker.kill()
            case w.RestartAt(at):
                self._call_later(max(0.0, at - time.time()), functools.partial(self._backoff_over, managed, at))
            case w.CutHistory(generation):
                self._reports.cut_history(managed, generation)
            case w.Publish():
                self._publish(managed)

    def _start(self, managed: Managed) -> None:
        on_gpu = Counter(other.gpu.uuid for other in self._runs.values() if other.gpu is not None)
        managed.gpu = least_used(self._list_gpus(), on_gpu)
        environment = worker_environment(managed.spec, managed.gpu, usable_cores(), self._paths.cache, self._environ)
        try:
            managed.worker = self._start_worker(
                managed.directory,
                environment,
                functools.partial(self._reports.on_message, managed),
                functools.partial(self._reports.on_exit, managed),
            )
        except OSError as error:
            managed.gpu = None
            self._apply(managed, w.SpawnFailed(str(error)))
            return
        managed.heard_at = time.monotonic()
        log.info("worker started", run=managed.run.id, pid=managed.worker.pid, gpu=managed.gpu and managed.gpu.name)
        self._apply(managed, w.Spawned(managed.worker.pid))

    def _backoff_over(self, managed: Managed, at: float) -> None:
        if managed.run.restart_at == at and not self.stopping:
            self._apply(managed, w.BackoffOver())

    def _schedule(self) -> None:
        """Give free slots to queued runs, and say what the others wait for."""
        if not self.stopping:
            for run in scheduler.to_start([m.run for m in self._runs.values()], self.info.slots):
                if self._runs[run].run.state == RunState.QUEUED:  # a step before may have changed it
                    self._apply(self._runs[run], w.Granted())
        waits = scheduler.waiting_reasons([m.run for m in self._runs.values()], self.info.slots)
        for managed in self._runs.values():
            text = waits.get(managed.run.id, "")
            if text != managed.waits_for:
                managed.waits_for = text
                self._publish(managed)

    def _publish(self, managed: Managed) -> None:
        summary = summarise(managed)
        if managed.shown is None or without_progress(summary) != without_progress(managed.shown):
            managed.shown = summary
            self._publisher.publish(events.RunChanged, run=summary)
