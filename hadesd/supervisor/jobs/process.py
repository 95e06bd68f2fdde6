"""Children of the daemon that do a job beside a run: started by exec, their output bounded, reaped when they end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from hadesd.supervisor.child_process import start_child

JOB_COMMAND = (sys.executable, "-m", "hadesd.cli.job")
"""The daemon's process id and a verb of `hadesd` with its arguments are appended."""

MAX_ANSWER = 2**20
"""Bytes of standard output; a job that says more is ended."""

MAX_ERRORS = 16 * 1024
"""Bytes of standard error that are kept: the last ones, where an error message is."""

READ_SIZE = 64 * 1024


class Finished(NamedTuple):
    """code: as in subprocess. answer: standard output; errors: the end of standard error."""

    code: int
    answer: bytes
    errors: str


class JobHandle(Protocol):
    """What the supervisor does with a job's process."""

    def kill(self) -> None:
        """SIGKILL."""


StartJob = Callable[[Sequence[str], Mapping[str, str], Path, Callable[[Finished], None]], JobHandle]
"""Verb and arguments, environment, working directory, on_exit -> the process. Raises OSError."""


class JobProcess:
    """One such process, seen from the daemon's event loop; on_exit is called once, from the loop's thread."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        on_exit: Callable[[Finished], None],
        command: Sequence[str] = JOB_COMMAND,
    ) -> None:
        """Start the process.

        Raises:
            OSError: the system refused.
        """
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._answer = self._errors = b""
        self._process, self._pidfd = start_child(
            [*command, str(os.getpid()), *arguments],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout, self._process.stderr
        for pipe, readable in ((self._out, self._answered), (self._err, self._complained)):
            os.set_blocking(pipe.fileno(), False)
            self._loop.add_reader(pipe, readable)
        self._loop.add_reader(self._pidfd, self._exited)

    def kill(self) -> None:
        """SIGKILL, to it and to what it may have started."""
        if self._process.returncode is None:  # not reaped yet, so the id is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _answered(self) -> None:
        self._answer += self._read(self._out)
        if len(self._answer) > MAX_ANSWER:
            self._loop.remove_reader(self._out)
            self.kill()

    def _complained(self) -> None:
        self._errors = (self._errors + self._read(self._err))[-MAX_ERRORS:]

    def _read(self, pipe: IO[bytes]) -> bytes:
        """What is there, at most READ_SIZE; at the end of file nobody asks again."""
        try:
            data = os.read(pipe.fileno(), READ_SIZE)
        except BlockingIOError:
            return b""
        if not data:
            self._loop.remove_reader(pipe)
        return data

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        # What it wrote last. A pipe holds no more than READ_SIZE, and nothing of the job is left to fill it again.
        self._answered()
        self._complained()
        for pipe in (self._out, self._err):
            self._loop.remove_reader(pipe)
            pipe.close()
        self._on_exit(Finished(code, self._answer, self._errors.decode(errors="replace")))
