"""Workers that no longer get on: one that is stopped, and one whose heartbeats go on while it computes nothing."""

import os
import signal

from hades_protocol.run_state import RunState
from tests.faults.conftest import results, submit
from tests.helpers.processes.daemon import Home
from tests.helpers.processes.fake_worker import BEHAVIOURS

S = RunState


def test_a_run_survives_a_worker_that_was_stopped_with_sigstop(home: Home, twin: dict[str, bytes]) -> None:
    home.daemon("--heartbeat-timeout", "6")
    run = submit(home)
    stopped = home.reaches(run, S.RUNNING, 10).worker_pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    backoff = home.reaches(run, S.BACKOFF)
    assert backoff.reason.startswith("the worker gave no sign of life for ")
    done = home.reaches(run, S.FINISHED)
    assert done.restarts == 1
    assert results(home.paths.runs / run) == twin


def test_a_run_survives_a_worker_that_beats_but_commits_no_more(home: Home) -> None:
    home.fake_daemon(hang_factor=20.0, hang_floor=3.0)
    run = home.start(generations=8, milliseconds=50, seed=BEHAVIOURS["hangs after five generations"])
    hung = home.reaches(run, S.BACKOFF)
    assert hung.generation == 5
    assert hung.reason.startswith("the worker hangs: no generation for ")
    assert "times the median of 0.05 s" in hung.reason
    done = home.reaches(run, S.FINISHED)
    assert done.restarts == 1
    assert home.generations(run) == list(range(1, 9))


def test_a_worker_that_gets_on_slowly_is_left_alone(home: Home) -> None:
    home.fake_daemon(hang_factor=3.0, hang_floor=0.0)
    run = home.start(generations=6, milliseconds=1500)
    assert home.reaches(run, S.FINISHED).restarts == 0
