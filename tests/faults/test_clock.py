"""A wall clock that is set forward and back under a daemon, its workers and its clients: no run is harmed by it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from tests.helpers.faults.shifted_clock import ShiftedClock, can_compile
from tests.helpers.processes.daemon import Home, until

S = RunState
DAY = 86_400

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C compiler for a clock that can be set")


@pytest.fixture
def clock(home: Home, tmp_path: Path) -> Iterator[ShiftedClock]:
    """The clock of everything that is started in the home, the test's own process excepted."""
    clock = ShiftedClock(tmp_path)
    home.environ.update(clock.environ)
    yield clock
    clock.set(0)  # the daemon would not listen to the test's own process, which ends it


def lines(home: Home, run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (home.paths.runs / run / "timings.jsonl").read_text().splitlines()]


def shown(home: Home, run: str) -> dict[str, object]:
    """By a client that has the same clock as the daemon."""
    done = home.hadesd("status", run, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)["run"]
    return found


def test_the_clock_of_these_tests_jumps(clock: ShiftedClock, home: Home) -> None:
    program = "import time; print(time.time(), time.monotonic())"
    seen = []
    for shift in (0, DAY):
        clock.set(shift)
        done = subprocess.run([sys.executable, "-c", program], env=home.environ, capture_output=True, check=True)
        seen.append([float(word) for word in done.stdout.split()])
    (wall, monotonic), (later, still_monotonic) = seen
    assert DAY < later - wall < DAY + 600
    assert still_monotonic - monotonic < 600


def test_a_run_survives_jumps_of_the_clock(clock: ShiftedClock, home: Home) -> None:
    home.fake_daemon(heartbeat_timeout=15.0)
    run = home.start(generations=60, milliseconds=50)
    home.reaches(run, S.RUNNING, 5)
    clock.set(DAY)
    until(lambda: len(lines(home, run)) >= 20, "it goes on a day later")
    assert "running" in home.hadesd("status", run).stdout, "and the daemon answers clients of that day"
    clock.set(-DAY)
    done: RunSummary = home.reaches(run, S.FINISHED)
    assert (done.restarts, done.reason) == (0, "")
    assert home.generations(run) == list(range(1, 61))
    assert done.seconds_per_generation == pytest.approx(0.05), "durations are not taken from the clock that jumps"
    at = [line["committed_at"] for line in lines(home, run)]
    assert max(at) - min(at) > DAY, "it did jump"


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_pause_before_a_restart_does_not_last_for_a_day(clock: ShiftedClock, home: Home, jump: int) -> None:
    home.fake_daemon()
    run = home.start(generations=500, milliseconds=50)
    pid = home.reaches(run, S.RUNNING, 2).worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: "restarts after a pause" in json.dumps(shown(home, run)), "it waits for its restart")
    clock.set(jump)
    until(lambda: shown(home, run)["state"] == "running", "it is started again")


def test_a_daemon_that_starts_in_the_past_of_its_runs_goes_on_with_them(clock: ShiftedClock, home: Home) -> None:
    first = home.fake_daemon()
    run = home.start(generations=40, milliseconds=50)
    at = home.reaches(run, S.RUNNING, 5).generation
    first.terminate()
    assert first.wait(60) == 0
    clock.set(-DAY)
    home.fake_daemon()
    done = home.reaches(run, S.FINISHED)
    assert done.generation >= at
    assert home.generations(run) == list(range(1, 41))
    refused = home.hadesd("rm", "--state", "finished", "--older", "1h", "--yes")
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    assert (home.paths.runs / run).is_dir(), "nothing that lies in the future is old"
