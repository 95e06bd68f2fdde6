"""What workers say, turned into events of the state machine, metrics and publications."""

import time
from collections.abc import Callable

import structlog

from hades_protocol.errors import HadesError, ProtocolMismatchError
from hades_protocol.events import GenerationCommitted, HistoryCut, RunLog
from hades_protocol.messages import GenerationMetrics, GenerationTiming, LogLevel
from hadesd import worker_protocol
from hadesd.storage.atomic import tail_lines
from hadesd.storage.datasets import read_dataset
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.diagnosis import symptom_of
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.lifecycle.state import InvalidTransition
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import ManagedRun, summarise
from hadesd.supervisor.worker_process import resident_bytes

TAIL_LINES = 20

log = structlog.get_logger()


class WorkerMessageHandler:
    """Takes in messages and exits of workers.

    apply: hands an event to the state machine and performs what it answers.
    show: tells the clients what a run looks like now.
    """

    def __init__(
        self,
        publisher: Publisher,
        apply: Callable[[ManagedRun, events.Event], None],
        show: Callable[[ManagedRun], None],
    ) -> None:
        self._publisher = publisher
        self._apply = apply
        self._show = show

    def on_message(self, managed_run: ManagedRun, body: bytes) -> None:
        """One frame of a worker. An invalid one costs the worker its life, not the daemon's."""
        try:
            self._take_in(managed_run, worker_protocol.from_worker(body))
        except (ProtocolMismatchError, InvalidTransition) as error:
            log.error("invalid message from worker", run=managed_run.run.id, why=str(error))
            self._apply(
                managed_run,
                events.WorkerFault(f"invalid message from worker ({str(error).partition(chr(10))[0]})"),
            )

    def on_exit(self, managed_run: ManagedRun, code: int, preempted: bool = False, why: str = "") -> None:
        """The worker has ended; see events.Exited."""
        log.info("worker exited", run=managed_run.run.id, pid=managed_run.run.worker_pid, code=code, why=why or None)
        managed_run.worker = None
        self._show_newest_dataset(managed_run)
        path = RunPaths(managed_run.directory).worker_log
        try:
            tail = tuple(tail_lines(path, TAIL_LINES))
        except OSError as error:
            tail = (f"({path.name} cannot be read: {error.strerror or error})",)
        self._apply(managed_run, events.Exited(code, tail, preempted, why))

    def _show_newest_dataset(self, managed_run: ManagedRun) -> None:
        """What was committed last: a worker tells of one a second at most. From now on dataset.npz has it."""
        shown, managed_run.dataset = managed_run.dataset, None
        if shown is None:
            return
        try:
            newest = read_dataset(managed_run.directory, managed_run.run.id)
        except (HadesError, OSError) as error:
            log.warning("cannot read the newest dataset", run=managed_run.run.id, why=str(error))
            return
        if newest.generation > shown.generation:
            self._publisher.offer_dataset(managed_run.run.id, newest)

    def cut_history(self, managed_run: ManagedRun, generation: int) -> None:
        """A worker stands after `generation`: memory and clients follow what is on disk."""
        void, missed = managed_run.history.resync(generation)
        if void:
            self._publisher.publish(HistoryCut, run_id=managed_run.run.id, generation=generation)
        for metrics, timing in missed:  # committed by a worker that died before it could say so
            self._publish_generation(managed_run, metrics, timing)

    def _take_in(self, managed_run: ManagedRun, message: worker_protocol.FromWorker) -> None:
        managed_run.last_heartbeat_at = time.monotonic()
        match message:
            case worker_protocol.Heartbeat():
                if message.phase != managed_run.run.phase:
                    managed_run.last_progress_at = managed_run.last_heartbeat_at
                self._apply(managed_run, events.PhaseReported(message.phase))
            case worker_protocol.Committed():
                self._committed(managed_run, message)
            case worker_protocol.Resumed():
                self._apply(managed_run, events.Ready(message.generation, message.warnings))
            case worker_protocol.LogMessage():
                self._say(managed_run, message.level, message.text)
            case worker_protocol.ExitReport():
                if message.outcome == worker_protocol.WorkerOutcome.DISK_FULL:
                    managed_run.note_full_disk()
                self._apply(managed_run, events.WorkerExitReport(message.outcome, message.reason))

    def _committed(self, managed_run: ManagedRun, message: worker_protocol.Committed) -> None:
        # The machine first: it refuses a generation out of order.
        self._apply(managed_run, events.Committed(message.metrics.generation))
        managed_run.last_progress_at = managed_run.last_heartbeat_at
        if managed_run.history.add(message.metrics, message.timing):
            self._publish_generation(managed_run, message.metrics, message.timing)
        self._diagnose(managed_run, message.metrics)
        if message.dataset is not None:
            managed_run.dataset = message.dataset
            self._publisher.offer_dataset(managed_run.run.id, message.dataset)

    def _diagnose(self, managed_run: ManagedRun, metrics: GenerationMetrics) -> None:
        """Say once that something is wrong with it, or no longer is: it lasts for generations."""
        before, now = managed_run.symptom, symptom_of(metrics, managed_run.spec.evolution.sigma)
        if (now and now.what) == (before and before.what):
            return
        managed_run.symptom = now
        text = now.detail if now is not None else f"no longer so: {before}"
        self._say(managed_run, "warning", f"generation {metrics.generation}: {text}")
        self._show(managed_run)

    def _publish_generation(
        self, managed_run: ManagedRun, metrics: GenerationMetrics, timing: GenerationTiming
    ) -> None:
        summary = summarise(managed_run)
        pid = managed_run.worker.pid if managed_run.worker is not None else None
        self._publisher.publish(
            GenerationCommitted,
            run_id=managed_run.run.id,
            metrics=metrics,
            timing=timing,
            seconds_per_generation=summary.seconds_per_generation,
            seconds_left=summary.seconds_left,
            memory=None if pid is None else resident_bytes(pid),
        )

    def _say(self, managed_run: ManagedRun, level: LogLevel, text: str) -> None:
        log.warning("worker says", run=managed_run.run.id, level_of_worker=level, text=text)
        self._publisher.publish(RunLog, run_id=managed_run.run.id, level=level, text=text)
