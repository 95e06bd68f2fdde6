"""Runs that compute as jobs of a real Slurm: preempted, killed, paused, orphaned, and in the end the same bits."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hades_protocol import commands
from hades_protocol.errors import UsageError, WrongStateError
from hades_protocol.messages import HistoryKind, RunSummary
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.run_state import ENDED, RunState
from hades_protocol.settings import merge
from hades_protocol.sync_client import listens
from hadesd.storage import records
from tests.helpers.faults import fault_injector
from tests.helpers.faults.fault_injector import VARIABLE, Injector, Mode
from tests.helpers.processes import worker_process
from tests.helpers.processes.daemon import BIN, Home, a_home, until
from tests.helpers.processes.slurm_cluster import Cluster, a_cluster, lacking
from tests.helpers.runs.specs import TINY
from tests.integration.test_preemption import documented_script

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.optimised,
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(bool(lacking()), reason=f"no Slurm: {lacking()}"),
]

S = RunState
GENERATIONS = 600
SLOW_MS = 8
"""So much longer does an fsync of a checkpoint take until all has happened to a run: it has not ended by then, however
fast the machine is, and has few enough generations that its twin ends soon, however slow it is."""
SETTINGS = {
    **TINY,
    "evolution": {**TINY["evolution"], "generations": GENERATIONS},
    "evaluation": {**TINY["evaluation"], "steps": 200},
    "resources": {"devices": 1},
}

CONFIG = """\
[slurm]
options = ["--partition=low", "--nodelist=n1", "--cpus-per-task=1", "--time=30"]
poll = 0.5
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with a_cluster() as found:
        yield found


@pytest.fixture
def home(cluster: Cluster, tmp_path: Path) -> Iterator[Home]:
    with a_home() as found:
        found.environ.update(cluster.environ)
        found.environ.update(fault_injector.build(tmp_path))
        found.paths.make_private()
        found.paths.config_file.write_text(CONFIG)
        yield found
        for run in found.ask(commands.Snapshot).runs if listens(found.paths) else ():
            if run.state not in (S.FINISHED, S.FAILED, S.CANCELLED):
                found.ask(commands.Cancel, run=run.id)
        until(lambda: not cluster.jobs(), "no job is left")


@contextlib.contextmanager
def slow_disk(home: Home, root: Path) -> Iterator[None]:
    """Everything that is started in a home and writes below a directory is on a slow disk."""
    with Injector(Path(home.environ[VARIABLE])).armed(root, Mode.SLOW, SLOW_MS):
        yield


def submit(home: Home, **resources: str | int) -> str:
    values = merge(SETTINGS, {"resources": {"executor": "slurm", **resources}})
    run: RunSummary = home.ask(commands.Start, spec=values)
    return run.id


def paused_in_the_queue(home: Home, cluster: Cluster) -> str:
    """A run that was paused before its job began; its id."""
    run = submit(home, slurm="--begin=now+1hour")
    until(lambda: len(cluster.jobs()) == 1, "it is in the queue")
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    return run


def job_of(home: Home, run: str) -> str:
    """The id of the job that computes the run."""
    job = home.show(run).slurm_job
    assert job is not None
    return str(job.id)


def goes_on(home: Home, run: str, job: str) -> str:
    """Wait until another job commits generations of the run; its id."""

    def another() -> str | None:
        shown = home.show(run)
        found = str(shown.slurm_job.id) if shown.slurm_job and shown.slurm_job.id else job
        return found if shown.state == S.RUNNING and found != job else None

    return until(another, lambda: f"another job than {job} computes, but: {home.show(run)}")


