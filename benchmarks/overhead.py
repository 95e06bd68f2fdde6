"""Seconds a generation under the daemon, with a checkpoint every generation and a screen attached, over a bare loop.

Both are measured in turn, in one run of this program, on the same machine: what counts is the ratio.
"""

import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hades_protocol.run_spec import build_spec, spec_to_dict
from hadesd.supervisor.environment import worker_environment

COMMON: dict[str, Any] = {
    "env": "CartPole-v1",
    "dataset": {"pairs": 2},
    "evaluation": {"environments": 2, "steps": 500, "normalisation": "none"},
}
LONG = COMMON | {
    "evolution": {"population": 192, "sigma": 0.3, "shaping": "ranks", "generations": 60},
    "policy": {"width": 64, "inits": 4},
    "cloning": {"epochs": 100},
}
SHORT = COMMON | {
    "evolution": {"population": 56, "sigma": 0.3, "shaping": "ranks", "generations": 600},
    "policy": {"width": 16, "inits": 2},
    "cloning": {"epochs": 50},
    "evaluation": {"environments": 2, "steps": 150, "normalisation": "none"},
}
ROUNDS = 3


def main() -> int:
    """Measure both generations and print the table."""
    print("overhead: seconds a generation, daemon + checkpoints + screen / bare loop (median of rounds)")
    print(f"{'generation':>12} {'bare':>9} {'daemon':>9} {'ratio':>7}   rounds")
    for name, values, limit in (("long", LONG, 1.10), ("short", SHORT, 1.5)):
        rounds = [_round(values) for _ in range(ROUNDS)]
        ratios = [under / bare for bare, under in rounds]
        bare, under = (statistics.median(column) for column in zip(*rounds, strict=True))
        listed = " ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"{name:>12} {bare:9.4f} {under:9.4f} {statistics.median(ratios):7.3f}   {listed} (wanted: {limit})")
    return 0


def _round(values: dict[str, Any]) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="hades-bench-") as directory:
        home = Path(directory)
        spec = build_spec(values)
        file = home / "spec.json"
        file.write_text(json.dumps(spec_to_dict(spec)))
        generations = min(spec.evolution.generations, 300)
        cores = len(os.sched_getaffinity(0))
        cache = Path(tempfile.gettempdir()) / "hades-bench-cache"
        environment = worker_environment(spec, None, cores, cache, os.environ) | {"HADES_HOME": directory}
        command = [sys.executable, "-m", "benchmarks.bare_loop", str(file), str(generations)]
        bare = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return float(bare.stdout), _under_daemon(home, file, environment)


def _under_daemon(home: Path, spec_file: Path, environment: dict[str, str]) -> float:
    """Median seconds between commits, from the run's own timings."""

    def hadesd(*arguments: str) -> str:
        command = [sys.executable, "-m", "hadesd.cli.main", *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    run = json.loads(hadesd("start", "--spec", str(spec_file), "--json"))["id"]
    stop_screen = _attach(environment)
    try:
        hadesd("wait", run)
    finally:
        stop_screen()
        hadesd("stop")
    lines = (home / "runs" / run / "timings.jsonl").read_text().splitlines()
    # The first ones contain the compilation, and the screen's start.
    return statistics.median([json.loads(line)["seconds"] for line in lines[len(lines) // 4 :]])


def _attach(environment: dict[str, str]) -> Callable[[], None]:
    """A real `hades-tui attach` on a pseudo-terminal of 160 x 45, read and dropped; returns what ends it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hades_tui.cli", "attach"]
    size = {"COLUMNS": "160", "LINES": "45", "TERM": "xterm-256color"}
    screen = subprocess.Popen(command, env=environment | size, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)

    def drain() -> None:
        try:
            while os.read(ours, 65536):
                pass
        except OSError:
            return  # the screen has closed its terminal

    threading.Thread(target=drain, daemon=True).start()
    time.sleep(1.0)
    if screen.poll() is not None:
        raise RuntimeError("the screen did not stay up: run 'hades-tui attach' by hand to see why")

    def stop() -> None:
        if screen.poll() is not None:
            raise RuntimeError("the screen ended during the measurement")
        screen.terminate()
        screen.wait(10)

    return stop


if __name__ == "__main__":
    sys.exit(main())
