"""Keeps a client in step with a daemon: a pure state machine, without sockets or a clock.

Given what arrives and the time, `Resync` returns what to do. The rule that makes it gap-free: a snapshot
that was requested *after* an event arrived contains that event. So while a snapshot is awaited only events that
came after its request are kept; of those, the ones that the snapshot contains are dropped by number.
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
    """Whether what the client shows is up to date."""

    CONNECTING = "connecting"  # nothing was received yet
    LIVE = "live"  # every event so far is in
    RESYNCING = "resyncing"  # events were lost, or the daemon is new: a snapshot is awaited
    STALE = "stale"  # nothing was received for STALE_AFTER seconds
    MISMATCH = "mismatch"  # the daemon speaks another major version


class LinkStatus(msgspec.Struct, frozen=True):
    """Phase of the link to the daemon.

    since: when the last message was received (stale) or the phase changed, in seconds of the caller's clock.
    text: why, for people; empty where the phase says it.
    """

    phase: LinkPhase
    since: float
    text: str = ""


class AskSnapshot(msgspec.Struct, frozen=True):
    """Request a snapshot and pass the answer to Resync.snapshot or snapshot_failed with the same `attempt`."""

    attempt: int


Item = SnapshotResult | AnyEvent | LinkStatus
Action = Item | AskSnapshot


class Resync:
    """State of one attachment. Each method returns actions, in the order to carry them out; `now` is in seconds."""

    def __init__(self, now: float) -> None:
        self.session: str | None = None
        self.seq = 0
        self._received_at = now
        self._ever_received = False
        self._goodbye = False
        self._mismatch = ""
        self._awaiting = False  # a snapshot is needed
        self._in_flight = False  # and was asked for
        self._attempt = 0
        self._request_after = now
        self._last_request_at = now - ASK_INTERVAL
        self._buffer: list[AnyEvent | UnknownEvent] = []
        self.status = LinkStatus(LinkPhase.CONNECTING, now)

    def welcome(self, now: float) -> list[Action]:
        """A subscription became active, the first or one after a reconnect: what was sent before it is lost."""
        self._mark_received(now)
        self._mismatch = ""
        self._in_flight = False  # a request to a daemon that ended is not answered
        self._mark_lost(now)
        return self._next_actions(now)

    def event(self, event: AnyEvent | UnknownEvent, now: float) -> list[Action]:
        """An event or a heartbeat arrived."""
        self._mark_received(now)
        if not is_compatible(event.protocol_major):
            self._mismatch = mismatch(event.protocol_major)
            return self._next_actions(now)
        if isinstance(event, DatasetPublished):  # a latest-value stream outside the numbering
            return [*([event] if event.session == self.session else []), *self._next_actions(now)]
        if self._awaiting:
            if self._in_flight:
                self._buffer.append(event)
            return self._next_actions(now)
        return self._deliver(event, now) + self._next_actions(now)

    def malformed(self, now: float) -> list[Action]:
        """Bytes arrived that are no event: an event may be lost."""
        self._mark_received(now)
        self._mark_lost(now)
        return self._next_actions(now)

    def snapshot(self, attempt: int, result: SnapshotResult, now: float) -> list[Action]:
        """The answer to AskSnapshot(attempt)."""
        if attempt != self._attempt or not self._in_flight:
            return []
        self._awaiting = self._in_flight = False
        self._mismatch = ""
        self._mark_received(now)
        self.session, self.seq = result.daemon.session, result.seq
        actions: list[Action] = [result]
        buffer, self._buffer = self._buffer, []
        for event in buffer:
            if self._awaiting:
                break
            actions += self._deliver(event, now)
        return actions + self._next_actions(now)

    def snapshot_failed(self, attempt: int, error: HadesError, now: float) -> list[Action]:
        """AskSnapshot(attempt) failed."""
        if attempt != self._attempt or not self._in_flight:
            return []
        self._in_flight = False
        self._request_after = now + RETRY_AFTER
        if isinstance(error, ProtocolMismatchError):
            self._mismatch = str(error)
        return self._next_actions(now)

    def tick(self, now: float) -> list[Action]:
        """Time has passed; call this at least twice a second."""
        return self._next_actions(now)

    def _deliver(self, event: AnyEvent | UnknownEvent, now: float) -> list[Action]:
        """Deliver the next event in order and drop old ones; anything else means that events were lost."""
        if event.session != self.session:
            self._mark_lost(now)
        elif isinstance(event, Heartbeat):
            if event.seq > self.seq:
                self._mark_lost(now)
        elif event.seq == self.seq + 1:
            self.seq = event.seq
            if isinstance(event, UnknownEvent):
                return []
            self._goodbye = isinstance(event, Goodbye)
            return [event]
        elif event.seq > self.seq:
            self._mark_lost(now)
        return []

    def _mark_received(self, now: float) -> None:
        self._received_at = now
        self._ever_received = True
        self._goodbye = False

    def _mark_lost(self, now: float) -> None:
        if not self._awaiting:
            self._request_after = max(now, self._last_request_at + ASK_INTERVAL)
        self._awaiting = True

    def _next_actions(self, now: float) -> list[Action]:
        """Request a snapshot where one is due, and report the status where it changed."""
        actions: list[Action] = []
        silent = now - self._received_at > STALE_AFTER
        if self._awaiting and not self._in_flight and not silent and now >= self._request_after:
            self._attempt += 1
            self._in_flight = True
            self._last_request_at = now
            self._buffer.clear()
            actions.append(AskSnapshot(self._attempt))
        status = self._status(silent, now)
        if (status.phase, status.text) != (self.status.phase, self.status.text):
            self.status = status
            actions.append(status)
        return actions

    def _status(self, silent: bool, now: float) -> LinkStatus:
        if self._goodbye:
            return LinkStatus(LinkPhase.STALE, self._received_at, "the daemon was stopped")
        if silent:
            return LinkStatus(LinkPhase.STALE, self._received_at)
        if self._mismatch:
            return LinkStatus(LinkPhase.MISMATCH, now, self._mismatch)
        if not self._ever_received:
            return LinkStatus(LinkPhase.CONNECTING, now)
        if self._awaiting or self.session is None:
            return LinkStatus(LinkPhase.RESYNCING, now)
        return LinkStatus(LinkPhase.LIVE, now)
