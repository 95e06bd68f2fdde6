"""`hadesd run`: a real process of its own with a worker that only counts; signals, exit codes, its directory."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hades_protocol import commands
from hades_protocol.errors import WrongStateError
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home, until
from tests.helpers.processes.fake_worker import BEHAVIOURS

S = RunState
FAKE_RUN = Path(__file__).parents[2] / "helpers" / "processes" / "fake_run.py"


class Job:
    """Calls of `hadesd run` on one directory: the home's own, so that its helpers see the run."""

    def __init__(self, home: Home, directory: Path) -> None:
        self.home, self.directory = home, directory

    def arguments(self, generations: int = 1000, milliseconds: int = 20, seed: int = 0) -> list[str]:
        """What the fake worker understands."""
        return [
            "--env=CartPole-v1",
            "--preset=cpu",
            f"--seed={seed}",
            f"--set=policy.width={milliseconds}",
            f"--set=evolution.generations={generations}",
        ]

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it; it is killed when the test ends."""
        process = subprocess.Popen(
            [sys.executable, str(FAKE_RUN), f"--directory={self.directory}", "--json", *arguments],
            env=self.home.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.home.daemons.append(process)  # type: ignore[arg-type]
        return process

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, dict[str, Any], str]:
        """Its exit code, its result and what it said."""
        out, told = process.communicate(timeout=60)
        return process.returncode, json.loads(out) if out else {}, told

    def reaches(self, process: "subprocess.Popen[str]", generation: int) -> str:
        """Wait for a generation on disk; the run's id."""

        def there() -> list[Path]:
            assert process.poll() is None, process.communicate()
            found = [path for path in self.directory.glob("runs/[a-z]*/committed") if path.read_text()]
            return [path for path in found if int(path.read_text()) >= generation]

        return until(there, f"generation {generation}")[0].parent.name


@pytest.fixture
def job(home: Home) -> Job:
    return Job(home, home.paths.state)


def test_a_run_to_its_end_and_the_same_command_once_more(job: Job) -> None:
    code, result, told = job.end(job.begin(*job.arguments(generations=5)))
    assert code == 0, told
    assert (result["id"], result["outcome"], result["exit_code"]) == (result["run"]["id"], "finished", 0)
    run = result["run"]
    assert (run["state"], run["generation"], run["fitness_mean"], run["fitness_best"]) == ("finished", 5, 5.0, 10.0)
    assert job.home.generations(run["id"]) == [1, 2, 3, 4, 5]
    assert f"{run['id']} finished after generation 5 of 5\n" in told
    assert f"HADES_HOME={job.directory} hades-tui attach\n" in told
    code, again, told = job.end(job.begin(*job.arguments(generations=5)))
    assert (code, again["run"]["id"], again["outcome"]) == (0, run["id"], "finished"), told


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGHUP, 75), (signal.SIGINT, 130)],
)
def test_a_signal_checkpoints_and_the_same_command_goes_on(job: Job, number: signal.Signals, expected: int) -> None:
    process = job.begin(*job.arguments(generations=40))
    run = job.reaches(process, 3)
    process.send_signal(number)
    code, result, told = job.end(process)
    assert (code, result["exit_code"], result["outcome"]) == (expected, expected, "checkpointed"), told
    at = result["run"]["generation"]
    assert job.home.generations(run) == list(range(1, at + 1))
    assert f"checkpointed after generation {at} of 40 ({number.name})" in told
    code, result, told = job.end(job.begin(*job.arguments(generations=40)))
    assert (code, result["run"]["id"]) == (0, run), told
    assert f"{run} starting at generation {at} of 40" in told
    assert job.home.generations(run) == list(range(1, 41))


def test_slurm_signals_every_process_of_a_step(job: Job) -> None:
    process = job.begin(*job.arguments(milliseconds=300))
    job.reaches(process, 1)
    for pid in (*job.home.worker_pids(), process.pid):
        os.kill(pid, signal.SIGUSR1)
    code, result, told = job.end(process)
    assert (code, result["outcome"]) == (75, "checkpointed"), told
    assert result["run"]["restarts"] == 0


