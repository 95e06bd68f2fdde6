"""What a command has printed goes out before it ends, while what becomes of it can still be told in one line."""

import os
import sys
from typing import TextIO

from hades_protocol.errors import ExitCode


def flush_output(program: str) -> None:
    """Write what is still buffered; for what cannot be written, nothing is left that Python would try again at exit.

    A reader that is gone is no error: it has seen enough.

    Raises:
        SystemExit: the output could not be written, e.g. to a full disk; a line on stderr says why.
    """
    _flush(sys.stderr)  # where it cannot be written there is nowhere to say so
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
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return error
    return None
