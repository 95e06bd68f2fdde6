"""A run over the nodes of a job of the user's own: `hadesd run` on one of them, a step of Slurm's on the others.

The worker is a process of this node, as elsewhere. For each start of it srun starts, one a node, the processes that
share its population (`python -m hadesd.supervisor.slurm.allocation RUN`, hadesd.worker.member); they end with it.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from hades_protocol.errors import UsageError
from hadesd.logs import rotation
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.run import WorkerHandle
from hadesd.supervisor.slurm.relay import for_slurm, take_part
from hadesd.supervisor.worker_environment import SLURM_NODE
from hadesd.supervisor.worker_process import Worker, start_logged
from hadesd.worker_protocol import FILE, NONCE

END_SECONDS = 10.0
"""How long the processes on the other nodes may take to end after the worker; then their step is ended."""

ALONE_SECONDS = 10.0
"""How long the worker may take to end after their step; it notices by itself when they had met."""


def nodes(environ: Mapping[str, str]) -> int:
    """Nodes of the job that this process is in; 1 where it is in none."""
    given = environ.get("SLURM_JOB_NUM_NODES", "1")
    return int(given) if given.isdigit() and SLURM_NODE in environ else 1


def check(hosts: int, environ: Mapping[str, str]) -> None:
    """See that a run over so many hosts fits the job: its nodes, or all of it on one.

    Raises:
        UsageError: it has several nodes, and fewer than hosts.
    """
    if 1 < nodes(environ) < hosts:
        raise UsageError(
            f"resources.hosts is {hosts}, and this job has {nodes(environ)} nodes: ask sbatch for --nodes={hosts}"
        )


def start_worker(
    directory: Path,
    environment: Mapping[str, str],
    on_message: Callable[[bytes], None],
    on_exit: Callable[[int], None],
) -> WorkerHandle:
    """Start the worker of a run, and where the run is to be on several nodes of our job, the others of its group.

    Raises:
        OSError: the system refused.
    """
    hosts = records.load(directory)[1].resources.hosts
    if 1 < hosts <= nodes(environment):
        return SpreadWorker(directory, environment, on_message, on_exit, hosts)
    return Worker(directory, environment, on_message, on_exit)


class SpreadWorker(Worker):
    """A worker, and the step on the other nodes. It has ended when both have."""

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        on_message: Callable[[bytes], None],
        on_exit: Callable[[int], None],
        hosts: int,
    ) -> None:
        """Start both.

        Raises:
            OSError: the system refused.
        """
        meeting = {FILE: str(RunPaths(directory).group), NONCE: secrets.token_hex(16)}
        self._on_both_ended = on_exit
        self._status: int | None = None  # of the worker, once it has ended
        self._deadline: asyncio.TimerHandle | None = None
        log_path = RunPaths(directory).worker_log
        rotation.rotate(log_path)
        # For the node's own devices its environment is completed there.
        self._step, self._step_fd = start_logged(
            step_command(directory, hosts, environment), {**os.environ, **meeting}, log_path
        )
        try:
            super().__init__(directory, {**environment, **meeting}, on_message, self._worker_ended)
        except OSError:
            self._step.kill()
            self._step.wait()
            os.close(self._step_fd)
            raise
        self._loop.add_reader(self._step_fd, self._step_ended)

    def _worker_ended(self, status: int) -> None:
        self._status = status
        if self._deadline is not None:
            self._deadline.cancel()
        if self._step.returncode is not None:
            self._on_both_ended(status)
            return
        # They end with the worker, but for those that still wait for it to begin: SIGTERM to srun ends its step.
        self._deadline = self._loop.call_later(END_SECONDS, self._step.terminate)

    def _step_ended(self) -> None:
        self._loop.remove_reader(self._step_fd)
        os.close(self._step_fd)
        self._step.wait()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._status is not None:
            self._on_both_ended(self._status)
        else:
            self._deadline = self._loop.call_later(ALONE_SECONDS, self.kill)


def step_command(directory: Path, hosts: int, environ: Mapping[str, str]) -> list[str]:
    """srun, for one process on each of the other nodes."""
    others = hosts - 1
    cores = environ.get("SLURM_CPUS_PER_TASK")  # which srun does not take from sbatch
    return [
        "srun",
        *(f"--nodes={others}", f"--ntasks={others}", "--ntasks-per-node=1", f"--exclude={environ[SLURM_NODE]}"),
        *([f"--cpus-per-task={cores}"] if cores else []),
        *("--overlap", "--kill-on-bad-exit=1", "--job-name=hades-hosts"),
        *(sys.executable, "-m", __name__, str(directory)),
    ]


def main(arguments: list[str]) -> int:
    """On one of the other nodes."""
    directory = Path(arguments[0])
    rank = 1 + int(os.environ["SLURM_PROCID"])
    return for_slurm(take_part(directory, Path("/dev/stdout"), records.load(directory)[1], rank))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
