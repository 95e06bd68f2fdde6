"""Errors of every verb: one line on stderr and a documented exit code."""

import os
import sys
import time

from hades_protocol.errors import ExitCode, HadesError
from hades_protocol.stdio import flush_output
from hadesd.storage.disk import FULL


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
        print(f"hadesd: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader of our output has seen enough
        return ExitCode.OK
    if isinstance(error, OSError) and error.errno in FULL:
        print(f"hadesd: {error.strerror or error}: make room, then try again", file=sys.stderr)
        return ExitCode.RUN_FAILED
    print(f"hadesd: internal error: {type(error).__name__}: {_log_traceback(error)}", file=sys.stderr)
    return ExitCode.RUN_FAILED


def _log_traceback(error: Exception) -> str:
    """Append the traceback to cli-error.log; the error's message and where the traceback is."""
    import traceback

    from hades_protocol.paths import Paths

    text = " ".join(str(error).splitlines()) or "no message"
    try:
        path = Paths().state / "cli-error.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} hadesd {' '.join(sys.argv[1:])}\n")
            traceback.print_exception(error, file=file)
    except (OSError, HadesError) as problem:
        return f"{text} (the details could not be written: {problem})"
    return f"{text} (a bug, please report it; details in {path})"
