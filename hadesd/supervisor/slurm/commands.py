"""Slurm's commands as subprocesses of the event loop. Each gets a deadline; no accounting database is asked."""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence

from hades_protocol.errors import HadesError
from hadesd.supervisor.child_process import OUT_OF_RESOURCES
from hadesd.supervisor.slurm import job

COMMAND_SECONDS = 30.0

PROGRAMS = ("sbatch", "squeue", "scancel")

NOT_FOR_THE_NODE = ("CUDA_VISIBLE_DEVICES", "HADES_WORKER_FD", "SLURM_CPUS_PER_TASK")
"""Variables of the daemon's that a job must not inherit: Slurm says which GPUs and cores it has."""


class RefusedError(HadesError):
    """Slurm does not want the job as it is: another attempt would not help."""

    code = "slurm-refused"


class SilentError(HadesError):
    """Slurm does not answer, or takes no more jobs now: nothing follows from that."""

    code = "slurm-silent"


def missing() -> list[str]:
    """Those of Slurm's commands that are not on the PATH."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


async def submit(arguments: Sequence[str]) -> int:
    """sbatch; the id of the job.

    Raises:
        RefusedError, SilentError: see there.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_THE_NODE}
    status, output, errors = await _call("sbatch", *arguments, environment=environment)
    found = job.parse_submitted(output)
    if status == 0 and found is not None:
        return found
    raise _failure("sbatch", errors or output)


async def queue() -> list[job.SlurmJob]:
    """squeue: all jobs of ours, those that ended a while ago too.

    Raises:
        RefusedError, SilentError: see there.
    """
    command = ("squeue", "--me", "--noheader", "--all", "--states=all", f"--format={job.QUEUE_FORMAT}")
    status, output, errors = await _call(*command)
    if status != 0:
        raise _failure("squeue", errors)
    return job.parse_queue(output)


async def cancel(job_id: int, kill: bool = False) -> None:
    """scancel. kill: SIGKILL to its steps at once.

    Raises:
        RefusedError, SilentError: see there.
    """
    how = ("--signal=KILL", "--full") if kill else ()
    status, _, errors = await _call("scancel", *how, str(job_id))
    if status != 0 and "Invalid job id" not in errors:
        raise _failure("scancel", errors)


def _failure(program: str, errors: str) -> HadesError:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    text = "; ".join(line.removeprefix(f"{program}: ").removeprefix("error: ") for line in lines[-2:])
    kind = SilentError if job.is_temporary(errors) else RefusedError
    return kind(f"{program}: {text or 'it failed and said nothing'}")


async def _call(*command: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, stdout and stderr.

    Raises:
        RefusedError: the program is not there. SilentError: it has not ended in time, or cannot be started now.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a Ctrl-C in the daemon's terminal is not for it
        )
    except OSError as error:
        kind = SilentError if error.errno in OUT_OF_RESOURCES else RefusedError
        raise kind(f"{command[0]}: {error.strerror or error}") from error
    try:
        output, errors = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)  # a site's wrapper may have started the program itself
        await process.wait()
        raise SilentError(f"{command[0]} has not ended within {COMMAND_SECONDS:g} s") from None
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace")