def test_whatever_happens_to_its_jobs_a_run_ends_with_the_same_bits(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    with slow_disk(home, home.paths.runs):
        run = submitted_and_disturbed(home, cluster)
    home.reaches(run, S.FINISHED)
    equals_its_twin(home.paths.runs / run, tmp_path, build_spec(SETTINGS))
    assert home.generations(run) == list(range(1, GENERATIONS + 1))


def equals_its_twin(run: Path, place: Path, spec: RunSpec) -> None:
    """A run has the bits of one that nobody disturbs, computed on as many devices of one process."""
    twin = worker_process.make_run(place / "twin", spec)
    flags = f"--xla_force_host_platform_device_count={spec.resources.devices or 1}"
    assert worker_process.finish(twin, XLA_FLAGS=flags) == 0
    assert worker_process.results(run) == worker_process.results(twin)


def submitted_and_disturbed(home: Home, cluster: Cluster) -> str:
    """A run to which all has happened; its id."""
    daemon = home.daemon()
    run = submit(home)
    home.reaches(run, S.RUNNING, 3)
    assert home.show(run).slurm_job.nodes == "n1"
    assert home.show(run).worker_pid is None
    first = job_of(home, run)

    cluster.preempt("n1", seconds=1)
    until(lambda: HistoryKind.PREEMPTED in kinds(home, run), lambda: f"preempted, but: {kinds(home, run)}")
    second = goes_on(home, run, first)

    cluster.run("scancel", "--signal=USR1", second)  # what --signal sends ahead of the time limit
    third = goes_on(home, run, second)

    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    until(lambda: third not in cluster.jobs(), "a paused run has no job")
    home.ask(commands.Resume, run=run)
    fourth = goes_on(home, run, third)

    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    home.daemon()
    home.reaches(run, S.RUNNING)
    assert job_of(home, run) == fourth, "its job is listened to again"

    with cluster.without_controller():
        home.reaches(run, S.RUNNING, home.show(run).generation + 3)
    assert job_of(home, run) == fourth, "nothing has happened to it"

    worker = next(pid for pid in home.worker_pids() if b"hadesd.worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGKILL)
    goes_on(home, run, fourth)
    return run


def kinds(home: Home, run: str) -> list[HistoryKind]:
    return [entry.what for entry in home.ask(commands.Show, run=run).history]


def test_a_run_over_two_nodes_survives_the_death_of_either(home: Home, cluster: Cluster, tmp_path: Path) -> None:
    home.environ["HADES_GROUP_ADDRESS"] = "127.0.0.1"
    home.daemon()
    with slow_disk(home, home.paths.runs):
        run = submit(home, hosts=2, slurm="--nodelist=n1,n2")
        home.reaches(run, S.RUNNING, 3)
        assert home.show(run).slurm_job.nodes == "n[1-2]"
        first = job_of(home, run)
        os.kill(computing(home, b"HADES_RANK=1"), signal.SIGKILL)
        second = goes_on(home, run, first)
        os.kill(computing(home, b"HADES_WORKER_FD="), signal.SIGKILL)
        goes_on(home, run, second)
    home.reaches(run, S.FINISHED)
    spec = build_spec(merge(SETTINGS, {"resources": {"devices": 2}}))
    equals_its_twin(home.paths.runs / run, tmp_path, spec)


def computing(home: Home, variable: bytes, runs: Path | None = None) -> int:
    """The worker that was started with that environment variable, of a run below a directory."""
    found = []
    for pid in home.worker_pids(runs):
        if b"hadesd.worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found += [pid] if b"\0" + variable in b"\0" + Path(f"/proc/{pid}/environ").read_bytes() else []
    (worker,) = found
    return worker


def test_what_slurm_refuses_or_keeps_waiting_is_said_in_words(home: Home, cluster: Cluster) -> None:
    home.daemon()
    refused = submit(home, slurm="--partition=nonsense")
    assert "invalid partition specified: nonsense" in home.reaches(refused, S.FAILED).reason
    with pytest.raises(UsageError, match="--array"):
        submit(home, slurm="--array=0-3")
    waiting = submit(home, slurm="--begin=now+1hour")
    until(lambda: "its time to begin has not come (BeginTime)" in home.show(waiting).reason, "the reason is said")
    (taken,) = cluster.jobs()
    assert f"run {waiting}: Slurm job {taken}, " in home.hadesd("gpus").stdout
    cluster.run("scancel", taken)
    (job,) = until(lambda: [job for job in cluster.jobs() if job != taken], "it is in the queue again")
    assert home.show(waiting).restarts == 0, "that was no crash"
    home.ask(commands.Pause, run=waiting)
    assert home.reaches(waiting, S.PAUSED).generation == 0
    until(lambda: job not in cluster.jobs(), "a paused run is in no queue")


def test_doctor_tries_a_node(home: Home, cluster: Cluster) -> None:
    found = findings(home, "--nodelist=n2")
    assert (found["slurm"], found["node"]) == ("ok", "ok")
    assert findings(home, "--partition=nonsense")["node"] == "problem"
    assert not cluster.jobs()
    assert not list(home.paths.state.glob("slurm-probe-*"))


def findings(home: Home, options: str) -> dict[str, str]:
    """Level of each finding, by name."""
    done = home.hadesd("doctor", "--no-jax", "--json", "--on", "slurm", "--slurm", options)
    return {finding["name"]: finding["level"] for finding in json.loads(done.stdout)["findings"]}


def test_a_daemon_that_finds_slurm_silent_listens_to_its_jobs_and_ends_them(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    with slow_disk(home, home.paths.runs):
        run = submit(home)
        home.reaches(run, S.RUNNING, 3)
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait()
        with cluster.without_controller():
            home.daemon()
            home.reaches(run, S.RUNNING, len(home.generations(run)) + 3)
            home.ask(commands.Pause, run=run)
            home.reaches(run, S.PAUSED)
            until(lambda: not home.worker_pids(), "nothing computes any more")
    until(lambda: not cluster.jobs(), "no job is left")
    assert home.show(run).state == S.PAUSED
    assert kinds(home, run)[-1] == HistoryKind.PAUSED


def test_what_became_of_a_job_while_no_daemon_listened_is_told_to_the_next(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    with slow_disk(home, home.paths.runs):
        run = submit(home)
        home.reaches(run, S.RUNNING, 3)
        daemon = succeeded(home, cluster, daemon, crash=True)
        until(lambda: HistoryKind.CRASHED in kinds(home, run), lambda: f"a crash, but: {kinds(home, run)}")
        home.reaches(run, S.RUNNING)
    succeeded(home, cluster, daemon, crash=False)
    home.reaches(run, S.FINISHED)
    assert len(list((home.paths.runs / run / "slurm-jobs").iterdir())) == 2, "none to say that it has finished"


def succeeded(
    home: Home, cluster: Cluster, daemon: "subprocess.Popen[bytes]", *, crash: bool
) -> "subprocess.Popen[bytes]":
    """The next daemon, which begins when the job that the killed one listened to has ended."""
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    if crash:
        os.kill(computing(home, b"HADES_WORKER_FD="), signal.SIGKILL)
    until(lambda: not cluster.jobs(), "its job has ended")
    return home.daemon()


def test_a_queued_run_that_left_a_job_has_it_listened_to_first_and_its_cancel_reaches_it(
    home: Home, cluster: Cluster
) -> None:
    """The next daemon may submit one job less, and another run would be first by its priority."""
    daemon = home.daemon()
    kept, left = (submit(home, slurm="--begin=now+1hour") for _ in range(2))
    until(lambda: len(cluster.jobs()) == 2, "both are in the queue")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    home.paths.config_file.write_text(CONFIG + "jobs = 1\n")
    home.daemon()
    waiting = submit(home, slurm="--begin=now+1hour")
    home.ask(commands.Priority, run=waiting, priority=5)
    for run in (kept, left):
        until(lambda run=run: home.show(run).state == S.STARTING, "its job is listened to")
    assert home.show(waiting).state == S.QUEUED
    home.ask(commands.Cancel, run=left)
    until(lambda: len(cluster.jobs()) == 1, lambda: f"its job is gone, but: {cluster.jobs()}")
    home.ask(commands.Cancel, run=kept)
    until(lambda: home.show(waiting).state == S.STARTING, "the third has the place")


def test_a_cancel_reaches_the_job_of_a_run_that_waits_to_be_queued_again(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    run = paused_in_the_queue(home, cluster)
    assert daemon.poll() is None
    home.ask(commands.Resume, run=run)
    home.ask(commands.Cancel, run=run)
    home.reaches(run, S.CANCELLED)
    until(lambda: not cluster.jobs(), "no job is left")


def test_options_that_cannot_be_read_fail_their_run_alone(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    run = paused_in_the_queue(home, cluster)
    daemon.terminate()
    assert daemon.wait() == 0
    record = home.paths.runs / run / "run.json"
    document = json.loads(record.read_text())
    document["spec"]["resources"]["slurm"] = "--comment='"
    record.write_text(json.dumps(document))
    home.daemon()
    home.ask(commands.Resume, run=run)
    assert "quotation" in home.reaches(run, S.FAILED).reason


def test_why_a_worker_never_came_is_told(home: Home, cluster: Cluster) -> None:
    home.daemon()
    run = submit(home, slurm="--export=ALL,PYTHONHOME=/nowhere")
    until(lambda: "FAILED; " in home.show(run).reason, lambda: f"srun's words, but: {home.show(run).reason}")
    assert "No module named 'encodings'" in home.hadesd("logs", run).stdout


def test_runs_that_are_cancelled_while_slurm_refuses_them_end_no_daemon(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    slow = tmp_path / "sbatch"  # a busy controller takes its time
    slow.write_text(f'#!/bin/sh\nsleep 2\nexec {shutil.which("sbatch")} "$@"\n')
    slow.chmod(0o755)
    home.environ["PATH"] = f"{tmp_path}:{home.environ['PATH']}"
    daemon = home.daemon()
    runs = [submit(home, slurm="--partition=nonsense") for _ in range(8)]
    for run in runs:
        with contextlib.suppress(WrongStateError):  # it was refused already
            home.ask(commands.Cancel, run=run)
    for run in runs:
        until(lambda run=run: home.show(run).state in ENDED, "it has ended")
    assert daemon.poll() is None
    assert not cluster.jobs()


def test_a_directory_that_cannot_be_used_ends_no_daemon(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    run = paused_in_the_queue(home, cluster)
    places = home.paths.runs / run / "slurm-jobs"
    shutil.rmtree(places)
    places.write_text("in the way")
    home.ask(commands.Resume, run=run)
    until(lambda: home.show(run).state in (S.BACKOFF, S.FAILED), lambda: f"it is told: {home.show(run)}")
    assert "cannot start a worker" in home.show(run).reason
    assert daemon.poll() is None
    places.unlink()
    if home.show(run).state == S.FAILED:
        home.ask(commands.Resume, run=run)
    until(lambda: len(cluster.jobs()) == 1, "it is in the queue again")


def test_a_run_that_was_paused_while_no_daemon_listened_leaves_no_job(home: Home, cluster: Cluster) -> None:
    daemon = home.daemon()
    run = submit(home, slurm="--begin=now+1hour")
    until(lambda: len(cluster.jobs()) == 1, "it is in the queue")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    record = home.paths.runs / run / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "desired": "pause"}))
    home.daemon()
    until(lambda: not cluster.jobs(), "the job is gone")
    assert home.show(run).state == S.PAUSED


class Batch:
    """The documented script as a job: `hadesd run` without a daemon."""

    def __init__(self, home: Home, cluster: Cluster, place: Path, settings: dict[str, Any]) -> None:
        self.directory = place / "run"
        self._cluster, self._place = cluster, place
        self._environ = {
            **os.environ,
            **home.environ,
            "SPEC": str(place / "run.json"),
            "DIRECTORY": str(self.directory),
        }
        self._environ["PATH"] = f"{BIN}:{self._environ['PATH']}"
        unneeded = ("#SBATCH --gres", "#SBATCH --mem", "#SBATCH --cpus")
        lines = [line for line in documented_script().splitlines() if not line.startswith(unneeded)]
        (place / "hades.sbatch").write_text("\n".join(lines) + "\n")
        (place / "run.json").write_text(json.dumps({**merge(SETTINGS, settings), "preset": "cpu"}))

    def submit(self, *options: str) -> None:
        command = ["sbatch", "--parsable", "-p", "low", *options, "-t", "30", "-o", str(self._place / "job.log")]
        command.append(str(self._place / "hades.sbatch"))
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=True)
        self.job = done.stdout.strip()

    def field(self, name: str) -> str:
        words = self._cluster.run("scontrol", "show", "job", self.job).split()
        return next(word.partition("=")[2] for word in words if word.startswith(f"{name}="))

    def generations(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self.directory.glob("runs/*/metrics.jsonl"))

    def goes_on(self) -> None:
        wanted = self.generations() + 3
        log = self._place / "job.log"
        until(
            lambda: self.generations() > wanted,
            lambda: f"more than {wanted}: {log.read_text()[-2000:] if log.exists() else 'no log'}",
        )

    def ends_like_its_twin(self, devices: int) -> None:
        until(lambda: self.field("JobState") == "COMPLETED", lambda: f"completed, but: {self.field('JobState')}")
        (run,) = (self.directory / "runs").glob("[a-z]*")
        spec = build_spec(merge(spec_to_dict(records.load(run)[1]), {"resources": {"hosts": 1, "devices": devices}}))
        equals_its_twin(run, self._place, spec)


def test_the_documented_script_is_requeued_until_the_run_is_finished(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    """Preempted once, warned once."""
    batch = Batch(home, cluster, tmp_path, {})
    with slow_disk(home, batch.directory):
        batch.submit("-w", "n1")
        batch.goes_on()
        cluster.preempt("n1", seconds=1)
        until(lambda: batch.field("Restarts") == "1", "it is preempted and requeued")
        batch.goes_on()
        cluster.run("scancel", "--batch", "--signal=USR1", batch.job)  # as --signal=B:USR1@120 does
        until(lambda: batch.field("Restarts") == "2", "it asks to be requeued")
    batch.ends_like_its_twin(devices=1)


def test_the_documented_script_computes_on_all_nodes_of_its_job(home: Home, cluster: Cluster, tmp_path: Path) -> None:
    home.environ["HADES_GROUP_ADDRESS"] = "127.0.0.1"
    batch = Batch(home, cluster, tmp_path, {"resources": {"hosts": 2}})
    with slow_disk(home, batch.directory):
        batch.submit("-N", "2")
        batch.goes_on()
        steps = dict(line.split() for line in cluster.run("squeue", "-h", "-s", "-o", "%j %N").splitlines())
        assert steps["hades-hosts"] == "n2", "its script is on the first node"
        for mark in (b"HADES_RANK=1", b"HADES_WORKER_FD="):
            os.kill(computing(home, mark, batch.directory), signal.SIGKILL)
            batch.goes_on()
        cluster.run("scancel", "--batch", "--signal=USR1", batch.job)
        until(lambda: batch.field("Restarts") == "1", "it asks to be requeued")
        batch.goes_on()
    batch.ends_like_its_twin(devices=2)
