"""The event stream: session, sequence numbers, heartbeats, and datasets at most once a second."""

from collections.abc import Callable
from typing import Any

import structlog

from hades_protocol import codec, events
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.messages import DatasetSnapshot

DATASET_SECONDS = 1.0

log = structlog.get_logger()

Send = Callable[[bytes, bytes], None]
"""Topic and body to the event socket; never blocks, drops for a subscriber that does not keep up."""


class Publisher:
    """Numbers the events of one daemon session and hands them to the socket."""

    def __init__(self, session: str, send: Send, clock: Callable[[], float]) -> None:
        self.session = session
        self.seq = 0
        self._send = send
        self._clock = clock
        self._topics: set[bytes] = set()
        self._sent_at: dict[str, float] = {}
        self._held: dict[str, DatasetSnapshot] = {}

    def publish(self, kind: type[events.Event], **fields: Any) -> None:
        """Send the next event of the gap-free stream. One that cannot be encoded is left out, and said in the log."""
        event = kind(session=self.session, seq=self.seq + 1, time=self._clock(), **fields)
        try:
            body = codec.encode(event)
        except ProtocolMismatchError as error:
            log.error("event left out", kind=kind.__name__, why=str(error))
            return
        self.seq += 1
        self._send(events.TOPIC_EVENTS, body)

    def tick(self) -> None:
        """Once every events.HEARTBEAT_SECONDS: the newest number, and datasets that were held back."""
        beat = events.Heartbeat(session=self.session, seq=self.seq, time=self._clock())
        self._send(events.TOPIC_EVENTS, codec.encode(beat))
        held, self._held = self._held, {}
        for run, dataset in held.items():
            self.offer_dataset(run, dataset)

    def offer_dataset(self, run: str, dataset: DatasetSnapshot) -> None:
        """Send the newest dataset of a run, now or when a second has passed since the one before."""
        topic = events.dataset_topic(run)
        if not any(topic.startswith(wanted) for wanted in self._topics):
            return  # nobody looks: encoding it would be for nothing
        now = self._clock()
        if 0 <= now - self._sent_at.get(run, 0.0) < DATASET_SECONDS:
            self._held[run] = dataset
            return
        self._held.pop(run, None)
        self._sent_at[run] = now
        event = events.DatasetPublished(session=self.session, seq=0, time=now, run_id=run, dataset=dataset)
        self._send(topic, codec.encode(event))

    def subscription(self, frame: bytes) -> None:
        """Take note of what the XPUB socket says about its subscribers: 1 or 0, then the topic."""
        if frame[:1] == b"\x01":
            self._topics.add(frame[1:])
        elif frame[:1] == b"\x00":
            self._topics.discard(frame[1:])
