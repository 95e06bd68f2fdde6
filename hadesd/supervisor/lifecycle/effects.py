"""What the state machine answers: what is to be done, in order. Plain frozen records."""

import msgspec

from hades_protocol.messages import HistoryKind


class Persist(msgspec.Struct, frozen=True):
    """Write run.json, with one more entry in its history. Always before the acts that follow from it."""

    what: HistoryKind
    reason: str = ""
    log_tail: tuple[str, ...] = ()


class StartWorker(msgspec.Struct, frozen=True):
    """Start a worker process."""


class HaltWorker(msgspec.Struct, frozen=True):
    """Ask the worker to commit its generation and to exit. discard: a first generation is not wanted any more."""

    discard: bool = False


class KillWorker(msgspec.Struct, frozen=True):
    """SIGKILL the worker."""

    reason: str


class RestartAt(msgspec.Struct, frozen=True):
    """Report BackoffExpired at that Unix time."""

    at: float


class CutHistory(msgspec.Struct, frozen=True):
    """Forget metrics after that generation."""

    generation: int


class Publish(msgspec.Struct, frozen=True):
    """Tell the clients what the run looks like now."""


Effect = Persist | StartWorker | HaltWorker | KillWorker | RestartAt | CutHistory | Publish


def noted(what: HistoryKind, *acts: Effect, reason: str = "", log_tail: tuple[str, ...] = ()) -> list[Effect]:
    """The effects of a step that the run's history shows: it is written down, the acts follow, clients are told."""
    return [Persist(what, reason, log_tail), *acts, Publish()]
