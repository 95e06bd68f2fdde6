"""A daemon's mouth without a daemon: speaks the protocol over real ZeroMQ sockets, from a thread.

`FakeDaemon` holds the runs and numbers the events, as hadesd's publisher does; `ProtocolServer` puts it
behind a ROUTER and an XPUB. Tests use it in place of hadesd where they need to script what happens.
"""

import contextlib
import itertools
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import zmq

from hades_protocol import commands
from hades_protocol.codec import Array, decode, encode
from hades_protocol.commands import AnyRequest
from hades_protocol.downsample import downsample_metrics
from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.events import (
    TOPIC_EVENTS,
    WELCOME,
    AnyEvent,
    DatasetPublished,
    GenerationCommitted,
    Goodbye,
    GpusChanged,
    Heartbeat,
    HistoryCut,
    JobChanged,
    RunChanged,
    RunLog,
    dataset_topic,
)
from hades_protocol.messages import (
    CheckpointList,
    DaemonInfo,
    DatasetSnapshot,
    GenerationMetrics,
    GenerationTiming,
    GpuInfo,
    HistoryEntry,
    Job,
    LogLine,
    Mark,
    Reference,
    RunSummary,
)
from hades_protocol.replies import ErrorBody, HistoryResult, Reply, SnapshotResult
from hades_protocol.run_state import RunState
from hades_protocol.version import MAJOR
from tests.helpers.protocol.canned import answer


def a_run(run_id: str = "cartpole-1", state: RunState = RunState.RUNNING, **fields: Any) -> RunSummary:
    """A run's summary with believable values."""
    values: dict[str, Any] = {
        "env": "CartPole-v1",
        "method": "hades-r",
        "pairs": 2,
        "population": 128,
        "generations": 400,
        "created_at": 1_700_000_000.0,
    }
    return RunSummary(id=run_id, state=state, **(values | fields))


def a_generation(generation: int, mean: float | None = None, **fields: Any) -> GenerationMetrics:
    """A line of metrics with believable values."""
    mean = 10.0 * generation if mean is None else mean
    values: dict[str, Any] = {
        "fitness_mean": mean,
        "fitness_best": mean + 20.0,
        "fitness_worst": mean - 20.0,
        "fitness_std": 10.0,
        "best_so_far": mean + 20.0,
        "sigma": 0.3,
        "episodes": 256,
        "unfinished": 0,
        "nan": 0,
        "env_steps": 12_800,
    }
    return GenerationMetrics(generation=generation, **(values | fields))


def float_array(shape: tuple[int, ...], values: list[float]) -> Array:
    """An Array of float32 from plain numbers."""
    import array

    return Array("float32", shape, array.array("f", values).tobytes())


def a_dataset(generation: int = 1, pairs: int = 2) -> DatasetSnapshot:
    """CartPole pairs."""
    names = ("cart position", "cart velocity", "pole angle", "pole velocity")
    values = [0.1 * i - 0.3 + 0.01 * generation for i in range(pairs * 4)]
    labels = [1.0 if a == p % 2 else 0.0 for p in range(pairs) for a in range(2)]
    return DatasetSnapshot(
        generation=generation,
        states=float_array((pairs, 4), values),
        actions=float_array((pairs, 2), labels),
        discrete=True,
        normalisation="none",
        observation_names=names,
        action_names=("left", "right"),
    )