def test_a_generation_longer_than_the_grace_is_given_up_and_the_last_commit_stands(job: Job) -> None:
    never = job.arguments(generations=6, milliseconds=50, seed=BEHAVIOURS["never halts"])
    process = job.begin(*never, "--grace", "0")
    run = job.reaches(process, 2)
    (worker,) = job.home.worker_pids()
    process.send_signal(signal.SIGTERM)
    code, result, told = job.end(process)
    assert not Path(f"/proc/{worker}").exists()
    if result["outcome"] == "checkpointed":  # a slow machine may have let it finish
        assert code == 75
        assert "did not commit within the daemon's grace period" in told
    code, _, told = job.end(job.begin(*never))
    assert code == 0, told
    assert job.home.generations(run) == [1, 2, 3, 4, 5, 6]


def test_a_second_signal_changes_nothing(job: Job) -> None:
    process = job.begin(*job.arguments(milliseconds=1500))
    run = job.reaches(process, 1)
    process.send_signal(signal.SIGUSR1)
    assert process.stderr is not None
    said = until(lambda: process.stderr.readline(), "it says what it waits for")  # type: ignore[union-attr]
    while "stopping:" not in said:
        said = process.stderr.readline()
    assert run in said
    process.send_signal(signal.SIGTERM)
    code, result, told = job.end(process)
    assert (code, result["outcome"]) == (75, "checkpointed")
    assert f"still waiting for {run}" in told
    assert "(SIGUSR1)" in told, "the first signal is the reason"


def test_a_crash_is_survived_and_a_failure_is_tried_again_by_the_next_call(job: Job) -> None:
    crashing = job.arguments(generations=7, seed=BEHAVIOURS["crashes every fifth generation"])
    code, result, told = job.end(job.begin(*crashing))
    assert (code, result["run"]["restarts"]) == (0, 1), told
    assert "was killed by SIGKILL" in told


def test_a_failed_run_is_exit_code_1_and_the_next_call_tries_again(job: Job) -> None:
    for _ in range(2):
        code, result, told = job.end(job.begin(*job.arguments(seed=BEHAVIOURS["fails"])))
        assert (code, result["outcome"], result["exit_code"]) == (1, "failed", 1), told
        assert "the environment does not like you" in told
    history = job.home.record(result["run"]["id"])["history"]
    assert [entry["what"] for entry in history] == ["submitted", "failed", "resume", "failed"]


def test_clients_may_watch_pause_and_cancel_it_but_make_no_other_runs(job: Job) -> None:
    process = job.begin(*job.arguments())
    run = job.reaches(process, 2)
    home = job.home
    assert home.show(run).state == S.RUNNING
    for kind, fields in (
        (commands.Start, {"spec": {"env": "CartPole-v1"}}),
        (commands.Fork, {"run": run}),
        (commands.Remove, {"run": run}),
        (commands.Delete, {"run": run}),
        (commands.Archive, {"run": run}),
    ):
        with pytest.raises(WrongStateError, match="computes one run alone"):
            home.ask(kind, **fields)
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    home.ask(commands.Resume, run=run)
    home.reaches(run, S.RUNNING)
    home.ask(commands.Cancel, run=run)
    code, result, _ = job.end(process)
    assert (code, result["outcome"]) == (3, "cancelled")


def test_hadesd_stop_checkpoints_it_too(job: Job) -> None:
    process = job.begin(*job.arguments())
    job.reaches(process, 1)
    job.home.ask(commands.Stop)
    assert job.end(process)[0] == 75


def test_two_processes_in_one_directory(job: Job) -> None:
    process = job.begin(*job.arguments())
    job.reaches(process, 1)
    code, _, told = job.end(job.begin(*job.arguments()))
    assert code == 3
    assert told == f"another process (pid {process.pid}) computes in {job.directory}: wait for it or end it\n"
    assert process.poll() is None


def test_other_settings_are_refused_by_name_and_none_at_all_go_on(job: Job) -> None:
    first = job.arguments(generations=3)
    code, result, told = job.end(job.begin(*first))
    assert code == 0, told
    code, _, told = job.end(job.begin(*first, "--set=dataset.pairs=5", "--seed=8"))
    assert code == 2
    assert "which has other settings (seed 0 → 8, dataset.pairs 2 → 5)" in told
    assert told.count("\n") == 1
    code, same, told = job.end(job.begin())
    assert (code, same["run"]["id"]) == (0, result["run"]["id"]), told


