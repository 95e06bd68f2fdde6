"""Starts a child, with a descriptor that says when it has ended; or nothing is left of it."""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
"""Descriptors, processes or memory are lacking at the moment: what the child is for has no part in it."""


def start_child(command: Sequence[str], **options: Any) -> "tuple[subprocess.Popen[bytes], int]":
    """Start a process in a session of its own; the process, and its pidfd, which the caller closes.

    A Ctrl-C in the terminal of the parent is not for it.

    options: of subprocess.Popen.

    Raises:
        OSError, ValueError: the system refused, or an argument cannot be one; no process is left.
    """
    process = subprocess.Popen(command, start_new_session=True, **options)
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
