"""The whole way with the real worker: command line, daemon, JAX, disk."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from hades_protocol.run_state import RunState
from hadesd.logs.rotation import DAEMON_STDERR
from hadesd.storage.locks import lock_file
from tests.helpers.processes.daemon import BIN, Home, until

S = RunState

TINY = [
    "start",
    "--env=CartPole-v1",
    "--json",
    *(
        f"--set={assignment}"
        for assignment in (
            "evolution.population=8",
            "cloning.epochs=4",
            "policy.width=8",
            "policy.depth=1",
            "policy.inits=2",
            "evaluation.environments=2",
            "evaluation.steps=24",
        )
    ),
]


def start(home: Home, generations: int, *more: str) -> str:
    """Start a tiny run as a user does; its id."""
    done = home.hadesd(*TINY, f"--set=evolution.generations={generations}", *more)
    assert done.returncode == 0, done.stderr
    run: str = json.loads(done.stdout)["id"]
    return run


def status(home: Home) -> dict[str, Any]:
    done = home.hadesd("status", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_from_start_to_stop(home: Home) -> None:
    """start (with a daemon in the background) - wait - status - logs - stop - start again."""
    run = start(home, 6)
    waited = home.hadesd("wait", run)
    assert waited.returncode == 0, waited.stderr
    found = status(home)
    (summary,) = found["runs"]
    assert (summary["id"], summary["state"], summary["generation"]) == (run, "finished", 6)
    assert summary["fitness_mean"] > 0
    assert summary["seconds_per_generation"] > 0
    assert home.generations(run) == [1, 2, 3, 4, 5, 6]
    assert home.hadesd("logs", "@").stdout
    refused = home.hadesd("resume", "@")
    assert refused.returncode == 3
    assert refused.stderr == f"hadesd: run {run} is finished: go on from it with 'hadesd fork {run} --set …'\n"
    assert home.hadesd("stop").returncode == 0
    gone = home.hadesd("status", "--json")
    assert (gone.returncode, gone.stdout) == (4, "")


def test_a_start_while_a_daemon_is_ending_has_the_next_one(home: Home) -> None:
    """The daemon that ends has closed its sockets, and has its lock for a moment more."""
    home.paths.make_private()
    stderr = home.paths.state / DAEMON_STDERR
    with lock_file(home.paths.lock, "free"):
        begun = home.spawn([str(BIN / "hadesd"), *TINY, "--set=evolution.generations=2"])
        until(lambda: stderr.exists() and b"already runs" in stderr.read_bytes(), "a daemon is refused the lock")
    assert begun.wait() == 0, begun.communicate()[1].decode()
    assert home.hadesd("wait", "@").returncode == 0
    assert home.hadesd("stop").returncode == 0


def test_a_daemon_that_cannot_start_is_tried_once_and_says_why(home: Home) -> None:
    home.paths.make_private()
    home.paths.config_file.write_text('listen = "tcp://127.0.0.1:8765"\n')
    refused = home.hadesd(*TINY)
    assert refused.returncode == 2
    assert "keys" in refused.stderr
    assert (home.paths.state / DAEMON_STDERR).read_text().count("hadesd: ") == 1


def test_pause_resume_cancel_and_a_daemon_that_stops_in_between(home: Home) -> None:
    home.daemon()
    run = start(home, 1_000_000)
    home.reaches(run, S.RUNNING, 2)
    busy = home.hadesd("resume", run)
    assert (busy.returncode, busy.stderr.count("\n")) == (3, 1)
    assert home.hadesd("pause", run).returncode == 0
    paused = home.show(run)
    assert (paused.state, home.worker_pids()) == (S.PAUSED, [])
    assert home.hadesd("resume", run[:-1]).returncode == 0
    home.reaches(run, S.RUNNING, paused.generation + 2)
    assert home.hadesd("stop").returncode == 0
    assert home.worker_pids() == []
    at = len(home.generations(run))
    home.daemon()
    home.reaches(run, S.RUNNING, at + 2)
    assert home.hadesd("cancel", "@", "--json").returncode == 0
    last = home.show(run)
    assert last.state == S.CANCELLED
    assert home.generations(run) == list(range(1, last.generation + 1))
    assert home.hadesd("wait", run).returncode == 3


def test_wait_survives_a_daemon_that_is_killed(home: Home) -> None:
    first = home.daemon()
    run = start(home, 60)
    home.reaches(run, S.RUNNING, 1)
    waiting = subprocess.Popen([str(BIN / "hadesd"), "wait", run], env=home.environ, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith(f"waiting for {run}")
    first.kill()
    first.wait()
    home.daemon()
    _, told = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, told
    assert "finished after generation 60" in told
    assert home.generations(run) == list(range(1, 61))


def test_follow_shows_progress_and_ctrl_c_detaches(home: Home) -> None:
    home.daemon()
    following = subprocess.Popen(
        [str(BIN / "hadesd"), *TINY, "--set=evolution.generations=1000000", "--follow"],
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    run = json.loads(following.stdout.readline())["id"]
    home.reaches(run, S.RUNNING, 1)
    until(lambda: home.show(run).generation > 1, "it goes on")
    following.send_signal(signal.SIGINT)
    _, told = following.communicate(timeout=60)
    assert following.returncode == 130, told
    assert f"detached: {run} goes on" in told
    assert home.show(run).state == S.RUNNING


def test_follow_ends_with_the_outcome(home: Home) -> None:
    home.daemon()
    done = home.hadesd(*TINY, "--set=evolution.generations=3", "--follow")
    assert done.returncode == 0, done.stderr
    assert "finished after generation 3" in done.stderr
    assert "hadesd export" in done.stderr


def test_starts_at_the_same_moment_share_one_daemon(home: Home) -> None:
    command = [str(BIN / "hadesd"), *TINY, "--set=evolution.generations=1000"]
    starting = [
        subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0], answers
    ids = {json.loads(out)["id"] for out, _ in answers}
    assert len(ids) == 3
    assert sum("started a daemon" in told for _, told in answers) == 1
    assert {run["id"] for run in status(home)["runs"]} == ids


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["start", "--env", "Nowhere-v0"], 2, "unknown environment"),
        (["start", "--env", "ant", "--set", "evolution.populaton=4"], 2, "did you mean 'evolution.population'"),
        (["start", "--env", "ant", "--set", "evolution.sigma=-1"], 2, "above 0"),
        (["pause", "ant-0101-none"], 3, "there is no run"),
        (["logs", "../../etc/passwd"], 3, "there is no run"),
        (["serve"], 3, "a daemon already runs"),
        (["wait", "@", "--timeout", "0"], 2, "not above 0"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(home: Home, arguments: list[str], code: int, why: str) -> None:
    home.daemon()
    done = home.hadesd(*arguments)
    assert done.returncode == code
    assert why in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("no GPU found")]
    assert len(lines) == 1
    assert done.stdout == ""


def test_doctor_finds_a_daemon_and_jax(home: Home) -> None:
    home.daemon()
    done = home.hadesd("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["daemon"]["level"] == "ok"
    assert found["jax"]["text"].startswith("cpu: ")
    assert sys.executable in found["python"]["text"]
