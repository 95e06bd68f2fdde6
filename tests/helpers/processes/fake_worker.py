"""A worker without JAX: a real process that speaks worker_messages over the real socket and counts generations.

The spec's fields mean: seed chooses a behaviour (BEHAVIOURS), policy.width the milliseconds of a generation.
It keeps the order of the real one: metrics line, then commit (the file `committed`), then message.
"""

import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hades_protocol.run_state import WorkerPhase
from hadesd import worker_protocol as wm

BEHAVIOURS = {
    "good": 0,
    "crashes at once": 1,  # SIGSEGV before it is ready
    "fails": 2,  # status 1 with a reason
    "silent": 3,  # never says a word
    "talks nonsense": 4,
    "crashes every fifth generation": 5,
    "never halts": 6,
    "exits 1 without a word": 7,
    "hangs after five generations": 8,  # it beats on; only its first worker: the next one goes on
}


class FakeWorker:
    """Counts generations until it is told to stop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = json.loads((directory / "run.json").read_text())
        spec = self.record["spec"]
        self.behaviour = spec["seed"]
        self.seconds = spec["policy"]["width"] / 1000
        self.generations = spec["evolution"]["generations"]
        self.socket = socket.socket(fileno=int(os.environ[wm.FD_VARIABLE]))
        self.halting = False
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.halting = True

    def say(self, message: msgspec.Struct) -> None:
        """Send; a daemon that is gone is noticed by wait()."""
        try:
            wm.send(self.socket, message)
        except OSError:
            self.halting = True

    def wait(self, seconds: float) -> None:
        """Compute: that is, sleep and listen. A halt and the end of file are the same to it."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([] if self.halting else [self.socket], [], [], left)
            if readable:
                self.socket.recv(4096)
                self.halting = self.behaviour != BEHAVIOURS["never halts"]

    def misbehave_at_start(self) -> None:
        """What the behaviours do before the worker is ready."""
        if self.behaviour == BEHAVIOURS["crashes at once"]:
            sys.stdout.write("about to crash\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.behaviour == BEHAVIOURS["fails"]:
            self.say(
                wm.ExitReport(outcome=wm.WorkerOutcome.FAILED, generation=0, reason="the environment does not like you")
            )
            sys.exit(1)
        if self.behaviour == BEHAVIOURS["silent"]:
            time.sleep(1000)
        if self.behaviour == BEHAVIOURS["talks nonsense"]:
            self.socket.sendall(b"\0\0\0\5hello")
            time.sleep(1000)
        if self.behaviour == BEHAVIOURS["exits 1 without a word"]:
            raise RuntimeError("an uncaught exception")

    def run(self) -> int:
        """Returns the exit status."""
        self.misbehave_at_start()
        lock = open(self.directory / "lock", "w")  # noqa: SIM115 — held until the process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        committed = self.directory / "committed"
        generation = int(committed.read_text()) if committed.exists() else 0
        self._cut(generation)
        self.say(wm.Heartbeat(phase=WorkerPhase.EVALUATING, generation=generation + 1))
        self.say(wm.Resumed(generation=generation))
        while generation < self.generations:
            if self.behaviour == BEHAVIOURS["hangs after five generations"] and generation == 5:
                self._hang()
            self.wait(self.seconds)
            generation += 1
            self._commit(committed, generation)
            if self.behaviour == BEHAVIOURS["crashes every fifth generation"] and generation % 5 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.halting and generation < self.generations:
                self.say(wm.ExitReport(outcome=wm.WorkerOutcome.CHECKPOINTED, generation=generation))
                return 75
        self.say(wm.ExitReport(outcome=wm.WorkerOutcome.FINISHED, generation=generation))
        return 0

    def _hang(self) -> None:
        """Once for a run: compute no more, and say every half second that everything is fine."""
        mark = self.directory / "hung"
        while not mark.exists() or mark.read_text() == str(os.getpid()):
            mark.write_text(str(os.getpid()))
            self.say(wm.Heartbeat(phase=WorkerPhase.EVALUATING, generation=6))
            time.sleep(0.5)

    def _cut(self, generation: int) -> None:
        """As the real one does it, in one step: a kill between emptying a file and writing it would lose it."""
        path = self.directory / "metrics.jsonl"
        if path.exists():
            lines = path.read_bytes().splitlines(keepends=True)
            os.truncate(path, sum(map(len, lines[:generation])))

    def _commit(self, committed: Path, generation: int) -> None:
        metrics = GenerationMetrics(
            generation=generation,
            fitness_mean=float(generation),
            fitness_best=generation * 2.0,
            fitness_worst=0.0,
            fitness_std=1.0,
            best_so_far=generation * 2.0,
            sigma=0.1,
            episodes=10,
            unfinished=0,
            nan=0,
            env_steps=100,
        )
        timing = GenerationTiming(generation=generation, seconds=self.seconds, committed_at=time.time())
        for name, line in (("metrics.jsonl", metrics), ("timings.jsonl", timing)):
            with open(self.directory / name, "ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
        temporary = committed.with_suffix(".tmp")
        temporary.write_text(str(generation))
        temporary.replace(committed)
        self.say(wm.Committed(metrics=metrics, timing=timing))


if __name__ == "__main__":
    sys.exit(FakeWorker(Path(sys.argv[1])).run())
