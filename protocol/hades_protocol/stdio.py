"""Flushes a command's output before the interpreter exits, so that a failure is one line and not a traceback."""

import os
import sys
from typing import TextIO

from hades_protocol.errors import ExitCode


def flush_output(program: str) -> None:
    """Flush stdout and stderr. A stream that fails is redirected to /dev/null, so that exit does not fail on it again.

    A closed pipe is no error: its reader does not want more.

    program: name that begins the error line on stderr.

    Raises:
        SystemExit: stdout could not be written, e.g. to a full disk; the status is RUN_FAILED.
    """
    _flush(sys.stderr)  # a failure cannot be reported anywhere
    problem = _flush(sys.stdout)
    if problem is not None and not isinstance(problem, BrokenPipeError):
        sys.stderr.write(f"{program}: the output could not be written: {problem.strerror or problem}\n")
        raise SystemExit(ExitCode.RUN_FAILED)


def _flush(stream: TextIO | None) -> OSError | None:
    if stream is None:  # closed by whoever started the command
        return None
    try:
        stream.flush()
    except OSError as error:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
        return error
    return None
