"""Two who want the same run, or the same directory: one waits or is refused, and nothing is written twice."""

import os
import subprocess
import sys

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.faults.conftest import results, submit
from tests.helpers.processes.daemon import BIN, Home, until

S = RunState


def test_of_daemons_that_are_started_at_once_one_survives_and_serves(home: Home) -> None:
    daemons = [home.spawn([str(BIN / "hadesd"), "serve"]) for _ in range(5)]
    until(lambda: sum(daemon.poll() is not None for daemon in daemons) == 4, "all but one have given up")
    serving = next(daemon for daemon in daemons if daemon.poll() is None)
    home.answering(serving)
    for daemon in daemons:
        if daemon is not serving:
            assert daemon.returncode == 3
            assert daemon.stderr is not None
            refused = daemon.stderr.read().decode()
            assert refused.count("\n") == 1
            assert "a daemon already runs for" in refused


def test_a_worker_started_by_hand_waits_until_the_daemons_worker_lets_go(home: Home, twin: dict[str, bytes]) -> None:
    home.daemon()
    run = submit(home)
    home.reaches(run, S.RUNNING, 5)
    directory = home.paths.runs / run
    mine = home.spawn([sys.executable, "-m", "hadesd.worker", str(directory)])
    shown = home.reaches(run, S.FINISHED)
    assert shown.restarts == 0
    assert results(directory) == twin
    assert mine.wait(60) == 0, "it found the run finished"
    assert results(directory) == twin


def test_a_run_survives_that_its_worker_is_started_by_hand_first(home: Home) -> None:
    """The daemon's own worker waits; the generations of the other one are in the daemon's history too."""
    first = home.fake_daemon()
    run = home.start(generations=60, milliseconds=100)
    home.reaches(run, S.RUNNING, 2)
    first.kill()
    first.wait()
    until(lambda: not home.worker_pids(), "its worker has committed and ended")
    ours, theirs = os.pipe()
    by_hand = subprocess.Popen(
        [sys.executable, "-c", BY_HAND, str(home.paths.runs / run)], stdin=ours, stdout=subprocess.DEVNULL
    )
    os.close(ours)
    try:
        until(lambda: (home.paths.runs / run / "held").exists(), "it holds the lock")
        home.fake_daemon()
        assert home.show(run).reason == "the worker of the daemon before still finishes its generation"
    finally:
        os.close(theirs)
        assert by_hand.wait(60) == 0
    done = home.reaches(run, S.FINISHED)
    assert home.generations(run) == list(range(1, 61))
    assert [m.generation for m in home.ask(commands.History, run=run).metrics] == list(range(1, done.generation + 1))


BY_HAND = """
import fcntl, pathlib, sys
directory = pathlib.Path(sys.argv[1])
with open(directory / "lock", "r+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    (directory / "held").touch()
    sys.stdin.read()
"""
