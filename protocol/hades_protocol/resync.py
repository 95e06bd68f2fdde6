"""How a client keeps up with a daemon: pure decisions, no sockets, no clock.

Fed with what arrives and with the time, `Sync` returns what to do. The rule that makes it gap-free: a
snapshot that was asked for *after* an event arrived contains that event. So while a snapshot is awaited only
events that came after the question are kept; of those, the ones the snapshot contains are dropped by number.
"""

from enum import StrEnum

import msgspec

from hades_protocol.errors import HadesError, ProtocolMismatchError
from hades_protocol.events import AnyEvent, DatasetPublished, Goodbye, Heartbeat, UnknownEvent
from hades_protocol.replies import SnapshotResult
from hades_protocol.version import is_compatible, mismatch

STALE_AFTER = 3.0
"""Seconds without any event or heartbeat (one a second) after which what is shown counts as stale."""

ASK_INTERVAL = 0.25
"""Least seconds between two snapshots: a client that cannot keep up must not flood the daemon."""

RETRY_AFTER = 1.0
"""Seconds until a snapshot that failed is asked for again."""


class LinkPhase(StrEnum):
    """How far what the client shows can be trusted."""

    CONNECTING = "connecting"  # nothing was heard yet
    LIVE = "live"  # every event so far is in
    RESYNCING = "resyncing"  # events were lost, or the daemon is new: a snapshot is awaited
    STALE = "stale"  # nothing is heard
    MISMATCH = "mismatch"  # the daemon speaks another major version


class LinkStatus(msgspec.Struct, frozen=True):
    """The link's phase. `since`: time of the last word (stale) or of the change, on the caller's clock."""

    phase: LinkPhase
    since: float
    text: str = ""


class AskSnapshot(msgspec.Struct, frozen=True):
    """Ask the daemon for a snapshot and feed the answer back with the same number."""

    attempt: int


Item = SnapshotResult | AnyEvent | LinkStatus
Action = Item | AskSnapshot


class Sync:
    """State of one attachment. Each feed method returns actions, in the order to carry them out."""

    def __init__(self, now: float) -> None:
        self.session: str | None = None
        self.seq = 0
        self._heard = now
        self._ever_heard = False
        self._farewell = False
        self._mismatch = ""
        self._awaiting = False  # a snapshot is needed
        self._in_flight = False  # and was asked for
        self._attempt = 0
        self._ask_after = now
        self._last_ask = now - ASK_INTERVAL
        self._buffer: list[AnyEvent | UnknownEvent] = []
        self.status = LinkStatus(LinkPhase.CONNECTING, now)

    def welcome(self, now: float) -> list[Action]:
        """A subscription stands, the first or one after a reconnect: what was sent before it is lost."""
        self._hear(now)
        self._mismatch = ""
        self._in_flight = False  # a question to a daemon that went will not be answered
        self._lose(now)
        return self._finish(now)

    def event(self, event: AnyEvent | UnknownEvent, now: float) -> list[Action]:
        """An event or a heartbeat arrived."""
        self._hear(now)
        if not is_compatible(event.protocol_major):
            self._mismatch = mismatch(event.protocol_major)
            return self._finish(now)
        if isinstance(event, DatasetPublished):  # a latest-value stream outside the numbering
            return [*([event] if event.session == self.session else []), *self._finish(now)]
        if self._awaiting:
            if self._in_flight:
                self._buffer.append(event)
            return self._finish(now)
        return self._follow(event, now) + self._finish(now)

    def malformed(self, now: float) -> list[Action]:
        """Bytes arrived that are no event: which one was lost is unknown."""
        self._hear(now)
        self._lose(now)
        return self._finish(now)

    def snapshot(self, attempt: int, result: SnapshotResult, now: float) -> list[Action]:
        """The answer to AskSnapshot(attempt)."""
        if attempt != self._attempt or not self._in_flight:
            return []
        self._awaiting = self._in_flight = False
        self._mismatch = ""
        self._hear(now)
        self.session, self.seq = result.daemon.session, result.seq
        actions: list[Action] = [result]
        buffer, self._buffer = self._buffer, []
        for event in buffer:
            if self._awaiting:
                break
            actions += self._follow(event, now)
        return actions + self._finish(now)

    def snapshot_failed(self, attempt: int, error: HadesError, now: float) -> list[Action]:
        """AskSnapshot(attempt) came to nothing."""
        if attempt != self._attempt or not self._in_flight:
            return []
        self._in_flight = False
        self._ask_after = now + RETRY_AFTER
        if isinstance(error, ProtocolMismatchError):
            self._mismatch = str(error)
        return self._finish(now)

    def tick(self, now: float) -> list[Action]:
        """Time passed; call this at least twice a second."""
        return self._finish(now)

    def _follow(self, event: AnyEvent | UnknownEvent, now: float) -> list[Action]:
        """An event while in step: deliver the next one, drop old ones, lose step on anything else."""
        if event.session != self.session:
            self._lose(now)
        elif isinstance(event, Heartbeat):
            if event.seq > self.seq:
                self._lose(now)
        elif event.seq == self.seq + 1:
            self.seq = event.seq
            if isinstance(event, UnknownEvent):
                return []
            self._farewell = isinstance(event, Goodbye)
            return [event]
        elif event.seq > self.seq:
            self._lose(now)
        return []

    def _hear(self, now: float) -> None:
        self._heard = now
        self._ever_heard = True
        self._farewell = False

    def _lose(self, now: float) -> None:
        if not self._awaiting:
            self._ask_after = max(now, self._last_ask + ASK_INTERVAL)
        self._awaiting = True

    def _finish(self, now: float) -> list[Action]:
        """Ask for a snapshot where one is due, and report the status where it changed."""
        actions: list[Action] = []
        silent = now - self._heard > STALE_AFTER
        if self._awaiting and not self._in_flight and not silent and now >= self._ask_after:
            self._attempt += 1
            self._in_flight = True
            self._last_ask = now
            self._buffer.clear()
            actions.append(AskSnapshot(self._attempt))
        status = self._status(silent, now)
        if (status.phase, status.text) != (self.status.phase, self.status.text):
            self.status = status
            actions.append(status)
        return actions

    def _status(self, silent: bool, now: float) -> LinkStatus:
        if self._farewell:
            return LinkStatus(LinkPhase.STALE, self._heard, "the daemon was stopped")
        if silent:
            return LinkStatus(LinkPhase.STALE, self._heard)
        if self._mismatch:
            return LinkStatus(LinkPhase.MISMATCH, now, self._mismatch)
        if not self._ever_heard:
            return LinkStatus(LinkPhase.CONNECTING, now)
        if self._awaiting or self.session is None:
            return LinkStatus(LinkPhase.RESYNCING, now)
        return LinkStatus(LinkPhase.LIVE, now)
