"""The event stream: numbers without a gap, and datasets only for those who look."""

import msgspec

from hades_protocol import codec, events
from hades_protocol.codec import Array
from hades_protocol.messages import DatasetSnapshot
from hadesd.supervisor.publisher import Publisher

DATASET = DatasetSnapshot(
    generation=1,
    states=Array(dtype="float32", shape=(1, 1), data=b"\0\0\0\0"),
    actions=Array(dtype="float32", shape=(1, 1), data=b"\0\0\0\0"),
    discrete=True,
    normalisation="none",
)


class Wire:
    """Stands in for the socket and for the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[bytes, events.Event]] = []
        self.publisher = Publisher("boot", self._send, lambda: self.now)

    def _send(self, topic: bytes, body: bytes) -> None:
        self.sent.append((topic, codec.decode(body, events.AnyEvent)))

    @property
    def datasets(self) -> list[int]:
        return [event.dataset.generation for topic, event in self.sent if topic == events.dataset_topic("r")]


def newer(generation: int) -> DatasetSnapshot:
    return msgspec.structs.replace(DATASET, generation=generation)


def test_events_are_numbered_and_heartbeats_name_the_newest() -> None:
    wire = Wire()
    wire.publisher.publish(events.RunLog, run_id="r", level="warning", text="a")
    wire.publisher.publish(events.HistoryCut, run_id="r", generation=3)
    wire.publisher.tick()
    assert [event.seq for _, event in wire.sent] == [1, 2, 2]
    assert isinstance(wire.sent[2][1], events.Heartbeat)
    assert {topic for topic, _ in wire.sent} == {b"events"}
    assert {event.session for _, event in wire.sent} == {"boot"}


def test_a_dataset_nobody_looks_at_is_not_sent() -> None:
    wire = Wire()
    wire.publisher.offer_dataset("r", DATASET)
    wire.publisher.subscription(b"\x01dataset/other/")
    wire.publisher.offer_dataset("r", DATASET)
    assert wire.sent == []


def test_datasets_are_sent_once_a_second_and_the_newest_is_never_lost() -> None:
    wire = Wire()
    wire.publisher.subscription(b"\x01dataset/r/")
    for generation in (1, 2, 3):
        wire.publisher.offer_dataset("r", newer(generation))
    assert wire.datasets == [1]
    wire.now += 1.0
    wire.publisher.tick()
    assert wire.datasets == [1, 3]
    wire.now += 1.0
    wire.publisher.tick()
    assert wire.datasets == [1, 3]
    assert wire.publisher.seq == 0  # outside the gap-free numbering


def test_after_the_last_subscriber_has_gone_nothing_is_sent() -> None:
    wire = Wire()
    wire.publisher.subscription(b"\x01dataset/")
    wire.publisher.subscription(b"\x00dataset/")
    wire.publisher.offer_dataset("r", DATASET)
    assert wire.sent == []


def test_a_clock_that_goes_back_does_not_silence_the_datasets() -> None:
    wire = Wire()
    wire.publisher.subscription(b"\x01dataset/")
    wire.publisher.offer_dataset("r", newer(1))
    wire.now -= 1000.0
    wire.publisher.offer_dataset("r", newer(2))
    assert wire.datasets == [1, 2]