class FakeDaemon:
    """Runs, metrics and event numbers of one daemon session; every change returns the event that tells it.

    What it answers is in its attributes, each by run id where not said otherwise; set them as a test needs them.
    """

    def __init__(self, session: str = "session-1", runs: tuple[RunSummary, ...] = ()) -> None:
        self.session = session
        self.seq = 0
        self.runs = {run.id: run for run in runs}
        self.metrics: dict[str, list[GenerationMetrics]] = {run.id: [] for run in runs}
        self.datasets: dict[str, DatasetSnapshot] = {}
        self.kept: dict[str, dict[int, DatasetSnapshot]] = {}  # datasets of kept generations
        self.references: dict[str, tuple[Reference, ...]] = {}
        self.marks: dict[str, tuple[Mark, ...]] = {}
        self.specs: dict[str, dict[str, Any]] = {}
        self.histories: dict[str, tuple[HistoryEntry, ...]] = {}
        self.checkpoints: dict[str, CheckpointList] = {}
        self.logs: dict[str, list[LogLine]] = {}  # "": the daemon's own
        self.gpus: tuple[GpuInfo, ...] = ()
        self.jobs: dict[str, Job] = {}  # by its own id
        self.job_ends: dict[str, dict[str, str]] = {}  # verb -> text, state, path: a job of it ends at once
        self.notes: tuple[str, ...] = ()  # of the answers to fork and resize
        self.preset: dict[str, Any] = {"preset": "cpu"}  # what a plan lays the asked settings over
        self.refusals: dict[type[commands.Request], HadesError] = {}  # requests of that kind are refused

    def _stamp(self) -> dict[str, Any]:
        self.seq += 1
        return {"session": self.session, "seq": self.seq, "time": 1_700_000_000.0 + self.seq}

    def change(self, run: RunSummary) -> RunChanged:
        """The run is new or different."""
        self.runs[run.id] = run
        self.metrics.setdefault(run.id, [])
        return RunChanged(run=run, **self._stamp())

    def commit(self, run_id: str, mean: float | None = None, **fields: Any) -> GenerationCommitted:
        """The run's next generation is on disk."""
        metrics = a_generation(self.runs[run_id].generation + 1, mean, **fields)
        self.metrics[run_id].append(metrics)
        self.runs[run_id] = msgspec.structs.replace(
            self.runs[run_id],
            generation=metrics.generation,
            fitness_mean=metrics.fitness_mean,
            fitness_best=metrics.fitness_best,
            best_so_far=metrics.best_so_far,
            seconds_per_generation=1.5,
            seconds_left=60.0,
        )
        return GenerationCommitted(
            run_id=run_id,
            metrics=metrics,
            timing=GenerationTiming(
                generation=metrics.generation, seconds=1.5, committed_at=1_700_000_000.0 + 1.5 * metrics.generation
            ),
            seconds_per_generation=1.5,
            seconds_left=60.0,
            **self._stamp(),
        )

    def cut(self, run_id: str, generation: int) -> HistoryCut:
        """The run went back to a generation."""
        self.metrics[run_id] = [m for m in self.metrics[run_id] if m.generation <= generation]
        self.runs[run_id] = msgspec.structs.replace(self.runs[run_id], generation=generation)
        return HistoryCut(run_id=run_id, generation=generation, **self._stamp())

    def begin_job(self, run_id: str, verb: str) -> JobChanged:
        """A job of a run begins; several at a time are a test's own business."""
        job_id = f"job-{len(self.jobs) + 1}"
        self.jobs[job_id] = Job(id=job_id, run=run_id, verb=verb, state="running", started_at=1_700_000_000.0)
        return JobChanged(job=self.jobs[job_id], **self._stamp())

    def end_job(self, job_id: str, text: str, state: str = "done", path: str = "") -> JobChanged:
        """A job ends."""
        self.jobs[job_id] = msgspec.structs.replace(self.jobs[job_id], state=state, text=text, path=path)
        return JobChanged(job=self.jobs[job_id], **self._stamp())

    def change_gpus(self, gpus: tuple[GpuInfo, ...]) -> GpusChanged:
        """Others use the GPUs."""
        self.gpus = gpus
        return GpusChanged(gpus=gpus, **self._stamp())

    def log(self, run_id: str, text: str) -> RunLog:
        """A warning of a run."""
        return RunLog(run_id=run_id, level="warning", text=text, **self._stamp())

    def goodbye(self) -> Goodbye:
        """The daemon stops."""
        return Goodbye(**self._stamp())

    def heartbeat(self) -> Heartbeat:
        """The newest number, once more."""
        return Heartbeat(session=self.session, seq=self.seq, time=1_700_000_000.0 + self.seq)

    def publish_dataset(self, run_id: str, dataset: DatasetSnapshot) -> DatasetPublished:
        """A dataset, outside the numbering."""
        self.datasets[run_id] = dataset
        return DatasetPublished(session=self.session, seq=0, time=0.0, run_id=run_id, dataset=dataset)

    def info(self) -> DaemonInfo:
        """Who answers."""
        return DaemonInfo(
            session=self.session,
            pid=1,
            version="0.1.0",
            protocol_major=MAJOR,
            started_at=1_700_000_000.0,
            state_directory="/home/ada/.local/state/hades",
            slots=2,
            gpus=1,
        )

    def snapshot(self) -> SnapshotResult:
        """Everything at this moment."""
        return SnapshotResult(
            daemon=self.info(),
            seq=self.seq,
            runs=tuple(self.runs.values()),
            gpus=self.gpus,
            jobs=tuple(self.jobs.values()),
        )

    def history(self, run_id: str, points: int = 2000, after: int = 0, upto: int | None = None) -> HistoryResult:
        """A run's metrics at this moment, downsampled as hadesd does it."""
        every = self.metrics[run_id]
        steps = list(itertools.accumulate(line.env_steps for line in every))
        part = [i for i, line in enumerate(every) if line.generation > after and line.generation <= (upto or math.inf)]
        kept = [part[i] for i in downsample_metrics([every[i] for i in part], points)]
        metrics = tuple(every[i] for i in kept)
        return HistoryResult(
            run=run_id,
            seq=self.seq,
            generations_total=len(every),
            metrics=metrics,
            references=self.references.get(run_id, ()),
            marks=self.marks.get(run_id, ()),
            env_steps=tuple(steps[i] for i in kept),
            committed_at=tuple(1_700_000_000.0 + 1.5 * line.generation for line in metrics),
        )


