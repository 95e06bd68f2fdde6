"""The daemon's memory over a life of many runs: weeks of generations in minutes, from workers that only count.

`python -m benchmarks.long_life [--minutes 25]`

Three runs at a time, each of 5000 generations as fast as its worker counts; the next one is started when one ends, and
every ended one is looked at once, curve and settings, as a screen would. A line every half minute: memory and
descriptors of the daemon, generations committed and runs known so far.
"""

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

from benchmarks.screen import resident
from hades_protocol import commands
from hades_protocol.replies import SnapshotResult
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home, a_home

AT_ONCE = 3
GENERATIONS = 5000
MILLISECONDS = 10
LINE_SECONDS = 30.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=25.0)
    minutes = parser.parse_args().minutes
    with a_home() as home:
        daemon = home.fake_daemon(slots=AT_ONCE)
        print("minute      MiB  descriptors  generations  runs", flush=True)
        begun = time.monotonic()
        looked_at = set[str]()
        for number in itertools.count():
            while time.monotonic() < begun + number * LINE_SECONDS:
                keep_busy(home, looked_at)
                time.sleep(1.0)
            print(line(home, daemon.pid, (time.monotonic() - begun) / 60), flush=True)
            if number * LINE_SECONDS >= 60 * minutes:
                return 0
    raise AssertionError("counting has no end")


def keep_busy(home: Home, looked_at: set[str]) -> None:
    """Start what is missing, look at what has ended."""
    snapshot: SnapshotResult = home.ask(commands.Snapshot)
    ended = {run.id for run in snapshot.runs if run.state is RunState.FINISHED}
    for run in ended - looked_at:
        home.ask(commands.History, run=run, points=2000)
        home.ask(commands.Show, run=run)
        looked_at.add(run)
    for _ in range(AT_ONCE - (len(snapshot.runs) - len(ended))):
        home.start(GENERATIONS, MILLISECONDS)


def line(home: Home, pid: int, minute: float) -> str:
    """Where things stand."""
    snapshot: SnapshotResult = home.ask(commands.Snapshot)
    descriptors = len(os.listdir(Path(f"/proc/{pid}/fd")))
    generations = sum(run.generation for run in snapshot.runs)
    return f"{minute:6.1f}  {resident(pid):7.1f}  {descriptors:11}  {generations:11}  {len(snapshot.runs):4}"


if __name__ == "__main__":
    sys.exit(main())
