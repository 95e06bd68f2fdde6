"""A screen through all that can happen to its daemon, to itself and to the way between: what it holds is true."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home, until

PROGRAM = Path(__file__).parents[1] / "helpers" / "screen" / "screen_process.py"
S = RunState


class Watcher:
    """A screen in a process of its own that can be asked what it knows."""

    def __init__(self, home: Home, run: str) -> None:
        self._file = home.paths.state / "screen.json"
        command = [sys.executable, str(PROGRAM), home.paths.control_endpoint, home.paths.events_endpoint, run]
        self.process = subprocess.Popen([*command, str(self._file)], env=home.environ)
        until(self._file.exists, "the screen begins")

    def knows(self) -> dict[str, Any]:
        """What its model holds now."""
        self._file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        until(self._file.exists, "the screen answers")
        content: dict[str, Any] = json.loads(self._file.read_text())
        return content

    def waits_for(self, generation: int, link: str = "live") -> dict[str, Any]:
        """What it holds when it has got so far."""

        def there() -> dict[str, Any] | None:
            knows = self.knows()
            time.sleep(0.1)
            is_there = knows["link"] == link and knows["loaded"] and (knows["generation"] or 0) >= generation
            return knows if is_there else None

        return until(there, f"the screen is {link} at generation {generation}: {self.knows()}")

    def close(self) -> None:
        """End it, stopped or not."""
        self.process.kill()
        self.process.wait()


def check(home: Home, run: str, knows: dict[str, Any]) -> None:
    """Every generation once, in order, with the values of the file."""
    lines = [json.loads(line) for line in (home.paths.runs / run / "metrics.jsonl").read_text().splitlines()]
    count = len(knows["metrics"])
    assert knows["metrics"] == [[line["generation"], line["fitness_mean"]] for line in lines[:count]]
    assert knows["metrics"][-1][0] >= knows["generation"]  # the answer about its past may be ahead of the events
    steps = [sum(line["env_steps"] for line in lines[: i + 1]) for i in range(count)]
    assert knows["env_steps"] == steps


@pytest.mark.timeout(200)
def test_killed_daemons_and_a_stopped_screen_lose_and_double_nothing(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start(generations=1500, milliseconds=20)
    watcher = Watcher(home, run)
    try:
        check(home, run, watcher.waits_for(10))
        for _ in range(2):
            daemon.kill()
            daemon.wait()
            until(lambda: watcher.knows()["link"] == "stale", "it says that it is stale")
            daemon = home.fake_daemon()
            at = home.show(run).generation
            check(home, run, watcher.waits_for(at))
        os.kill(watcher.process.pid, signal.SIGSTOP)
        time.sleep(5.0)
        at = home.show(run).generation
        os.kill(watcher.process.pid, signal.SIGCONT)
        check(home, run, watcher.waits_for(at))
        home.reaches(run, S.FINISHED)
        until(lambda: watcher.knows()["state"] == "finished", "it says that the run has finished")
        knows = watcher.waits_for(1500)
        check(home, run, knows)
        assert (knows["generation"], len(knows["metrics"])) == (1500, 1500)
    finally:
        watcher.close()