class ProtocolServer:
    """A FakeDaemon behind real sockets. Its thread alone touches them and the daemon; use `do` to change things."""

    def __init__(self, directory: Path, daemon: FakeDaemon, *, heartbeat: float = 0.1) -> None:
        self.control = f"ipc://{directory}/control.sock"
        self.events = f"ipc://{directory}/events.sock"
        self.daemon = daemon
        self.requests: list[AnyRequest] = []
        self.deaf = False  # receives requests and does not answer
        self._heartbeat = heartbeat
        self._jobs: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "ProtocolServer":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def do(self, job: Callable[[], Any]) -> Any:
        """Run something in the server's thread; an event that comes out of it is published."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        return future.result(5)

    def lose(self, job: Callable[[], Any]) -> None:
        """Run something whose event gets lost on the way."""
        self.do(lambda: job() and None)

    def raw(self, *frames: bytes) -> None:
        """Publish frames as they are."""
        self.do(lambda: self._publisher.send_multipart(frames))

    def _serve(self) -> None:
        context = zmq.Context()
        router, self._publisher = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
        self._publisher.set(zmq.XPUB_WELCOME_MSG, WELCOME)
        self._publisher.set(zmq.XPUB_VERBOSE, 1)
        router.bind(self.control)
        self._publisher.bind(self.events)
        self._ready.set()
        beat = 0.0
        while not self._stop.is_set():
            if router.poll(5):
                identity, data = router.recv_multipart()
                reply = self._answer(data)
                if reply is not None:
                    router.send_multipart([identity, encode(reply)])
            while self._publisher.poll(0):
                self._publisher.recv()  # subscriptions
            self._work()
            if time.monotonic() >= beat:
                beat = time.monotonic() + self._heartbeat
                self.publish(self.daemon.heartbeat())
        context.destroy(linger=0)

    def _work(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job, future = self._jobs.get_nowait()
                try:
                    outcome = job()
                    if isinstance(outcome, AnyEvent):
                        self.publish(outcome)
                    future.set_result(outcome)
                except Exception as error:  # noqa: BLE001 - handed to the test that asked
                    future.set_exception(error)

    def publish(self, event: AnyEvent) -> None:
        """Send an event on its topic (in the server's thread)."""
        topic = dataset_topic(event.run_id) if isinstance(event, DatasetPublished) else TOPIC_EVENTS
        self._publisher.send_multipart([topic, encode(event)])

    def _answer(self, data: bytes) -> Reply | None:
        request = decode(data, AnyRequest)  # type: ignore[arg-type]
        self.requests.append(request)
        if self.deaf:
            return None
        try:
            return Reply(
                request_id=request.request_id, result=msgspec.to_builtins(self._result(request), builtin_types=(bytes,))
            )
        except KeyError as error:
            return Reply(request_id=request.request_id, error=ErrorBody(code="internal", message=f"lost: {error}"))
        except HadesError as error:
            return Reply(request_id=request.request_id, error=ErrorBody(code=error.code, message=str(error)))

    def _result(self, request: AnyRequest) -> Any:
        if isinstance(request, commands.Hello):
            return self.daemon.info()
        name = getattr(request, "run", "")
        return answer(self.daemon, request, self._find(name) if name else None, self.publish)

    def _find(self, name: str) -> RunSummary:
        runs = [run for run in self.daemon.runs.values() if name == "@" or run.id.startswith(name)]
        if not runs:
            raise NotFoundError(f"no run '{name}': see 'hadesd status'")
        return runs[-1]


@contextlib.contextmanager
def serving(directory: Path, daemon: FakeDaemon, *, heartbeat: float = 0.1) -> Iterator[ProtocolServer]:
    """A running server."""
    with ProtocolServer(directory, daemon, heartbeat=heartbeat) as server:
        yield server