def test_a_resized_run_goes_on_with_the_settings_that_it_was_started_with(job: Job) -> None:
    process = job.begin(*job.arguments())
    run = job.reaches(process, 1)
    job.home.ask(commands.Resize, run=run, changes={"evolution": {"population": 6}})
    until(lambda: job.home.record(run)["spec"]["evolution"]["population"] == 6, "it is resized")
    process.send_signal(signal.SIGTERM)
    assert job.end(process)[0] == 75
    again = job.begin(*job.arguments())
    at = job.home.generations(run)[-1]
    job.reaches(again, at + 1)
    again.send_signal(signal.SIGTERM)
    assert job.end(again)[0] == 75
    code, _, told = job.end(job.begin(*job.arguments(), "--set=cloning.epochs=9"))
    assert code == 2
    assert "population" not in told
    assert "cloning.epochs" in told


def test_a_directory_whose_path_is_too_long_for_sockets(home: Home) -> None:
    job = Job(home, home.paths.state / ("x" * 90))
    process = job.begin(*job.arguments())
    run = job.reaches(process, 1)
    assert process.stderr is not None
    line = until(lambda: process.stderr.readline(), "it says where its sockets are")  # type: ignore[union-attr]
    assert line.startswith("watch it: HADES_HOME='' XDG_RUNTIME_DIR=/tmp/hades-")
    variables = dict(word.split("=", 1) for word in shlex.split(line.removeprefix("watch it: ")) if "=" in word)
    place = Path(variables["XDG_RUNTIME_DIR"])
    assert place.stat().st_mode & 0o777 == 0o700
    elsewhere = Home(home.paths.state)
    elsewhere.environ |= variables
    elsewhere.paths = Paths(elsewhere.environ)
    until(lambda: elsewhere.show(run).state == S.RUNNING, "a client finds it there")
    assert [found.name for found in elsewhere.paths.runs.iterdir()] == [run], "and its files"
    process.send_signal(signal.SIGTERM)
    assert job.end(process)[0] == 75
    assert not place.exists()


def test_the_compilation_cache_is_the_users(job: Job) -> None:
    cache = job.directory.parent / f"{job.directory.name}-cache"
    job.home.environ["XDG_CACHE_HOME"] = str(cache)
    job.home.environ.pop("HADES_HOME")
    job.home.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    process = job.begin(*job.arguments())
    job.reaches(process, 1)
    (worker,) = job.home.worker_pids()
    environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    assert f"JAX_COMPILATION_CACHE_DIR={cache}/hades/jax".encode() in environment
    process.send_signal(signal.SIGTERM)
    assert job.end(process)[0] == 75
    (cache / "hades").rmdir()
    cache.rmdir()


def test_a_directory_of_other_things_is_left_alone(job: Job) -> None:
    other = job.directory / "thesis"
    other.mkdir()
    other.chmod(0o755)
    (other / "chapter-1.tex").touch()
    job.directory = other
    code, _, told = job.end(job.begin(*job.arguments()))
    assert code == 2
    assert "holds other things and no run: give a new or an empty one" in told
    assert other.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("place", "arguments", "code", "why"),
    [
        ("new", [], 2, "no environment given"),
        ("new", ["--env", "Nowhere"], 2, "unknown environment"),
        ("new", ["--env", "ant", "--grace", "-1"], 2, "grace = -1"),
        ("new", ["--env", "ant", "--gpus", "2"], 2, "resources.gpus = 2 cannot be met"),
        ("/proc/hades", ["--env", "ant"], 2, "cannot use --directory /proc/hades"),
    ],
)
def test_bad_input_is_one_line(home: Home, place: str, arguments: list[str], code: int, why: str) -> None:
    done = home.hadesd("run", "--directory", str(home.paths.state / place), *arguments)
    assert done.returncode == code
    assert why in done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("no GPU found")][1:] == []
    assert done.stdout == ""
    assert not (home.paths.state / place).exists()


def test_a_daemons_directory_is_left_alone(home: Home) -> None:
    daemon = home.fake_daemon()
    home.start()
    home.start()
    daemon.terminate()
    assert daemon.wait(60) == 0
    code, _, told = (job := Job(home, home.paths.state)).end(job.begin(*job.arguments()))
    assert code == 3
    assert "holds 2 runs, so it is a daemon's: give 'hadesd run' a --directory of its own" in told


def test_a_damaged_run_is_never_begun_anew(job: Job) -> None:
    assert job.end(job.begin(*job.arguments(generations=2)))[0] == 0
    (record,) = job.directory.glob("runs/*/run.json")
    record.write_text("{")
    code, _, told = job.end(job.begin(*job.arguments(generations=2)))
    assert code == 3
    assert "is damaged" in told
    assert len(list(job.directory.glob("runs/*"))) == 1
