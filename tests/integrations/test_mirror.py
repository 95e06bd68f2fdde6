"""`hadesd mirror` as a user runs it: real processes, killed at will, and every generation is there exactly once."""

import importlib.util
import json
import signal
import subprocess
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hadesd.cli.main import main
from hadesd.integrations.mirror import mirror as following
from tests.helpers.processes.daemon import BIN, Home, until
from tests.integrations.board import curve, newest

S = RunState


def boards(home: Home) -> Path:
    return home.paths.state / "boards"


def mirror(home: Home, *arguments: str) -> "subprocess.Popen[bytes]":
    """A mirror that goes on."""
    return home.spawn([str(BIN / "hadesd"), "mirror", "--tensorboard", str(boards(home)), *arguments])


def once(home: Home, *arguments: str) -> int:
    """A mirror of what there is; the number of generations that it copied."""
    done = home.hadesd("mirror", "--tensorboard", str(boards(home)), "--once", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    copied: int = json.loads(done.stdout)["generations_copied"]
    return copied


def has(home: Home, run: str, generation: int) -> None:
    """Wait until a generation is in the mirror."""
    until(lambda: newest(boards(home) / run) >= generation, f"generation {generation} of {run} is in the mirror")


def every(last: int) -> list[tuple[int, float]]:
    """The curve of the counting worker."""
    return [(generation, float(generation)) for generation in range(1, last + 1)]


def test_kills_of_daemon_and_mirror_lose_and_double_nothing(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start(generations=800, milliseconds=20)
    home.reaches(run, S.RUNNING, 5)
    first = mirror(home)
    has(home, run, 20)
    daemon.kill()
    daemon.wait()
    daemon = home.fake_daemon()
    home.reaches(run, S.RUNNING, 60)
    has(home, run, 60)
    first.kill()
    first.wait()
    home.reaches(run, S.RUNNING, 120)
    last = mirror(home, run)
    has(home, run, 120)
    daemon.terminate()
    daemon.wait(60)
    home.fake_daemon()
    assert last.wait(60) == 0  # the only wanted run has ended
    assert home.show(run).state == S.FINISHED
    assert curve(boards(home) / run) == every(800)


def test_a_long_history_comes_in_pages_and_once(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=2 * following.PAGE + 10, milliseconds=1)
    home.reaches(run, S.FINISHED)
    assert once(home) == 2 * following.PAGE + 10
    assert once(home, run) == 0
    assert curve(boards(home) / run) == every(2 * following.PAGE + 10)
    times = curve(boards(home) / run, "time/seconds_per_generation")
    assert len(times) == 2 * following.PAGE + 10


def go_back(home: Home, run: str, generation: int) -> None:
    """Have the run's next worker stand after an earlier generation, as after a damaged checkpoint."""
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    (home.paths.runs / run / "committed").write_text(str(generation))
    home.ask(commands.Resume, run=run)


def test_a_run_that_goes_back_under_a_mirror(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=100, milliseconds=20)
    following_it = mirror(home, "@")
    has(home, run, 20)
    go_back(home, run, 5)
    assert following_it.wait(60) == 0
    assert curve(boards(home) / run) == every(100)


def test_a_run_that_went_back_while_nobody_looked_and_came_to_something_else(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start(generations=20, milliseconds=1)
    home.reaches(run, S.FINISHED)
    once(home)
    daemon.terminate()
    daemon.wait(60)
    path = home.paths.runs / run / "metrics.jsonl"
    path.write_text(path.read_text().replace('"fitness_mean":20.0', '"fitness_mean":21.5'))
    home.fake_daemon()
    assert once(home) == 20
    assert curve(boards(home) / run) == [*every(19), (20, 21.5)]


def test_new_runs_are_taken_in_and_those_that_are_removed_stay(home: Home) -> None:
    home.fake_daemon()
    going_on = mirror(home)
    runs = [home.start(generations=3) for _ in range(2)]
    for run in runs:
        home.reaches(run, S.FINISHED)
        has(home, run, 3)
    home.ask(commands.Remove, run=runs[0])
    another = home.start(generations=3)
    has(home, another, 3)
    going_on.send_signal(signal.SIGTERM)
    assert going_on.wait(60) == 0
    for run in (*runs, another):
        assert curve(boards(home) / run) == every(3)


def test_ctrl_c_is_130_and_says_what_was_copied(home: Home) -> None:
    home.fake_daemon()
    going_on = subprocess.Popen(
        [str(BIN / "hadesd"), "mirror", "--tensorboard", str(boards(home)), "--json"],
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    has_begun = boards(home) / ".hades-mirror.lock"
    until(has_begun.exists, "it runs")
    assert going_on.stderr is not None
    until(going_on.stderr.readline, "it said that it is up to date")
    going_on.send_signal(signal.SIGINT)
    out, _ = going_on.communicate(timeout=60)
    assert (going_on.returncode, json.loads(out)) == (130, {"generations_copied": 0})


def test_two_mirrors_do_not_write_into_one_directory(home: Home) -> None:
    home.fake_daemon()
    going_on = mirror(home)
    assert going_on.stderr is not None
    until(going_on.stderr.readline, "it runs")
    second = home.hadesd("mirror", "--tensorboard", str(boards(home)), "--once")
    assert (second.returncode, second.stderr.count("\n")) == (3, 1)
    assert f"another 'hadesd mirror' writes into {boards(home)}" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--tensorboard", "/proc/boards", "--once"], 1, "cannot write /proc/boards: No such file or directory"),
        (["--tensorboard", "b", "--once", "no-such-run"], 3, "there is no run"),
        (["--wandb", "../x"], 2, "cannot name a project"),
        (["--once"], 2, "one of the arguments --tensorboard --wandb is required"),
        (["--tensorboard", "b", "--wandb", "p"], 2, "not allowed with argument"),
    ],
)
def test_bad_input_is_one_line(home: Home, arguments: list[str], code: int, why: str) -> None:
    home.fake_daemon()
    done = subprocess.run(
        [str(BIN / "hadesd"), "mirror", *arguments],
        env=home.environ,
        cwd=home.paths.state,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_a_daemon(home: Home) -> None:
    done = home.hadesd("mirror", "--tensorboard", str(boards(home)), "--once")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_a_missing_package_names_the_command_that_installs_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HADES_HOME", str(home.paths.state))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["mirror", "--tensorboard", str(boards(home))]) == 2
    assert "needs tensorboardX: pip install 'hades-distil[tensorboard]'" in capsys.readouterr().err
    assert main(["mirror", "--wandb", "p"]) == 2
    assert "needs wandb: pip install 'hades-distil[wandb]'" in capsys.readouterr().err
