"""The errors of the library: `HadesError` and its subclasses. Their text says what happened, why, and what to do."""

from hades_protocol.errors import (
    HadesError,
    InternalError,
    NotFoundError,
    ProtocolMismatchError,
    UnreachableError,
    UsageError,
    WrongStateError,
)

__all__ = [
    "HadesError",
    "InternalError",
    "NotEndedError",
    "NotFoundError",
    "ProtocolMismatchError",
    "RunFailedError",
    "UnreachableError",
    "UsageError",
    "WrongStateError",
]


class NotEndedError(WrongStateError):
    """A run has not ended within the time that was given to wait for it."""


class RunFailedError(HadesError):
    """A run that was waited for failed or was cancelled; the text has its reason."""
