"""Worker processes: started by exec, talked to over an inherited socket pair, reaped when they end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hades_protocol.messages import GpuInfo, SlurmJobInfo
from hadesd import worker_protocol
from hadesd.logs import rotation
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.child_process import start_child

WORKER_COMMAND = (sys.executable, "-m", "hadesd.worker")
"""The run's directory is appended."""

READ_SIZE = 256 * 1024


def start_logged(
    command: Sequence[str], environment: Mapping[str, str], log_path: Path, **options: Any
) -> tuple["subprocess.Popen[bytes]", int]:
    """start_child without input; what it prints is appended to a log.

    Raises:
        OSError: the log cannot be written, or the system refused.
    """
    with open(log_path, "ab") as log:
        return start_child(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)


def start_worker(
    directory: Path,
    environment: Mapping[str, str],
    log_path: Path,
    theirs: socket.socket | None = None,
    command: Sequence[str] = WORKER_COMMAND,
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a worker of the run in `directory`: the process, and a descriptor that is readable when it has ended.

    What it prints is appended to log_path; theirs is its end of the line, for one that is talked to.

    Raises:
        OSError: the log cannot be written, or the system refused.
    """
    line = {} if theirs is None else {worker_protocol.FD_VARIABLE: str(theirs.fileno())}
    passed = () if theirs is None else (theirs.fileno(),)
    return start_logged([*command, str(directory)], {**environment, **line}, log_path, pass_fds=passed, cwd=directory)


class Worker:
    """One worker process, seen from the daemon's event loop.

    on_message gets the body of each frame; on_exit the return code as in subprocess, once, after the last
    message. Everything is called from the loop's thread.
    """

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        on_message: Callable[[bytes], None],
        on_exit: Callable[[int], None],
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        """Start the process.

        Raises:
            OSError: the system refused.
        """
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_exit = on_exit
        self._unpacker = worker_protocol.Unpacker()
        self._socket, theirs = socket.socketpair()
        log_path = RunPaths(directory).worker_log
        rotation.rotate(log_path)
        try:
            self._process, self._pidfd = start_worker(directory, environment, log_path, theirs, command)
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._readable)
        self._loop.add_reader(self._pidfd, self._exited)

    slurm_job: SlurmJobInfo | None = None
    waits_for = ""

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def halt(self, discard: bool) -> None:
        """Ask it to commit its generation and to exit. discard: see worker_protocol.Halt."""
        with contextlib.suppress(OSError):  # it has ended or is about to; the process descriptor will say so
            worker_protocol.send(self._socket, worker_protocol.Halt(discard=discard))

    def kill(self) -> None:
        """SIGKILL, to the whole session: its helpers, if JAX started any, go with it."""
        if self._process.returncode is None:  # not reaped yet, so the id is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._socket)  # nothing more can come; the exit follows
            return
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        try:
            bodies = self._unpacker.feed(data)
        except ValueError:
            self._loop.remove_reader(self._socket)  # not frames: nothing later can be understood either
            self.kill()
            return
        for body in bodies:
            self._on_message(body)

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self._loop.remove_reader(self._socket)
        self._drain()
        self._socket.close()
        self._on_exit(code)

    def _drain(self) -> None:
        """Deliver what the worker wrote before it ended."""
        while True:
            try:
                data = self._socket.recv(READ_SIZE)
            except OSError:
                return
            if not data:
                return
            self._deliver(data)


def memory_of(run: str, pid: int | None, gpus: Iterable[GpuInfo]) -> tuple[int, str] | None:
    """Bytes, and of what: of its GPUs where the driver says so, else of the machine; None without a worker."""
    if pid is None:
        return None
    on_gpus = sum(process.memory for gpu in gpus for process in gpu.processes if process.run == run)
    if on_gpus:
        return on_gpus, "of GPU memory"
    resident = resident_bytes(pid)
    return None if resident is None else (resident, "of main memory")


def resident_bytes(pid: int) -> int | None:
    """Resident set of a process; None where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended: /proc says so with several errors
        return None
    fields = dict(line.split(":", 1) for line in lines)
    # A process that ended and is not reaped yet has no VmRSS.
    return int(fields["VmRSS"].split()[0]) * 1024 if "VmRSS" in fields else None
