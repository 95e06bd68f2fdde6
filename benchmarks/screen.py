"""What the screen costs: processor time, bytes to the terminal, seconds until a long run is on it.

`python -m benchmarks.screen [--seconds 30] [--generations 1000000]`

A real daemon whose workers only count (so that the figures are those of daemon and screen), the real `hades-tui` on a
pseudo-terminal of 160x45. Three measurements: twenty runs of which one commits five generations a second; one that
commits one a second; and a finished run of a million generations, from starting the program to the first curve.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

import msgspec

from benchmarks.home import TICKS, process_stat
from hades_protocol import commands
from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import BIN, Home

ROWS, COLUMNS = 45, 160
RUNS = 20
BRAILLE = re.compile("[\u2801-\u28ff]")


class Screen:
    """`hades-tui attach` on a terminal of its own, whose bytes are counted."""

    def __init__(self, home: Home, *flags: str) -> None:
        self.began = time.monotonic()
        self.received = 0
        self.text = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(home.environ, TERM="xterm-256color", COLUMNS="", LINES="")
            os.environ.pop("NO_COLOR", None)
            os.execv(str(BIN / "hades-tui"), ["hades-tui", "attach", *flags])
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read(self, seconds: float) -> int:
        """Take in what is drawn for a while; the number of bytes."""
        end, before = time.monotonic() + seconds, self.received
        while (left := end - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                data = os.read(self._terminal, 1 << 16)
                self.received += len(data)
                self.text = (self.text + data.decode(errors="replace"))[-200_000:]
        return self.received - before

    def read_until(self, pattern: "re.Pattern[str]", seconds: float = 60.0) -> float:
        """Seconds from the start of the program until something is drawn."""
        end = time.monotonic() + seconds
        while not pattern.search(self.text):
            if time.monotonic() > end:
                raise RuntimeError(f"{pattern.pattern!r} was not drawn: {self.text[-300:]!r}")
            self.read(0.005)
        return time.monotonic() - self.began

    def close(self) -> None:
        """Leave as a user does."""
        os.write(self._terminal, b"q")
        with contextlib.suppress(OSError):  # EIO: it has left
            self.read(10.0)
        os.close(self._terminal)
        os.waitpid(self.pid, 0)


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    return sum(map(int, process_stat(pid)[11:13])) / TICKS


def resident(pid: int) -> float:
    """MiB of memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def watch(home: Home, daemon: int, milliseconds: int, seconds: float, *flags: str) -> dict[str, float]:
    """Shares of a core, and bytes a second, while one run commits a generation every so many milliseconds."""
    run = home.start(generations=10**6, milliseconds=milliseconds)
    home.reaches(run, RunState.RUNNING, 1)
    screen = Screen(home, *flags)
    screen.read_until(BRAILLE)
    screen.read(8.0)
    before = processor_seconds(screen.pid), processor_seconds(daemon), time.monotonic()
    drawn = screen.read(seconds)
    took = time.monotonic() - before[2]
    result = {
        "screen, share of a core": round((processor_seconds(screen.pid) - before[0]) / took, 4),
        "daemon, share of a core": round((processor_seconds(daemon) - before[1]) / took, 4),
        "bytes a second": round(drawn / took),
        "screen, MiB": round(resident(screen.pid), 1),
    }
    screen.close()
    home.ask(commands.Cancel, run=run)
    home.reaches(run, RunState.CANCELLED)
    return result


def long_run(home: Home, generations: int) -> str:
    """A finished run of so many generations, with a spike of one generation in its middle."""
    daemon = home.fake_daemon()
    run = home.start(generations=3, milliseconds=1)
    home.reaches(run, RunState.FINISHED)
    daemon.terminate()
    daemon.wait(30)
    directory = home.paths.runs / run
    record = json.loads((directory / "run.json").read_text())
    record["spec"]["evolution"]["generations"] = generations
    (directory / "run.json").write_text(json.dumps(record))
    with open(directory / "metrics.jsonl", "rb") as file:
        first = msgspec.json.decode(file.readline(), type=GenerationMetrics)
    with open(directory / "metrics.jsonl", "wb") as metrics, open(directory / "timings.jsonl", "wb") as timings:
        for g in range(1, generations + 1):
            mean = 5000.0 if g == generations // 2 else 400.0 * g / generations + g % 17
            line = msgspec.structs.replace(first, generation=g, fitness_mean=mean, fitness_best=mean + 20.0)
            metrics.write(msgspec.json.encode(line) + b"\n")
            timing = GenerationTiming(generation=g, seconds=0.5, committed_at=1.7e9 + g / 2)
            timings.write(msgspec.json.encode(timing) + b"\n")
    (directory / "committed").write_text(str(generations))
    return run


def attach(home: Home, generations: int) -> dict[str, float]:
    """Seconds from a cold program to the curve of a long run: the first time ever, and then as always."""
    run = long_run(home, generations)
    daemon = home.fake_daemon()
    out: dict[str, float] = {}
    for what in ("first look ever, daemon just started", "again", "again, third"):
        screen = Screen(home, run)
        out[f"{what}: seconds to the curve"] = round(screen.read_until(BRAILLE), 2)
        screen.read(1.0)
        out[f"{what}: screen, MiB"] = round(resident(screen.pid), 1)
        screen.close()
    out["daemon, MiB"] = round(resident(daemon.pid), 1)
    daemon.terminate()
    daemon.wait(30)
    daemon = home.fake_daemon()
    screen = Screen(home, run)
    out["daemon restarted: seconds to the curve"] = round(screen.read_until(BRAILLE), 2)
    screen.close()
    daemon.terminate()
    daemon.wait(30)
    return out


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--generations", type=int, default=1_000_000)
    options = parser.parse_args()
    home = Home(Path(tempfile.mkdtemp(prefix="hades-screen-", dir="/tmp")))
    try:
        daemon = home.fake_daemon(slots=4)
        for _ in range(RUNS - 1):
            run = home.start(generations=30, milliseconds=1)
        home.reaches(run, RunState.FINISHED)
        print("20 runs, one at 5 generations a second:")
        print(json.dumps(watch(home, daemon.pid, 200, options.seconds), indent=1))
        print("20 runs, one at 1 generation a second, theme ansi:")
        print(json.dumps(watch(home, daemon.pid, 1000, options.seconds, "--theme", "ansi"), indent=1))
        daemon.terminate()
        daemon.wait(30)
        print(f"a run of {options.generations} generations:")
        print(json.dumps(attach(home, options.generations), indent=1))
    finally:
        home.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
