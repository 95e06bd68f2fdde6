"""A run that several processes share ends with the bits of one process, whichever of them is killed. Real processes."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hades_protocol.errors import ExitCode
from tests.helpers.processes import worker_process as wp
from tests.helpers.processes.daemon import until
from tests.helpers.runs.specs import tiny

pytestmark = [pytest.mark.process, pytest.mark.optimised]

SHARED = {
    "evolution": {"generations": 60, "population": 10},
    "dataset": {"bound": 3.0},
    "evaluation": {"normalisation": "fixed", "mean_every": 20, "mean_environments": 2, "mean_inits": 3, "steps": 200},
}


def devices(count: int) -> dict[str, str]:
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "HADES_GROUP_ADDRESS": "127.0.0.1"}


def members(worker: "subprocess.Popen[bytes]") -> list[int]:
    """Children of the worker that share its run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(worker.pid) and b"hadesd.worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, IndexError):  # it has ended
            continue
    return found


def further(run: Path, count: int = 3) -> "subprocess.Popen[bytes]":
    """Start the run's worker and wait for some generations more."""
    lines = run / "metrics.jsonl"
    at = lines.read_bytes().count(b"\n") if lines.exists() else 0
    worker = wp.start(run, **devices(1))
    wp.wait_for_generation(run, worker, at + count)
    return worker


def test_whoever_is_killed_the_run_ends_with_the_bits_of_one_process(tmp_path: Path) -> None:
    run = wp.make_run(tmp_path / "run", tiny(**SHARED, resources={"devices": 1, "hosts": 2}))
    log = run / "worker.log"

    worker = further(run)
    (member,) = members(worker)
    os.kill(member, signal.SIGKILL)
    assert worker.wait(60) not in (0, ExitCode.CHECKPOINTED), log.read_text()[-2000:]
    assert "a host of the group has gone" in log.read_text()

    worker = further(run)
    (member,) = members(worker)
    os.kill(member, signal.SIGTERM)
    assert worker.wait(60) == ExitCode.CHECKPOINTED, log.read_text()[-2000:]
    assert "host 1: signal SIGTERM" in log.read_text()

    worker = further(run)
    (member,) = members(worker)
    wp.kill(worker)
    until(lambda: not Path(f"/proc/{member}").exists(), "it goes with its worker")

    assert wp.finish(run, **devices(1)) == ExitCode.OK, log.read_text()[-2000:]
    assert not (run / "group.json").exists()
    twin = wp.make_run(tmp_path / "twin", tiny(**SHARED, resources={"devices": 2}))
    assert wp.finish(twin, **devices(2)) == ExitCode.OK
    assert wp.results(run) == wp.results(twin)
