"""One hook: a process of its own that gets JSON, has a time limit, and cannot hold anything up.

It blocks the thread that calls it, and no other.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from hadesd.supervisor.child_process import start_child
from hadesd.supervisor.lifecycle.worker_transitions import describe_exit

MAX_OUTPUT = 8 * 1024
"""Bytes of a hook's output that are kept: the last ones, where an error message is."""

READ_SIZE = 64 * 1024
READ_PAUSE = 0.01
"""Seconds between two reads: a hook that writes without end is slowed down, and takes no core of ours."""

TERM_SECONDS = 2.0
"""From SIGTERM to SIGKILL."""

WAIT_SECONDS = 0.5
"""How often a wait looks whether it was called off."""


class HookResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a hook."""

    status: int | None  # exit status, or minus the number of the signal that ended it; null where it did not start
    seconds: float  # it ran so long
    output: str  # end of what it wrote to stdout and stderr
    problem: str = ""  # what went wrong; empty where nothing did


def run_hook(
    command: Sequence[str],
    data: bytes,
    environ: Mapping[str, str],
    directory: Path,
    timeout: float,
    call_off: threading.Event | None = None,
) -> HookResult:
    """Run a command with `data` as its standard input, and wait for its end.

    Args:
        directory: where it starts.
        timeout: seconds until it and its process group get SIGTERM, and SIGKILL after TERM_SECONDS.
        call_off: set: end it now.
    """
    began = time.monotonic()
    program = os.path.expanduser(command[0])
    try:
        process, ended = _start([program, *command[1:]], data, environ, directory)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        why = getattr(error, "strerror", None) or str(error)
        return HookResult(status=None, seconds=0.0, output="", problem=f"cannot start {program}: {why}")
    assert process.stdout is not None
    output = _Output(process.stdout.fileno())
    problem = ""
    try:
        if not _wait(ended, output, began + timeout, call_off):
            called_off = call_off is not None and call_off.is_set()
            problem = "ended because the daemon stops" if called_off else f"ended after {timeout:g} s, its time limit"
            _end(process, ended, output)
        status = process.wait()
        output.read()
    except BaseException:  # Ctrl-C in `hadesd hooks test`: it has a session of its own, and nobody else would end it
        _end(process, ended, output)
        process.wait()
        raise
    finally:
        os.close(ended)
        process.stdout.close()
    if not problem and status != 0:
        problem = f"it {describe_exit(status)}"
    return HookResult(status=status, seconds=time.monotonic() - began, output=output.text(), problem=problem)


def _start(
    command: Sequence[str], data: bytes, environ: Mapping[str, str], directory: Path
) -> "tuple[subprocess.Popen[bytes], int]":
    # A file in memory: a hook that does not read it holds nobody up, and a full disk is no obstacle.
    with open(os.memfd_create("hades-event"), "w+b") as stdin:
        stdin.write(data)
        stdin.seek(0)
        process, ended = start_child(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=directory,
        )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process, ended


class _Output:
    """The end of what a process writes."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._kept = b""

    def read(self) -> bool:
        """Take in what is there, at most what a pipe holds; False at the end of file."""
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return True
        self._kept = (self._kept + data)[-MAX_OUTPUT:]
        return bool(data)

    def text(self) -> str:
        """What was kept."""
        return self._kept.decode(errors="replace")


def _wait(ended: int, output: _Output, deadline: float, call_off: threading.Event | None = None) -> bool:
    """Wait for the end of the process itself (its pidfd is `ended`), without reaping it; False: its time is over.

    Children that it leaves behind are not waited for.
    """
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(output.fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0 and not (call_off is not None and call_off.is_set()):
        ready = {fd for fd, _ in poll.poll(min(left, WAIT_SECONDS) * 1000)}
        if ended in ready:
            return True
        if output.fd in ready and not output.read():
            poll.unregister(output.fd)
        time.sleep(READ_PAUSE)
    return False


def _end(process: "subprocess.Popen[bytes]", ended: int, output: _Output) -> None:
    """SIGTERM, then SIGKILL, to the process and to those of its children that stayed in its group."""
    _signal_group(process, signal.SIGTERM)
    _wait(ended, output, time.monotonic() + TERM_SECONDS)
    _signal_group(process, signal.SIGKILL)  # it is not reaped yet, so the id is still its own


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
