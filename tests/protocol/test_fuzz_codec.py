"""Bytes from outside end in a message or in the one protocol error, whatever they are."""

import contextlib
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.codec import convert, decode, encode, unpack
from hades_protocol.commands import AnyRequest, Show
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.events import AnyEvent, UnknownEvent, decode_event
from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_protocol.replies import Reply
from tests.helpers.faults.fuzz import FuzzSource
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run

KINDS = (AnyRequest, AnyEvent, UnknownEvent, Reply, RunSummary, DatasetSnapshot)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.binary(), inner),
)


def readable(data: bytes, kind: Any) -> bool:
    """Whether bytes are a message of some kind; anything but a yes or the protocol error is a defect."""
    try:
        decode(data, kind)
    except ProtocolMismatchError:
        return False
    return True


def valid() -> list[bytes]:
    daemon = FakeDaemon(runs=(a_run("one"),))
    events = [daemon.commit("one"), daemon.publish_dataset("one", a_dataset()), daemon.heartbeat()]
    return [encode(message) for message in (*events, Show(request_id="1", run="one"), Reply(request_id="1", result=[]))]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid message with pieces cut out, doubled, moved or replaced."""
    data = draw(st.sampled_from(valid()))
    for _ in range(draw(st.integers(1, 5))):
        start, stop = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        piece = draw(st.sampled_from([b"", data[start:stop] * 2, data[:start]]) | st.binary(max_size=20))
        data = data[:start] + piece + data[stop:]
    return data


@settings(max_examples=400)
@given(mutated(), st.sampled_from(KINDS))
def test_a_mutated_message_is_a_message_or_the_protocol_error(data: bytes, kind: Any) -> None:
    readable(data, kind)
    with contextlib.suppress(ProtocolMismatchError):
        assert decode_event(data).protocol_major is not None


@settings(max_examples=300)
@given(PLAIN, st.sampled_from(KINDS))
def test_any_value_converts_or_gives_the_protocol_error(value: Any, kind: Any) -> None:
    try:
        found = convert(value, kind)
    except ProtocolMismatchError:
        return
    assert isinstance(found, msgspec.Struct)


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_the_messages_of_the_storm_are_read_or_refused(seed: int) -> None:
    for frame in FuzzSource(seed).message():
        for kind in KINDS:
            readable(frame, kind)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01"])
@pytest.mark.parametrize("depth", [100, 511, 512, 1023, 1024, 100_000])
@pytest.mark.parametrize("prefix", [b"", b"\x83\xaarequest_id\xa11\xa4verb\xa5start\xa4spec"])
def test_nesting_of_any_depth(opening: bytes, depth: int, prefix: bytes) -> None:
    data = prefix + opening * depth + b"\xc0"
    for kind in KINDS:
        readable(data, kind)


@pytest.mark.parametrize("head", [b"\xc6", b"\xc9", b"\xdb", b"\xdd", b"\xdf"])
def test_a_length_that_lies_reserves_no_memory_for_it(head: bytes) -> None:
    with pytest.raises(ProtocolMismatchError):
        unpack(head + b"\xff\xff\xff\xff" + b"\x00" * 100)


def test_of_two_equal_keys_one_counts_and_nothing_breaks() -> None:
    pairs = [("verb", "hello"), ("verb", "stop"), ("request_id", "1")]
    data = b"\x83" + b"".join(msgpack.packb(part) for pair in pairs for part in pair)
    assert type(decode(data, AnyRequest)).__name__ == "Stop"  # type: ignore[arg-type]
