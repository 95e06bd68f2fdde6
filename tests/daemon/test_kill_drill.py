"""SIGKILL at random moments, of the worker, of the daemon, and of both: nothing is lost, doubled or out of order."""

import contextlib
import os
import random
import signal
import time

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home

KILLS = 20
GENERATIONS = 150


@pytest.mark.drill
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_drill_with_workers_that_only_count(home: Home, seed: int) -> None:
    chance = random.Random(seed)
    # The back-off would make most of the test's time: daemons are killed more often than it lasts.
    daemon = home.fake_daemon()
    run = home.start(generations=GENERATIONS, milliseconds=20)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 0.35))
        victim = chance.choice(["worker", "daemon", "both"])
        pids = home.worker_pids()
        if victim != "daemon":
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if victim != "worker":
            daemon.kill()
            daemon.wait()
            daemon = home.fake_daemon()
        if home.show(run).state == RunState.FAILED:  # three kills in a row without a generation: as it should be
            home.ask(commands.Resume, run=run)
    while home.show(run).state in (RunState.FAILED, RunState.BACKOFF):
        if home.show(run).state == RunState.FAILED:
            home.ask(commands.Resume, run=run)
        time.sleep(0.1)
    done = home.reaches(run, RunState.FINISHED)
    assert done.generation == GENERATIONS
    assert home.generations(run) == list(range(1, GENERATIONS + 1))
    history = home.ask(commands.History, run=run)
    assert [m.generation for m in history.metrics] == list(range(1, GENERATIONS + 1))
    assert home.worker_pids() == []
