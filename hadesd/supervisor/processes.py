"""Worker processes: started by exec, talked to over an inherited socket pair, reaped when they end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hadesd import worker_protocol
from hadesd.logs import rotation

WORKER_COMMAND = (sys.executable, "-m", "hadesd.worker")
"""The run's directory is appended."""

LOG_FILE = rotation.WORKER_LOG
READ_SIZE = 256 * 1024


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
        rotation.rotate(directory / LOG_FILE)
        try:
            with open(directory / LOG_FILE, "ab") as log:
                self._process = subprocess.Popen(
                    [*command, str(directory)],
                    env={**environment, worker_protocol.FD_VARIABLE: str(theirs.fileno())},
                    pass_fds=(theirs.fileno(),),
                    cwd=directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C in the daemon's terminal is not for the workers
                )
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._socket.setblocking(False)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._socket, self._readable)
        self._loop.add_reader(self._pidfd, self._exited)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def halt(self) -> None:
        """Ask it to commit its generation and to exit."""
        with contextlib.suppress(OSError):  # it has ended or is about to; the process descriptor will say so
            worker_protocol.send(self._socket, worker_protocol.Halt())

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


def usable_cores() -> int:
    """CPU cores that this process, and so its workers, may use."""
    return len(os.sched_getaffinity(0))
