"""A batch job with real workers: the documented sbatch script, run under bash with stand-ins for Slurm's commands."""

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hades_protocol.settings import merge
from tests.helpers.processes.daemon import BIN, Home, a_home, until
from tests.helpers.runs.specs import TINY

DOCUMENT = Path(__file__).parents[2] / "docs/operations.md"
GENERATIONS = 150

# Slurm's own programs are not ours to have. These do what they do to us: start the step, and note the request.
SRUN = """\
#!/bin/bash
echo "srun $*" >> "$CALLS"
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """\
#!/bin/bash
echo "scontrol $*" >> "$CALLS"
"""


class Cluster:
    """A directory with a spec, the script out of the documentation, and the stand-ins on PATH."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.root = home.paths.state
        self.calls = self.root / "calls"
        self.spec = self.root / "run.json"
        self.spec.write_text(json.dumps(merge(TINY, {"evolution": {"generations": GENERATIONS}, "preset": "cpu"})))
        self.script = self.root / "hades.sbatch"
        self.script.write_text(documented_script())
        bin_directory = self.root / "bin"
        bin_directory.mkdir()
        for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
            (bin_directory / name).write_text(text)
            (bin_directory / name).chmod(stat.S_IRWXU)
        self.environ = {
            **home.environ,
            "PATH": f"{bin_directory}:{BIN}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "SLURM_JOB_ID": "4242",
            "SPEC": str(self.spec),
        }

    def job(self, directory: Path) -> "subprocess.Popen[str]":
        """What Slurm does with a job that it starts, again or for the first time."""
        return self.start(["bash", str(self.script)], DIRECTORY=str(directory))

    def run(self, directory: Path, *more: str) -> "subprocess.Popen[str]":
        """`hadesd run` by itself."""
        return self.start(
            [str(BIN / "hadesd"), "run", "--spec", str(self.spec), "--directory", str(directory), "--json", *more]
        )

    def start(self, command: list[str], **environ: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.home.daemons.append(process)  # type: ignore[arg-type]
        return process


def documented_script() -> str:
    (script,) = re.findall(r"^```bash\n(#!/bin/bash\n#SBATCH.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return str(script)


def committed(directory: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in directory.glob("runs/[a-z]*/metrics.jsonl"))


def results(directory: Path) -> dict[str, bytes]:
    (run,) = directory.glob("runs/[a-z]*")
    return {name: (run / name).read_bytes() for name in ("metrics.jsonl", "dataset.npz")}


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, told = process.communicate(timeout=240)
    return process.returncode, out, told


def interrupted(cluster: Cluster, process: "subprocess.Popen[str]", directory: Path, number: signal.Signals) -> int:
    """Send a signal after a few more generations; how many there are when the process has ended."""
    before = committed(directory)

    def further() -> bool:
        assert process.poll() is None, process.communicate()
        return committed(directory) >= before + 5

    until(further, "it gets on", 240)
    process.send_signal(number)
    process.wait(240)
    assert 0 < committed(directory) < GENERATIONS, "it ended before it could be interrupted"
    return committed(directory)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with a_home() as home:
        yield Cluster(home)


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster) -> dict[str, bytes]:
    """The results of a run that nobody interrupted."""
    directory = cluster.root / "undisturbed"
    code, out, told = end(cluster.run(directory))
    assert code == 0, told
    result: dict[str, Any] = json.loads(out)
    assert (result["outcome"], result["run"]["generation"]) == ("finished", GENERATIONS)
    return results(directory)


@pytest.mark.timeout(900)
def test_the_documented_job_is_requeued_and_ends_with_the_same_bits(
    cluster: Cluster, undisturbed: dict[str, bytes]
) -> None:
    directory = cluster.root / "job"
    first = cluster.job(directory)
    at = interrupted(cluster, first, directory, signal.SIGUSR1)  # to the script alone, as --signal=B: has it
    code, out, told = end(first)
    assert code == 75, told
    assert f"checkpointed  generation {at}/{GENERATIONS}" in out
    step = f"srun --nodes=1 --ntasks=1 hadesd run --spec {cluster.spec} --directory {directory} --grace 90"
    assert cluster.calls.read_text().splitlines() == [step, "scontrol requeue 4242"]
    second = cluster.job(directory)
    code, out, told = end(second)
    assert code == 0, told
    assert f"starting at generation {at} of {GENERATIONS}" in told
    assert "finished" in out
    assert cluster.calls.read_text().splitlines() == [step, "scontrol requeue 4242", step], "no third job"
    assert results(directory) == undisturbed


@pytest.mark.timeout(900)
def test_a_generation_longer_than_the_grace_is_lost_and_nothing_else(
    cluster: Cluster, undisturbed: dict[str, bytes]
) -> None:
    directory = cluster.root / "hurried"
    first = cluster.run(directory, "--grace", "0")
    at = interrupted(cluster, first, directory, signal.SIGTERM)
    code, out, told = end(first)
    assert (code, json.loads(out)["outcome"]) == (75, "checkpointed"), told
    assert at - json.loads(out)["run"]["generation"] in (0, 1), "a metrics line without its checkpoint, at most"
    assert "did not commit within the daemon's grace period" in told
    exits = [json.loads(line) for line in (directory / "daemon.log").read_text().splitlines()]
    assert [line["code"] for line in exits if line["event"] == "worker exited"] == [-signal.SIGKILL]
    code, out, told = end(cluster.run(directory))
    assert code == 0, told
    assert json.loads(out)["run"]["restarts"] == 0
    assert results(directory) == undisturbed


def test_the_script_warns_in_time_for_its_grace() -> None:
    script = documented_script()
    (ahead,) = re.findall(r"--signal=B:USR1@(\d+)", script)
    (grace,) = re.findall(r"--grace (\d+)", script)
    assert int(grace) + 20 < int(ahead), "ten seconds to kill what is late, ten to put away"
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
