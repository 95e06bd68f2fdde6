"""What a pause costs: seconds to the next generation, beside those of a first start; and what it leaves running.

`python -m benchmarks.resume [ENV [hadesd start's options]]`; without arguments CartPole-v1.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 3


class Bench:
    """An installation of its own, whose compilation cache is empty at first."""

    def __init__(self, home: Path, options: list[str]) -> None:
        self._home = home
        self._options = options
        self._environ = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
        self._environ |= {"HADES_HOME": str(home)}

    def hadesd(self, *arguments: str) -> str:
        """Run a verb; what it prints."""
        command = [sys.executable, "-m", "hadesd.cli.main", *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def start(self) -> tuple[str, float]:
        """A new run; its id, and the seconds until its first generation is committed."""
        began = time.time()
        run = self.hadesd("start", *self._options)
        return run, self._committed(run, 1) - began

    def resume(self, run: str) -> float:
        """Seconds until a paused run has a new generation."""
        known = len(self._lines(run))
        began = time.time()
        self.hadesd("resume", run)
        return self._committed(run, known + 1) - began

    def pause(self, run: str) -> list[str]:
        """Pause a run; the processes that still name it once it is paused."""
        self.hadesd("pause", run)
        while json.loads(self.hadesd("status", run, "--json"))["runs"][0]["state"] != "paused":
            time.sleep(0.1)
        found = subprocess.run(["pgrep", "-af", run], capture_output=True, text=True, check=False)
        return found.stdout.splitlines()

    def _committed(self, run: str, count: int) -> float:
        while len(lines := self._lines(run)) < count:
            time.sleep(0.02)
        committed_at: float = json.loads(lines[count - 1])["committed_at"]
        return committed_at

    def _lines(self, run: str) -> list[str]:
        path = self._home / "runs" / run / "timings.jsonl"
        return path.read_text().splitlines() if path.exists() else []


def main(arguments: list[str]) -> int:
    """Print the seconds."""
    env, *options = arguments or ["CartPole-v1"]
    with tempfile.TemporaryDirectory(prefix="hades-bench-", dir="/tmp") as home:
        bench = Bench(Path(home), ["--env", env, "--set", "evolution.generations=100000", *options])
        try:
            run, empty = bench.start()
            left = bench.pause(run)
            resumed = []
            for _ in range(ROUNDS):
                resumed.append(bench.resume(run))
                left += bench.pause(run)
            again, warm = bench.start()
            left += bench.pause(again)
        finally:
            bench.hadesd("stop")
    load = os.getloadavg()[0]
    print(f"{env}: first start {empty:.1f} s with an empty compilation cache, {warm:.1f} s with a warm one; ", end="")
    print(f"resume {statistics.median(resumed):.1f} s ({', '.join(f'{s:.1f}' for s in sorted(resumed))})")
    print(f"processes of a paused run (pgrep -af RUN): {len(left)} {left or ''}; load average at the end {load:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
