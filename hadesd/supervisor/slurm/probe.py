"""A short job that tries on a node what runs need there: hades itself, the state directory, and its locks.

Both ends are here: `try_a_node` on the daemon's machine, and what the job runs (`python -m`), which answers in a file.
"""

import asyncio
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from hades_protocol.errors import HadesError
from hadesd.storage.atomic import tail_lines, write_atomically
from hadesd.storage.locks import is_locked, lock_file
from hadesd.supervisor.slurm import commands
from hadesd.supervisor.slurm.job import JobName, SlurmJob, SlurmState, Submission, script
from hadesd.supervisor.worker_environment import SLURM_NODE, usable_cores

RUN = "doctor"
"""In the comment of the job, where those of runs have the run's id."""

POLL_SECONDS = 1.0

ANSWER_SECONDS = 10.0
"""How long an answer may take to show in a shared directory after the job has ended."""


class Answer(msgspec.Struct, frozen=True):
    """What the job found.

    node: as Slurm calls it. host: as it calls itself. sees_lock: whether the lock that is held on the daemon's machine
    is held there, too.
    """

    node: str
    host: str
    version: str
    cores: int
    sees_lock: bool


class ProbeError(HadesError):
    """The job gave no answer."""

    code = "slurm-probe"


async def try_a_node(state: Path, options: Sequence[str], seconds: float, tell: Callable[[str], None]) -> Answer:
    """Submit the job, and wait for its answer. tell: gets what it waits for, in words.

    Raises:
        ProbeError: it did not begin within so many seconds, or ended without an answer.
        RefusedError, SilentError: see `commands`.
        OSError: the state directory cannot be written.
    """
    name = JobName(RUN, secrets.token_hex(8))
    directory = state / f"slurm-probe-{name.token}"
    directory.mkdir(mode=0o700)
    try:
        with lock_file(directory / "held", "it has just been made"):
            (directory / "job.sh").write_text(script((sys.executable, "-m", __name__, str(directory))))
            # A short job begins sooner than the runs whose options these are.
            number = await commands.submit(Submission(name, directory, directory, (*options, "--time=5")).arguments())
            try:
                return await _answer(directory, number, time.monotonic() + seconds, tell)
            except BaseException:
                await commands.cancel(number)
                raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _answer(directory: Path, number: int, end: float, tell: Callable[[str], None]) -> Answer:
    ended_at: float | None = None
    told = ""
    while True:
        if (found := _read(directory / "answer.json")) is not None:
            return found
        job = next((job for job in await commands.queue() if job.id == number and job.name.run == RUN), None)
        now = time.monotonic()
        if job is None or job.meaning in (SlurmState.ENDED, SlurmState.TAKEN):
            ended_at = now if ended_at is None else ended_at
            if now - ended_at > ANSWER_SECONDS:
                raise ProbeError(_without_answer(directory, number, job))
        elif now > end:
            raise ProbeError(f"no answer in time: {_standing(job)}")
        elif told != (told := _standing(job)):
            tell(told)
        await asyncio.sleep(POLL_SECONDS)


def _standing(job: SlurmJob) -> str:
    if job.meaning is SlurmState.WAITS:
        return f"job {job.id} waits: {job.why_it_waits()}"
    return f"job {job.id} is {job.state} on {job.nodes}"


def _read(file: Path) -> Answer | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Answer)
    except FileNotFoundError:
        return None


def _without_answer(directory: Path, number: int, job: SlurmJob | None) -> str:
    where = f" on {job.nodes}" if job is not None and job.nodes else ""
    state = job.state if job is not None else "unknown to squeue"
    said = "; ".join(tail_lines(directory / "job.log", 3)) or f"nothing that it wrote is seen in {directory.parent}"
    return f"job {number} ended{where} without an answer ({state}): {said}"


def main(arguments: list[str]) -> int:
    """On the node."""
    directory = Path(arguments[0])
    version = metadata.version("hades-distil")
    host = socket.gethostname()
    node = os.environ.get(SLURM_NODE, host)
    answer = Answer(node, host, version, usable_cores(), is_locked(directory / "held"))
    write_atomically(directory / "answer.json", msgspec.json.encode(answer))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
