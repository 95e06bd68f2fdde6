"""Starts a child, with a descriptor that says when it has ended; or nothing is left of it."""

import contextlib
import errno
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
"""Descriptors, processes or memory are lacking at the moment: what the child is for has no part in it."""

_children: "dict[int, subprocess.Popen[bytes]]" = {}
"""Those that were started here and are not reaped yet; or that were, a moment ago."""

_starting = threading.Lock()


def start_child(command: Sequence[str], **options: Any) -> "tuple[subprocess.Popen[bytes], int]":
    """Start a process in a session of its own; the process, and its pidfd, which the caller closes.

    A Ctrl-C in the terminal of the parent is not for it.

    options: of subprocess.Popen.

    Raises:
        OSError, ValueError: the system refused, or an argument cannot be one; no process is left.
    """
    with _starting:
        process = subprocess.Popen(command, start_new_session=True, **options)
        _forget_reaped()
        _children[process.pid] = process
    try:
        return process, os.pidfd_open(process.pid)
    except OSError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        raise


def reap_orphans() -> None:
    """Reap what has ended and was not started here: processes whose parent ended before them become those of PID 1."""
    if os.getpid() != 1 or not _starting.acquire(blocking=False):  # a child that is being started is none of them
        return
    try:
        _forget_reaped()
        while (pid := _ended()) and pid not in _children:  # one of ours is reaped by whoever started it
            os.waitpid(pid, 0)
    finally:
        _starting.release()


def _ended() -> int:
    """A child that has ended and is left as it is; 0 where there is none."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return 0 if found is None else found.si_pid


def _forget_reaped() -> None:
    for pid in [pid for pid, process in _children.items() if process.returncode is not None]:
        del _children[pid]
