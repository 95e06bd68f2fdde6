"""An installation of hades in a directory of its own, used by its commands as people use it."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.children import HERE, SideError, Tree

TICKS = os.sysconf("SC_CLK_TCK")
"""A second of CPU time in /proc."""

POLL_SECONDS = 0.02
WAIT_SECONDS = 1800.0


class Home:
    """Commands of one tree, with state, caches and daemon below one directory.

    cache: a compilation cache elsewhere, to share one between installations.
    """

    def __init__(
        self,
        directory: Path,
        tree: Tree = HERE,
        cache: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory, self.tree = directory, tree
        self.environment = {**tree.environment(directory), **(environment or {})}
        if cache is not None:
            self.environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)

    def command(self, *arguments: str) -> list[str]:
        """The command line of a verb."""
        return [self.tree.python, "-P", "-m", "hadesd.cli.main", *arguments]

    def hadesd(self, *arguments: str, timeout: float = WAIT_SECONDS) -> str:
        """Run a verb to its end; what it prints.

        Raises:
            SideError: it ends with another code than 0, or not in time.
        """
        try:
            done = subprocess.run(
                self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise SideError(f"hadesd {' '.join(arguments)}: no end within {timeout:.0f} s") from None
        if done.returncode:
            raise SideError(f"hadesd {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
        return done.stdout.strip()

    def status(self, run: str) -> dict[str, Any]:
        """A run as `hadesd status` tells it, and `daemon`."""
        document: dict[str, Any] = json.loads(self.hadesd("status", run, "--json"))
        return document["run"] | {"daemon": document["daemon"]}

    def timings(self, run: str) -> list[dict[str, Any]]:
        """The lines of the run's generations: seconds, committed_at."""
        path = self.directory / "runs" / run / "timings.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def committed(self, run: str, count: int, seconds: float = WAIT_SECONDS) -> float:
        """Wait until a run has so many generations; the Unix time at which the last of them was committed.

        Raises:
            SideError: the run failed, or it took too long.
        """
        deadline = time.monotonic() + seconds
        look = time.monotonic() + 5.0
        while len(lines := self.timings(run)) < count:
            if time.monotonic() > look:
                self._see_alive(run, deadline, f"generation {count}")
                look = time.monotonic() + 5.0
            time.sleep(POLL_SECONDS)
        at: float = lines[count - 1]["committed_at"]
        return at

    def reaches(self, run: str, state: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait until a run is in a state."""
        deadline = time.monotonic() + seconds
        while self.status(run)["state"] != state:
            self._see_alive(run, deadline, state)
            time.sleep(0.1)

    def pause(self, run: str) -> list[str]:
        """Pause a run; the processes that still name it once it is paused."""
        self.hadesd("pause", run)
        self.reaches(run, "paused")
        found = subprocess.run(["pgrep", "-af", run], capture_output=True, text=True, check=False)
        return found.stdout.splitlines()

    def memory(self, run: str) -> dict[str, int]:
        """Most bytes that the run's worker and the daemon have had resident so far."""
        shown = self.status(run)
        return {"worker": peak_resident(shown["worker_pid"]), "daemon": peak_resident(shown["daemon"]["pid"])}

    def stop(self) -> None:
        """End the daemon, where there is one."""
        subprocess.run(self.command("stop"), env=self.environment, capture_output=True, check=False)

    def _see_alive(self, run: str, deadline: float, wanted: str) -> None:
        shown = self.status(run)
        if shown["state"] in ("failed", "cancelled"):
            raise SideError(f"{run} is {shown['state']}: {shown['reason']}")
        if time.monotonic() > deadline:
            raise SideError(f"{run} has not reached {wanted} in time; it is {shown['state']} ({shown['phase']})")


def process_stat(pid: int) -> list[str]:
    """What /proc/PID/stat says behind the name, which may hold spaces and brackets: state, parent, and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def peak_resident(pid: int) -> int:
    """VmHWM of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/status says no VmHWM")


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]
