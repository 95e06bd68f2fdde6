"""A real daemon process in a short directory of its own, for tests."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hades_protocol import commands
from hades_protocol.errors import UnreachableError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hades_protocol.sync_client import ControlClient, listens
from tests.helpers.processes.niceness import UNPOLITE

FAKE_DAEMON = Path(__file__).with_name("fake_daemon.py")
BIN = Path(sys.executable).parent
DEADLINE = 180.0
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
"""Whether coverage is measured: a process that is killed tells nothing of what it ran."""

T = TypeVar("T")


def until(condition: Callable[[], T], what: str | Callable[[], str], seconds: float = DEADLINE) -> T:
    """The first true value of a condition; `what` is asked for only when it did not come.

    Raises:
        AssertionError: it did not come in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")


class Home:
    """An installation's directory, with daemons and commands in it."""

    def __init__(self, directory: Path) -> None:
        self.environ = {**os.environ, "HADES_HOME": str(directory), "NO_COLOR": "1"}
        self.environ.pop("PYTHONWARNINGS", None)
        self.paths = Paths(self.environ)
        self.daemons: list[subprocess.Popen[bytes]] = []

    # A daemon ------------------------------------------------------------------------------------------------

    def spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a process in this home; it is killed when the test ends."""
        process = subprocess.Popen(
            [*UNPOLITE, *command],
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.daemons.append(process)
        return process

    def fake_daemon(self, **settings: Any) -> "subprocess.Popen[bytes]":
        """A daemon whose workers only count; it answers when this returns."""
        return self.answering(self.spawn([sys.executable, str(FAKE_DAEMON), json.dumps(settings)]))

    def daemon(self, *flags: str) -> "subprocess.Popen[bytes]":
        """`hadesd serve`; it answers when this returns."""
        return self.answering(self.spawn([str(BIN / "hadesd"), "serve", *flags]))

    def answering(self, process: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
        """Wait until a daemon answers, and see that it is this one."""

        def ready() -> bool:
            assert process.poll() is None, f"the daemon ended: {process.communicate()[1].decode()}"
            return listens(self.paths)

        until(ready, "the daemon listens")
        assert self.ask(commands.Hello).pid == process.pid
        return process

    def ask(self, kind: type[commands.Request], **fields: Any) -> Any:
        """One request, on a connection of its own."""
        with ControlClient(self.paths) as client:
            return client.request(kind, **fields)

    def start(self, generations: int = 1000, milliseconds: int = 10, seed: int = 0) -> str:
        """Submit a run for fake workers; its id."""
        spec = {
            "env": "CartPole-v1",
            "seed": seed,
            "policy": {"width": milliseconds},
            "evolution": {"generations": generations},
        }
        summary: RunSummary = self.ask(commands.Start, spec=spec)
        return summary.id

    def show(self, run: str) -> RunSummary:
        """A run's summary now."""
        summary: RunSummary = self.ask(commands.Show, run=run).run
        return summary

    def reaches(self, run: str, state: RunState, generation: int = 0, seconds: float = DEADLINE) -> RunSummary:
        """Wait until a run is in a state and has that many generations."""

        def there() -> RunSummary | None:
            summary = self.show(run)
            return summary if summary.state == state and summary.generation >= generation else None

        return until(there, lambda: f"{run} is {state} at generation {generation}, but: {self.show(run)}", seconds)

    # Commands ------------------------------------------------------------------------------------------------

    def hadesd(self, *arguments: str, timeout: float = DEADLINE) -> "subprocess.CompletedProcess[str]":
        """Run `hadesd` as a user does."""
        return subprocess.run(
            [*UNPOLITE, str(BIN / "hadesd"), *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    # The disk ------------------------------------------------------------------------------------------------

    def record(self, run: str) -> dict[str, Any]:
        """run.json."""
        record: dict[str, Any] = json.loads((self.paths.runs / run / "run.json").read_text())
        return record

    def generations(self, run: str) -> list[int]:
        """Generations in metrics.jsonl, in the order of the file."""
        path = self.paths.runs / run / "metrics.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["generation"] for line in lines]

    def log(self) -> list[dict[str, Any]]:
        """daemon.log."""
        return [json.loads(line) for line in self.paths.daemon_log.read_text().splitlines()]

    def worker_pids(self, runs: Path | None = None) -> list[int]:
        """Processes that work on a run below a directory, by default one of this home."""
        mark = os.fsencode(runs or self.paths.runs) + b"/"
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    def close(self) -> None:
        """End everything that was started here."""
        if listens(self.paths):  # perhaps one that `hadesd start` left in the background
            with contextlib.suppress(UnreachableError):  # it is on its way out: below it is waited for
                os.kill(self.ask(commands.Hello).pid, signal.SIGKILL)
        for process in self.daemons:
            if MEASURED and process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=10)
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.worker_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.paths.state, ignore_errors=True)


@contextlib.contextmanager
def a_home() -> Iterator[Home]:
    """A home below /tmp: pytest's own directories are too long for a socket's path."""
    home = Home(Path(tempfile.mkdtemp(prefix="hades-", dir="/tmp")))
    try:
        yield home
    finally:
        home.close()
