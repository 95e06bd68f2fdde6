"""Standard streams of a command: usable whatever they are, and flushed before the interpreter exits."""

import io
import os
import sys
import time
from typing import TextIO

from hades_protocol.errors import ExitCode

NAMES = ("stdin", "stdout", "stderr")

DUMB = ("dumb", "unknown")
"""Values of TERM for a terminal that takes escape sequences for text."""


def prepare_streams() -> None:
    """Make sure that there are three standard streams, and that any text can be written to them.

    A closed one is opened on /dev/null: else the next file that is opened takes its number, and what is printed goes
    into that file. A letter that the encoding of the output does not have is spelled (`\\u2026`).
    """
    for number, name in enumerate(NAMES):
        stream = getattr(sys, name)
        if not _is_open(number) and not _open_nothing(number):
            continue  # what is printed there is lost, and that cannot be said
        if stream is None:
            opened = open(number, "r" if name == "stdin" else "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, opened)
            setattr(sys, f"__{name}__", opened)
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if name == "stdin" else "backslashreplace")


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _open_nothing(fd: int) -> bool:
    """Open /dev/null as a descriptor that is closed; whether that worked."""
    try:
        opened = os.open(os.devnull, os.O_RDWR)
    except OSError:
        return False
    if opened != fd:
        os.dup2(opened, fd)
        os.close(opened)
    os.set_inheritable(fd, True)
    return True


def takes_unicode(stream: TextIO) -> bool:
    """Whether a stream encodes every letter as it is."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"


def complain(text: str) -> None:
    """Print a line on stderr, if anybody can still be told anything."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # gone, full, or closed
        return


def describe_bug(program: str, error: Exception) -> str:
    """What is said of an error that nobody expected; its traceback is appended to cli-error.log."""
    import traceback

    from hades_protocol.paths import Paths

    text = type(error).__name__
    try:
        text += f": {' '.join(str(error).splitlines()) or 'no message'}"
        path = Paths().state / "cli-error.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {program} {' '.join(sys.argv[1:])}\n")
            traceback.print_exception(error, file=file)
    except Exception as problem:  # noqa: BLE001 — nothing comes after the last resort
        return f"{text} (the details could not be written: {problem})"
    return f"{text} (a bug, please report it; details in {path})"


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
        complain(f"{program}: the output could not be written: {problem.strerror or problem}")
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
