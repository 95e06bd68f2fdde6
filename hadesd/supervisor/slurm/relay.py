"""`python -m hadesd.supervisor.slurm.relay RUN JOB_DIRECTORY`: stands between a worker on a node and the daemon.

It starts the worker with the socket that a daemon would give it, writes down what the worker says, hands on what the
daemon wants, and notes the exit status last of all. The worker knows nothing of Slurm. What Slurm sends to the step
(SIGTERM at preemption and at the time limit, the signal of --signal ahead of it) means the same to the worker: commit
and exit.
"""

import functools
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hades_protocol.stdio import complain
from hadesd import worker_protocol
from hadesd.spec.cost import asked_for
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.scheduling import nvml
from hadesd.supervisor.slurm.job_files import ExitNote, JobFilesWriter, token_of
from hadesd.supervisor.worker_environment import usable_cores, worker_environment
from hadesd.supervisor.worker_process import READ_SIZE, start_worker
from hadesd.worker_protocol import FILE, NONCE, RANK

CHECK_SECONDS = 0.5
"""How often it looks whether the daemon wants something."""

SIGNALS = {signal.SIGTERM: signal.SIGTERM, signal.SIGUSR1: signal.SIGUSR1, signal.SIGUSR2: signal.SIGUSR1}
"""What comes, and what the worker is sent for it."""


class Relay:
    """One worker's."""

    def __init__(self, directory: Path, job_directory: Path, spec: RunSpec) -> None:
        self._files = JobFilesWriter(job_directory)
        self._halted: str | None = None  # as the worker was told
        self._signals: list[str] = []
        self._unpacker = worker_protocol.Unpacker()
        self._socket, theirs = socket.socketpair()
        environment = node_environment(spec, os.environ)
        with theirs:
            log_path = RunPaths(directory).worker_log
            self._process, self._pidfd = start_worker(directory, environment, log_path, theirs)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def run(self) -> int:
        """Until the worker has ended; its exit status."""
        open_ends: list[socket.socket | int] = [self._socket, self._pidfd]
        checked_at = 0.0
        while self._pidfd in open_ends:
            ready, _, _ = select.select(open_ends, [], [], CHECK_SECONDS)
            if self._socket in ready and not self._pass_on():
                open_ends.remove(self._socket)
            elif self._pidfd in ready and self._socket not in ready:  # what it wrote before comes first
                open_ends.remove(self._pidfd)
            if time.monotonic() - checked_at >= CHECK_SECONDS:
                self._check_halt()
                checked_at = time.monotonic()
        status = self._process.wait()
        self._files.end(ExitNote(status, tuple(self._signals)))
        return status

    def _pass_on(self) -> bool:
        """Write down what the worker said; whether more may come."""
        data = self._socket.recv(READ_SIZE)
        bodies = self._unpacker.feed(data)
        if bodies:
            self._write(b"".join(map(worker_protocol.frame, bodies)))
        return bool(data)

    def _write(self, frames: bytes) -> None:
        try:
            self._files.write(frames)
        except OSError as error:  # the worker meets the same disk, and says so by its exit status
            complain(f"cannot write the job's files: {error}")

    def _check_halt(self) -> None:
        try:
            wanted = self._files.wanted()
        except OSError as error:  # it is looked for again
            complain(f"cannot read the job's files: {error}")
            return
        if wanted is not None and wanted != self._halted:
            self._halted = wanted
            try:
                worker_protocol.send(self._socket, worker_protocol.Halt(discard=wanted == "discard"))
            except OSError:
                return  # it has ended or is about to, which its descriptor says

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(signal.Signals(number).name)
        if self._process.returncode is None:
            self._process.send_signal(SIGNALS[signal.Signals(number)])


def node_environment(spec: RunSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """The worker's environment on this node: its cores, and of the GPUs that Slurm gave to the job as many as asked."""
    granted = nvml.usable_gpus(dict(environ))
    gpus = granted[: asked_for(spec.resources.gpus)[0]]
    return worker_environment(spec, gpus, usable_cores(), Paths().cache, environ)


def _hand_on(process: "subprocess.Popen[bytes]", sent: signal.Signals, number: int, frame: FrameType | None) -> None:
    process.send_signal(sent)


def main(arguments: list[str]) -> int:
    """Run the worker, or on the other hosts of the run a process that shares its population; the status for Slurm."""
    directory, job_directory = map(Path, arguments)
    spec = records.load(directory)[1]
    rank = int(os.environ.get("SLURM_PROCID", "0"))
    if spec.resources.hosts > 1:
        os.environ[FILE], os.environ[NONCE] = str(RunPaths(job_directory).group), token_of(job_directory)
    if rank == 0:
        status = Relay(directory, job_directory, spec).run()
    else:
        status = take_part(directory, job_directory / f"host-{rank}.log", spec, rank)
    return for_slurm(status)


def for_slurm(status: int) -> int:
    """An exit status as a shell gives it, of one as subprocess gives it."""
    return status if status >= 0 else 128 - status


def take_part(directory: Path, log_path: Path, spec: RunSpec, rank: int) -> int:
    """Run a process that shares the population of the run's worker; its exit status."""
    environment = {**node_environment(spec, os.environ), RANK: str(rank)}
    process, pidfd = start_worker(directory, environment, log_path)
    os.close(pidfd)
    for number, sent in SIGNALS.items():
        signal.signal(number, functools.partial(_hand_on, process, sent))
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
