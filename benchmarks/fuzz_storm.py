"""Generations per second of a run while somebody sends 200 messages a second that make no sense, over those in quiet.

`python -m benchmarks.fuzz_storm [--seconds 60] [--rounds 2] [--rate 200]`; --short to see that it runs at all.

Quiet and storm are measured in turn in one run of one daemon (quiet, storm, quiet, storm, quiet), and each storm is
compared with the quiet times before and after it: a machine that grows slower or faster all the while cancels out. All
the time a client asks five times a second, as screens do. Exit code 0 where the wanted figures are reached, else 1.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from benchmarks.overhead import SHORT
from hades_protocol import commands
from hades_protocol.errors import HadesError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient, listens
from tests.helpers.faults.fuzz import FuzzSource

WANTED = 0.95
ASK_SECONDS = 0.2
WARM_UP = 30
"""Generations before the first measurement."""

PREPARED = 5000
"""Messages that are made before the measurement, and sent again and again: making them must not cost its cores."""


@dataclass
class Phase:
    """One stretch of time, quiet or stormy."""

    storm: bool
    generations_per_second: float = 0.0
    latencies: list[float] = field(default_factory=list)
    unanswered: int = 0
    sent: int = 0
    seconds: float = 0.0


class Storm:
    """Sends fuzzed messages at a rate, from a thread with a socket of its own, while it is a context."""

    def __init__(self, paths: Paths, rate: float, messages: list[list[bytes]]) -> None:
        self._endpoint = paths.control_endpoint
        self._pause = 1.0 / rate
        self._messages = messages
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.sent = 0

    def __enter__(self) -> "Storm":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.connect(self._endpoint)
            due = time.monotonic()
            for message in itertools.cycle(self._messages):
                due += self._pause
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                socket.send_multipart(message)
                self.sent += 1
                while socket.poll(0):
                    socket.recv()


def main() -> int:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="hades-storm-", dir="/tmp") as home:
        environment = os.environ | {"HADES_HOME": home}
        paths = Paths(environment)
        daemon = subprocess.Popen([sys.executable, "-m", "hadesd.cli.main", "serve"], env=environment)
        try:
            run = _start(paths)
            before = _resources(daemon.pid)
            phases = _measure(paths, run, options)
            grown = _resources(daemon.pid)
            with ControlClient(paths) as client:
                refused = client.request(commands.Hello).refused
        finally:
            daemon.terminate()
            daemon.wait(120)
        log = paths.daemon_log.stat().st_size
    print(f"daemon: memory {before[0]} -> {grown[0]} MiB, descriptors {before[1]} -> {grown[1]}, log {log} bytes")
    return _report(phases, refused)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each quiet or stormy phase (60)")
    parser.add_argument("--rounds", type=int, default=2, help="storms, each between two quiet phases (2)")
    parser.add_argument("--rate", type=float, default=200.0, help="fuzzed messages a second (200)")
    parser.add_argument("--short", action="store_true", help="3 seconds and one round: the figures mean nothing")
    options = parser.parse_args()
    if options.short:
        options.seconds, options.rounds = 3.0, 1
    return options


def _start(paths: Paths) -> str:
    """Submit a run without an end and wait until it is compiled and warm."""
    deadline = time.monotonic() + 60
    while not listens(paths):
        if time.monotonic() > deadline:
            raise RuntimeError("the daemon does not listen")
        time.sleep(0.1)
    spec = SHORT | {"evolution": SHORT["evolution"] | {"generations": 1_000_000}}
    with ControlClient(paths) as client:
        run: str = client.request(commands.Start, spec=spec).id
        while (summary := client.request(commands.Show, run=run).run).generation < WARM_UP:
            if summary.state in ("failed", "backoff"):
                raise RuntimeError(f"the run does not run: {summary.reason}")
            time.sleep(0.5)
    return run


def _measure(paths: Paths, run: str, options: argparse.Namespace) -> list[Phase]:
    messages = list(itertools.islice(FuzzSource(0), PREPARED))
    phases = []
    for number in range(2 * options.rounds + 1):
        phase = Phase(storm=number % 2 == 1)
        begun = time.time()
        if phase.storm:
            with Storm(paths, options.rate, messages) as storm:
                _ask(paths, run, phase, options.seconds)
            phase.sent = storm.sent
        else:
            _ask(paths, run, phase, options.seconds)
        phase.seconds = time.time() - begun
        phase.generations_per_second = _speed(paths.runs / run / "timings.jsonl", begun, begun + phase.seconds)
        phases.append(phase)
        print(_line(phase), flush=True)
    return phases


def _ask(paths: Paths, run: str, phase: Phase, seconds: float) -> None:
    """What a screen and a script ask, one question every ASK_SECONDS."""
    with ControlClient(paths) as client:
        end = time.monotonic() + seconds
        for kind, fields in itertools.cycle(_questions(run)):
            begun = time.monotonic()
            try:
                client.request(kind, **fields)
            except HadesError as error:
                phase.unanswered += 1
                print(f"not answered: {error}", file=sys.stderr)
            else:
                phase.latencies.append(time.monotonic() - begun)
            if begun + ASK_SECONDS > end:
                break
            time.sleep(max(0.0, begun + ASK_SECONDS - time.monotonic()))


def _questions(run: str) -> Iterator[tuple[type[commands.Request], dict[str, object]]]:
    yield commands.Hello, {}
    yield commands.Snapshot, {}
    yield commands.Show, {"run": run}
    yield commands.History, {"run": run, "points": 500}
    yield commands.Dataset, {"run": run}


def _speed(timings: Path, begun: float, ended: float) -> float:
    """Generations per second between the first and the last commit in a stretch of time."""
    times = [json.loads(line)["committed_at"] for line in timings.read_text().splitlines()]
    inside = [at for at in times if begun <= at <= ended]
    return (len(inside) - 1) / (inside[-1] - inside[0])


def _resources(pid: int) -> tuple[int, int]:
    """MiB of memory in use, open descriptors."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20, len(os.listdir(f"/proc/{pid}/fd"))


def _line(phase: Phase) -> str:
    name = f"storm, {phase.sent / phase.seconds:.0f} messages/s" if phase.storm else "quiet"
    return (
        f"{name:>24}: {phase.generations_per_second:.3f} generations/s; {len(phase.latencies)} requests answered, "
        f"{phase.unanswered} not; {_percentiles(phase.latencies)}"
    )


def _percentiles(latencies: list[float]) -> str:
    marks = statistics.quantiles(latencies, n=100)
    return f"ms: median {marks[49] * 1e3:.1f}, p95 {marks[94] * 1e3:.1f}, p99 {marks[98] * 1e3:.1f}, " + (
        f"most {max(latencies) * 1e3:.1f}"
    )


def _report(phases: list[Phase], refused: int) -> int:
    ratios = [
        phases[i].generations_per_second
        / statistics.mean((phases[i - 1].generations_per_second, phases[i + 1].generations_per_second))
        for i in range(1, len(phases), 2)
    ]
    sent = sum(phase.sent for phase in phases)
    unanswered = sum(phase.unanswered for phase in phases)
    ratio = statistics.mean(ratios)
    listed = " ".join(f"{one:.3f}" for one in ratios)
    print(
        f"fuzz storm: generations per second, storm / quiet {ratio:.3f} (wanted: {WANTED}; rounds {listed}); "
        f"{sent} messages sent, {refused} of them refused as no protocol; {unanswered} legitimate requests unanswered"
    )
    return 0 if ratio >= WANTED and not unanswered else 1


if __name__ == "__main__":
    sys.exit(main())
