"""A real worker process, started as the supervisor starts it, for tests that need no supervisor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.storage import records
from tests.helpers.processes.niceness import UNPOLITE


def make_run(directory: Path, spec: RunSpec) -> Path:
    """A run directory with its run.json."""
    directory.mkdir(parents=True)
    records.save(directory, records.RunRecord(schema=1, id=directory.name, created_at=0.0, spec=spec_to_dict(spec)))
    return directory


def start(directory: Path, **environment: str) -> subprocess.Popen:
    """Start `python -m hadesd.worker` on a run directory; its log goes to worker.log."""
    with open(directory / "worker.log", "ab") as log:
        return subprocess.Popen(
            [*UNPOLITE, sys.executable, "-m", "hadesd.worker", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | environment,
        )


def finish(directory: Path, timeout: float = 120, **environment: str) -> int:
    """Run a worker to its end; its exit status. One that takes too long is killed."""
    with start(directory, **environment) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def wait_for_generation(directory: Path, process: subprocess.Popen, generation: int, timeout: float = 120) -> None:
    """Wait until that generation's metrics line is there."""
    deadline = time.monotonic() + timeout
    path = directory / "metrics.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < generation:
        assert process.poll() is None, f"the worker ended early:\n{(directory / 'worker.log').read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"no generation {generation} within {timeout} s"
        time.sleep(0.005)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL, and wait for its end."""
    process.send_signal(signal.SIGKILL)
    process.wait(60)


def results(directory: Path) -> dict[str, bytes]:
    """What has to be the same, to the bit, however often a run was interrupted."""
    return {name: (directory / name).read_bytes() for name in ("metrics.jsonl", "dataset.npz")}
