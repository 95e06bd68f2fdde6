"""Errors of every verb: one line on stderr and a documented exit code."""

import os

from hades_protocol.errors import (
    NO_ROOM,
    ExitCode,
    HadesError,
    InternalError,
    NotFoundError,
    UsageError,
    WrongStateError,
)
from hades_protocol.stdio import complain, describe_bug, flush_output

ABOUT_ONE_RUN = (WrongStateError, NotFoundError, UsageError, InternalError)
"""What a daemon says about one run; the next one may fare better."""


class Abandoned(KeyboardInterrupt):
    """Ctrl-C while a thread computes that cannot be stopped: the process must end without waiting for it."""


def report_error(error: Exception | KeyboardInterrupt) -> int:
    """Print an error as one line on stderr; returns the exit code. A bug leaves its traceback in a file."""
    if isinstance(error, KeyboardInterrupt):
        if isinstance(error, Abandoned):
            try:
                flush_output("hadesd")
            finally:
                os._exit(ExitCode.INTERRUPTED)
        return ExitCode.INTERRUPTED
    if isinstance(error, HadesError):
        complain(f"hadesd: {' '.join(str(error).splitlines())}")
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader of our output has seen enough
        return ExitCode.OK
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        complain(f"hadesd: {error.strerror or error}: make room, then try again")
        return ExitCode.RUN_FAILED
    if isinstance(error, PermissionError) and error.filename is not None:
        complain(
            f"hadesd: {os.fsdecode(error.filename)}: {error.strerror}: it or a directory above it belongs to somebody "
            "else; 'hadesd paths' says which directories are used, HADES_HOME sets others"
        )
        return ExitCode.RUN_FAILED
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and _is_short(error)):
        complain(f"hadesd: the machine is short of something ({error or 'memory'}): try again when less goes on")
        return ExitCode.RUN_FAILED
    complain(f"hadesd: internal error: {describe_bug('hadesd', error)}")
    return ExitCode.RUN_FAILED


def _is_short(error: OSError) -> bool:
    from hadesd.supervisor.child_process import OUT_OF_RESOURCES

    return error.errno in OUT_OF_RESOURCES
