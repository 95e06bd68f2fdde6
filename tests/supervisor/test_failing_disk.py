"""Each request that changes something, and each of its calls that write fails: the daemon says what the disk says."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from msgspec.structs import asdict, replace

from hades_protocol import codec, commands, replies
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState as S
from hades_protocol.run_state import WorkerPhase
from hadesd import worker_protocol
from hadesd.storage import metric_lines, records
from hadesd.supervisor.jobs.process import Finished
from tests.helpers.faults.failing_disk import refusing
from tests.helpers.protocol.in_process_daemon import InProcessDaemon
from tests.helpers.runs.manifests import write_manifest
from tests.helpers.runs.specs import TINY, tiny
from tests.supervisor.history.test_history import metrics, timing

PAIRS: dict[str, Any] = {"states": np.zeros((2, 4), np.float32), "actions": np.eye(2, dtype=np.float32)}


class Worker:
    """A worker process that only its messages are known of."""

    pid = 4242

    def __init__(self, directory: Path, environment: Any, on_message: Any, on_exit: Any) -> None:
        self.on_message, self.on_exit = on_message, on_exit
        self.halted = False

    slurm_job = None
    waits_for = ""

    def halt(self, discard: bool) -> None:
        self.halted = True

    def kill(self) -> None:
        self.halted = True


class Job:
    """The process of a job."""

    def __init__(self, arguments: Any, environment: Any, directory: Path, on_exit: Callable[[Finished], None]) -> None:
        self.on_exit = on_exit

    def kill(self) -> None:
        pass


class Runs(NamedTuple):
    """The ids of the runs in a home, by what they are; `foreign`: of one that no daemon knows yet."""

    working: str
    waiting: str
    paused: str
    failed: str
    finished: str
    foreign: str


def a_home(home: Path) -> Runs:
    """A state directory with runs of every kind; those that are done have checkpoints, lines and pairs."""
    paths = Paths({"HADES_HOME": str(home)})
    paths.make_private()
    made = [records.create(paths.runs, tiny(evolution={"generations": 9}), float(n)) for n in range(6)]
    paused, failed, finished, foreign = made[2:]
    for record in made[4:]:
        directory = paths.runs / record.id
        for generation in (1, 2, 3):
            metric_lines.append(directory / "metrics.jsonl", metrics(generation))
            metric_lines.append(directory / "timings.jsonl", timing(generation))
        for generation in (2, 3):
            checkpoint = directory / "checkpoints" / str(generation)
            (checkpoint / "state").mkdir(parents=True)
            (checkpoint / "state/0").write_bytes(b"packed")
            write_manifest(checkpoint, generation, fitness_mean=1.0)
        for name in ("dataset.npz", "best.npz"):
            np.savez(directory / name, **PAIRS, meta=np.array('{"generation": 3}'))
        (directory / "references.json").write_text("[]")
    records.save(paths.runs / paused.id, replace(paused, desired="pause"))
    for record, kind in ((failed, S.FAILED), (finished, S.FINISHED)):
        records.save(paths.runs / record.id, replace(record, outcome=records.RunOutcome(kind=kind, at=1.0)))
    (paths.runs / foreign.id).rename(home / foreign.id)
    return Runs(*(record.id for record in made))


def a_daemon(home: Path) -> InProcessDaemon:
    """A daemon with one slot, in which the first run is at work."""
    daemon = InProcessDaemon(home, slots=1, start_worker=Worker, start_job=Job)
    (working,) = daemon.supervisor.working
    worker: Any = daemon.supervisor.find(working).worker
    for message in (
        worker_protocol.Heartbeat(phase=WorkerPhase.EVALUATING, generation=1),
        worker_protocol.Resumed(generation=0),
        worker_protocol.Committed(metrics=metrics(1), timing=timing(1)),
    ):
        worker.on_message(codec.encode(message))
    return daemon


Request = Callable[[InProcessDaemon, Runs], replies.Reply]


def ask(kind: type[commands.Request], which: str = "", **fields: Any) -> Request:
    """A request about the run of that kind."""

    def request(daemon: InProcessDaemon, runs: Runs) -> replies.Reply:
        return daemon.ask(kind, **({"run": getattr(runs, which)} if which else {}), **fields)

    return request


SIZES = {"evolution": {"population": 16}}
REQUESTS: list[tuple[type[commands.Request], str, Request]] = [
    (kind, which, ask(kind, which, **fields))
    for kind, kinds, fields in (
        (commands.Start, [""], {"spec": TINY, "group": "sizes", "priority": 3}),
        (commands.Pause, ["working", "waiting"], {}),
        (commands.Resume, ["paused", "failed"], {}),
        (commands.Cancel, ["working", "waiting", "paused", "failed"], {}),
        (commands.Priority, ["waiting"], {"priority": 7}),
        (commands.Fork, ["finished"], {"changes": {"seed": 9}}),
        (commands.Resize, ["working", "waiting", "paused"], {"changes": SIZES}),
        (commands.Remove, ["finished"], {}),
        (commands.Retain, ["finished"], {"keep_newest": 5}),
        (commands.Archive, ["finished"], {}),
        (commands.Note, ["working", "finished"], {"text": "looks good"}),
        (commands.Rename, ["working", "finished"], {"name": "good"}),
        (commands.Tag, ["working", "finished"], {"add": ("good",)}),
        (commands.Export, ["finished"], {}),
        (commands.Evaluate, ["finished"], {}),
        (commands.Adopt, ["foreign"], {}),
    )
    for which in kinds
]

READING = {
    *(commands.Hello, commands.Plan, commands.Snapshot, commands.Show),
    *(commands.History, commands.Dataset, commands.Logs),
}

BY_A_JOB = {commands.Delete, commands.Prune}
"""What a child process does: the daemon itself writes nothing."""


def test_every_request_that_changes_something_is_here() -> None:
    changing = set(get_args(commands.AnyRequest)) - READING - BY_A_JOB - {commands.Stop}
    assert {kind for kind, _, _ in REQUESTS} == changing


COMES_TO = {
    S.STARTING: S.QUEUED,
    S.RUNNING: S.QUEUED,
    S.STOPPING: S.QUEUED,
    S.PAUSING: S.PAUSED,
    S.CANCELLING: S.CANCELLED,
}
"""What a run is for a daemon that starts anew."""


def told(daemon: InProcessDaemon) -> dict[str, dict[str, Any]]:
    """What clients are told of each run, less what changes by itself."""
    snapshot: replies.SnapshotResult = daemon.result(commands.Snapshot)
    fields = ("state", "note", "group", "priority", "population", "seed", "generations", "parent", "directory")
    found = {}
    for run in snapshot.runs:
        state = RunSummary(**asdict(run) | {"state": COMES_TO.get(run.state, run.state)})
        found[run.id] = {name: getattr(state, name) for name in fields}
        shown: replies.ShowResult = daemon.result(commands.Show, run=run.id)
        found[run.id] |= {"history": shown.history, "spec": shown.spec}
    return found


def on_disk(daemon: InProcessDaemon) -> dict[str, records.RunRecord]:
    """What run directories say."""
    found, problems = records.scan(daemon.paths.runs)
    assert problems == []
    return {record.id: record for record, _ in found}


def in_memory(daemon: InProcessDaemon) -> dict[str, records.RunRecord]:
    """What the daemon holds to be on the disk."""
    assert not [m.run.id for m in daemon.supervisor._engine.runs.values() if m.unsaved]
    return {run: m.record for run, m in daemon.supervisor._engine.runs.items()}


def files(home: Path) -> dict[str, int]:
    """Every file and directory with its size; 0 for directories."""
    return {str(p.relative_to(home)): 0 if p.is_dir() else p.stat().st_size for p in home.rglob("*")}


class Case:
    """A request in a home of its own, tried again and again as long as it is refused and leaves nothing."""

    def __init__(self, template: Path, runs: Runs, place: Path, which: str) -> None:
        self.runs, self.adopting = runs, which == "foreign"
        self._needed = {runs.working, getattr(runs, which or "working")}
        self._template, self._place, self._count = template, place, itertools.count()
        self.home = template
        self.fresh()

    def fresh(self) -> None:
        """Begin with a new home and a new daemon."""
        self.home = self._place / str(next(self._count))
        for run in self._needed - {self.runs.foreign}:
            shutil.copytree(self._template / "runs" / run, self.home / "runs" / run)
        self.daemon = a_daemon(self.home)
        if self.adopting:
            shutil.copytree(self._template / self.runs.foreign, self.daemon.paths.runs / self.runs.foreign)
        self.before, self.there = in_memory(self.daemon), files(self.home)

    def disagreements(self, request: Request, at: int, persists: bool) -> tuple[int, list[str]]:
        """The number of calls that write, and what is not as it should be where the one number `at` fails."""
        with refusing(at, persists) as refusals:
            reply = request(self.daemon, self.runs)
        wrong = self._wrong_answer(reply, persists) if reply.error is not None else []
        if in_memory(self.daemon) != self._on_disk(reply):
            wrong.append("memory and disk differ")
        self.daemon.supervisor.tick()
        if in_memory(self.daemon) != self._on_disk(reply):
            wrong.append("a second later memory and disk differ")
        now, again = told(self.daemon), told(InProcessDaemon(self.home))
        wrong += [f"after a restart {run} is another" for run in now if not _goes_on(now[run], again.get(run))]
        if len(again) > len(now) + (self.adopting and reply.error is not None):
            wrong.append("after a restart there are more runs")
        if reply.error is None or wrong:
            self.fresh()
        called = refusals.calls[at] if at < len(refusals.calls) else "none"
        return len(refusals.calls), [f"call {at} ({called}), persists {persists}: {text}" for text in wrong]

    def _on_disk(self, reply: replies.Reply) -> dict[str, records.RunRecord]:
        found = on_disk(self.daemon)
        if self.adopting and reply.error is not None:
            del found[self.runs.foreign]  # it is the client's
        return found

    def _wrong_answer(self, reply: replies.Reply, persists: bool) -> list[str]:
        """What is wrong where a request was refused."""
        wrong, error = [], reply.error
        assert error is not None
        if error.code == "protocol" or "the daemon failed" in error.message or "[(" in error.message:
            wrong.append(f"not for people: {error.message}")
        if in_memory(self.daemon) != self.before:
            wrong.append("it was refused, and done in memory")
        if persists:  # where nothing can be removed either, hidden files stay; a scan skips them
            for path in (*self.home.rglob(".*"), *self.home.rglob("exports")):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        left = files(self.home)
        if left != self.there:
            wrong.append(f"it was refused, and left {sorted(set(left.items()) ^ set(self.there.items()))}")
        return wrong


def _goes_on(now: dict[str, Any], again: dict[str, Any] | None) -> bool:
    """Whether a run is the same for another daemon, which may have noted an end that was on its way."""
    if again is None:
        return False
    return {**now, "history": ()} == {**again, "history": ()} and again["history"][: len(now["history"])] == now[
        "history"
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Runs]:
    """A home to be copied."""
    home = tmp_path_factory.mktemp("template") / "home"
    return home, a_home(home)


@pytest.mark.parametrize(("kind", "which", "request_it"), REQUESTS, ids=lambda value: getattr(value, "__name__", value))
def test_whatever_call_fails_daemon_and_disk_agree_then_and_after_a_restart(
    template: tuple[Path, Runs],
    tmp_path: Path,
    kind: type[commands.Request],
    which: str,
    request_it: Request,
) -> None:
    case = Case(*template, tmp_path, which)
    wrong: list[str] = []
    for persists in (False, True):
        for at in itertools.count():
            calls, found = case.disagreements(request_it, at, persists)
            wrong += found
            if at >= calls:
                assert calls > 0 or case.adopting, "nothing was written: the test sees nothing"
                break
    assert wrong == []
