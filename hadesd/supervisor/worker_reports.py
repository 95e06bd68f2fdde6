"""What workers say, turned into events of the state machine, metrics and publications."""

import time
from collections.abc import Callable

import structlog

from hades_protocol import codec
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.events import GenerationCommitted, HistoryCut, RunLog
from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd import worker_protocol as wm
from hadesd.storage.atomic import tail_lines
from hadesd.supervisor.diagnosis import symptom_of
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.lifecycle.state import InvalidTransition
from hadesd.supervisor.lifecycle.worker_transitions import NO_ROOM
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import ManagedRun, summarise
from hadesd.supervisor.worker_process import LOG_FILE

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

    def on_message(self, managed: ManagedRun, body: bytes) -> None:
        """One frame of a worker. A frame that makes no sense costs the worker its life, not the daemon's."""
        try:
            message: wm.FromWorker = codec.decode(body, wm.FromWorker)  # type: ignore[arg-type]
            self._take_in(managed, message)
        except (ProtocolMismatchError, InvalidTransition) as error:
            log.error("worker makes no sense", run=managed.run.id, why=str(error))
            self._apply(
                managed, events.WorkerFault(f"the worker said what makes no sense ({str(error).partition(chr(10))[0]})")
            )

    def on_exit(self, managed: ManagedRun, code: int) -> None:
        """The worker was reaped."""
        log.info("worker exited", run=managed.run.id, pid=managed.run.worker_pid, code=code)
        managed.worker = None
        managed.dataset = None  # dataset.npz has it
        try:
            tail = tuple(tail_lines(managed.directory / LOG_FILE, TAIL_LINES))
        except OSError as error:
            tail = (f"(worker.log cannot be read: {error.strerror or error})",)
        self._apply(managed, events.Exited(code, tail))

    def cut_history(self, managed: ManagedRun, generation: int) -> None:
        """A worker stands after `generation`: memory and clients follow what is on disk."""
        void, missed = managed.history.resync(generation)
        if void:
            self._publisher.publish(HistoryCut, run_id=managed.run.id, generation=generation)
        for metrics, timing in missed:  # committed by a worker that died before it could say so
            self._publish_generation(managed, metrics, timing)

    def _take_in(self, managed: ManagedRun, message: wm.FromWorker) -> None:
        managed.last_heartbeat_at = time.monotonic()
        match message:
            case wm.Heartbeat():
                if message.phase != managed.run.phase:
                    managed.last_progress_at = managed.last_heartbeat_at
                self._apply(managed, events.PhaseReported(message.phase))
            case wm.Committed():
                self._committed(managed, message)
            case wm.Resumed():
                self._apply(managed, events.Ready(message.generation, message.warnings))
            case wm.Note():
                self._say(managed, message.level, message.text)
            case wm.Ended():
                if message.outcome == NO_ROOM:
                    managed.note_full_disk()
                self._apply(managed, events.WorkerExitReport(message.outcome, message.reason))

    def _committed(self, managed: ManagedRun, message: wm.Committed) -> None:
        # The machine first: it refuses a generation out of order.
        self._apply(managed, events.Committed(message.metrics.generation))
        managed.last_progress_at = managed.last_heartbeat_at
        if managed.history.add(message.metrics, message.timing):
            self._publish_generation(managed, message.metrics, message.timing)
        self._watch_the_search(managed, message.metrics)
        if message.dataset is not None:
            managed.dataset = message.dataset
            self._publisher.offer_dataset(managed.run.id, message.dataset)

    def _watch_the_search(self, managed: ManagedRun, metrics: GenerationMetrics) -> None:
        """Say once that something is wrong with it, or no longer is: it lasts for generations."""
        before, now = managed.symptom, symptom_of(metrics, managed.spec.evolution.sigma)
        if (now and now.what) == (before and before.what):
            return
        managed.symptom = now
        text = now.detail if now is not None else f"no longer so: {before}"
        self._say(managed, "warning", f"generation {metrics.generation}: {text}")
        self._show(managed)

    def _publish_generation(self, managed: ManagedRun, metrics: GenerationMetrics, timing: GenerationTiming) -> None:
        summary = summarise(managed)
        self._publisher.publish(
            GenerationCommitted,
            run_id=managed.run.id,
            metrics=metrics,
            timing=timing,
            seconds_per_generation=summary.seconds_per_generation,
            seconds_left=summary.seconds_left,
        )

    def _say(self, managed: ManagedRun, level: str, text: str) -> None:
        log.warning("worker says", run=managed.run.id, level_of_worker=level, text=text)
        self._publisher.publish(RunLog, run_id=managed.run.id, level=level, text=text)
