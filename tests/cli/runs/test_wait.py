"""hadesd wait --timeout: the limit holds whatever becomes of the daemon."""

import signal
import subprocess

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hadesd.api import polling
from hadesd.cli.main import main
from tests.helpers.processes.daemon import BIN, Home

LONG = {"env": "CartPole-v1", "policy": {"width": 20}, "evolution": {"generations": 100_000}}


def a_run(home: Home) -> str:
    """A run of the group three that goes on for long."""
    run: str = home.ask(commands.Start, spec=LONG, group="three").id
    home.reaches(run, RunState.RUNNING, 1)
    return run


def waiting(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    """`hadesd wait` that has seen what it waits for."""
    process = subprocess.Popen(
        [str(BIN / "hadesd"), "wait", *arguments], env=home.environ, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("waiting for ")
    return process


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_the_daemon_goes_while_somebody_waits(home: Home, fault: signal.Signals) -> None:
    daemon = home.fake_daemon()
    run = a_run(home)
    waits = {
        f"run {run}": waiting(home, run, "--timeout", "10"),
        "group three": waiting(home, "--group", "three", "--timeout", "10"),
    }
    daemon.send_signal(fault)
    said = {name: process.communicate(timeout=60)[1] for name, process in waits.items()}
    daemon.kill()
    daemon.wait()
    for name, process in waits.items():
        assert process.returncode == 3, said[name]
        last = said[name].splitlines()[-1]
        assert last.startswith(f"hadesd: {name} has not ended within 10 s: ")
        assert last.endswith("; the daemon does not answer")
        assert "no daemon came back" not in said[name]


def test_a_daemon_that_does_not_answer_from_the_beginning(home: Home) -> None:
    daemon = home.fake_daemon()
    daemon.send_signal(signal.SIGSTOP)
    done = home.hadesd("wait", "@", "--timeout", "0.1")
    daemon.kill()
    daemon.wait()
    assert (done.returncode, done.stderr) == (
        3,
        "hadesd: run @ has not ended within 0.1 s; the daemon does not answer\n",
    )


def test_a_daemon_that_answers_is_not_blamed(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.fake_daemon()
    run = a_run(home)
    monkeypatch.setenv("HADES_HOME", home.environ["HADES_HOME"])
    monkeypatch.setattr(polling, "LAST_ANSWER", 60.0)  # for a busy machine
    assert main(["wait", run, "--timeout", "0.1"]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"hadesd: run {run} has not ended within 0.1 s: it is running after")
    assert "does not answer" not in last
