"""Errors that are shown to people, each with an exit code that scripts may rely on.

An error's text is one line that says what happened, why, and what to do next.
"""

import errno
from enum import IntEnum

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of an OSError: a disk is full, a quota used up, or a file as large as it may become."""


class ExitCode(IntEnum):
    """Exit codes of `hadesd` and `hades-tui` (documented in docs/exit_codes.md; they never change meaning)."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND_OR_STATE = 3
    UNREACHABLE = 4
    PROTOCOL = 5
    CHECKPOINTED = 75
    INTERRUPTED = 130


class HadesError(Exception):
    """Base of every error that is shown as one line instead of a traceback."""

    exit_code: ExitCode = ExitCode.RUN_FAILED
    code: str = "error"


class UsageError(HadesError):
    """The request is invalid: an unknown setting, a value out of range, a file that does not parse."""

    exit_code = ExitCode.USAGE
    code = "usage"


class NotFoundError(HadesError):
    """No such run, generation or file."""

    exit_code = ExitCode.NOT_FOUND_OR_STATE
    code = "not_found"


class WrongStateError(HadesError):
    """The run is in a state in which the request is not possible."""

    exit_code = ExitCode.NOT_FOUND_OR_STATE
    code = "wrong_state"


class UnreachableError(HadesError):
    """No daemon answers, or not in time."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class ProtocolMismatchError(HadesError):
    """The other side speaks another major version, or bytes that are no message."""

    exit_code = ExitCode.PROTOCOL
    code = "protocol"


class InternalError(HadesError):
    """The daemon failed while answering; its log has the details."""

    code = "internal"


BY_CODE: dict[str, type[HadesError]] = {
    cls.code: cls
    for cls in (
        HadesError,
        UsageError,
        NotFoundError,
        WrongStateError,
        UnreachableError,
        ProtocolMismatchError,
        InternalError,
    )
}
