"""Every message survives the wire; bytes that are none end in one error, and only in that one."""

from typing import Annotated, Any, Literal, get_args, get_origin

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.codec import DTYPES, MAX_MESSAGE, Array, decode, encode
from hades_protocol.commands import RESULTS, AnyRequest, Pause, Start
from hades_protocol.errors import BY_CODE, HadesError, ProtocolMismatchError
from hades_protocol.events import AnyEvent, DatasetPublished, GenerationCommitted, Heartbeat, UnknownEvent, decode_event
from hades_protocol.messages import (
    CheckpointList,
    DaemonInfo,
    DatasetSnapshot,
    GenerationMetrics,
    GenerationTiming,
    GpuInfo,
    Job,
    Lineage,
    Mark,
    RunSummary,
)
from hades_protocol.replies import ChangeResult, ErrorBody, HistoryResult, LogResult, Reply, ShowResult, SnapshotResult
from hades_protocol.run_state import RunState
from tests.helpers.protocol.protocol_server import FakeDaemon, a_generation, a_run


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    size = DTYPES[dtype][1]
    for n in shape:
        size *= n
    return Array(dtype, shape, draw(st.binary(min_size=size, max_size=size)))


st.register_type_strategy(Array, arrays())
PLAIN = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
)


def built(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of a Struct type, from its annotations."""
    values = {f.name: valued(f.type) for f in msgspec.structs.fields(kind)}
    if kind is HistoryResult:
        return st.builds(history_of, point=st.lists(points(), max_size=3), **values)
    return st.builds(kind, **values)


def points() -> st.SearchStrategy[Any]:
    return st.tuples(built(GenerationMetrics), valued(int), valued(float))


def history_of(point: list[Any], **fields: Any) -> HistoryResult:
    """A history whose parallel tuples hold these points."""
    metrics, env_steps, committed_at = zip(*point, strict=True) if point else ((), (), ())
    return HistoryResult(**fields | {"metrics": metrics, "env_steps": env_steps, "committed_at": committed_at})


def valued(hint: Any) -> st.SearchStrategy[Any]:
    args = get_args(hint)
    if hint is Any:
        return PLAIN
    if get_origin(hint) is Annotated:
        meta = args[1]
        return st.text(max_size=meta.max_length) if args[0] is str else st.integers(meta.ge, meta.le)
    if get_origin(hint) is Literal:
        return st.sampled_from(args)
    if hint is int:
        return st.integers(-(2**63), 2**64 - 1)
    if hint is float:
        return st.floats(allow_nan=False)
    if hint is Array:
        return arrays()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return built(hint)
    if args and hint.__class__.__name__ in ("UnionType", "_UnionGenericAlias"):
        return st.one_of(*(valued(a) for a in args))
    if args and args[-1] is Ellipsis:
        return st.lists(valued(args[0]), max_size=3).map(tuple)
    if args:  # dict[str, Any]
        return PLAIN
    return st.from_type(hint)


PLAIN_MESSAGES = (
    RunSummary,
    GenerationMetrics,
    GenerationTiming,
    GpuInfo,
    Lineage,
    Mark,
    DaemonInfo,
    DatasetSnapshot,
    SnapshotResult,
    ShowResult,
    HistoryResult,
    LogResult,
    ChangeResult,
    CheckpointList,
    Job,
    ErrorBody,
    Reply,
)


@settings(max_examples=150)
@given(st.sampled_from(PLAIN_MESSAGES).flatmap(built))
def test_messages_come_back_as_they_were(message: msgspec.Struct) -> None:
    assert decode(encode(message), type(message)) == message


@settings(max_examples=150)
@given(st.sampled_from(get_args(AnyRequest)).flatmap(built))
def test_requests_come_back_as_the_same_verb(request: msgspec.Struct) -> None:
    back: Any = decode(encode(request), AnyRequest)  # type: ignore[arg-type]
    assert type(back) is type(request)
    assert back == request


@settings(max_examples=150)
@given(st.sampled_from(get_args(AnyEvent)).flatmap(built))
def test_events_come_back_as_the_same_type(event: Any) -> None:
    event = msgspec.structs.replace(event, protocol_major=1)
    back = decode_event(encode(event))
    assert type(back) is type(event)
    assert back == event


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([*PLAIN_MESSAGES, AnyRequest]))
def test_random_bytes_give_the_protocol_error_only(data: bytes, kind: Any) -> None:
    with pytest.raises(ProtocolMismatchError):
        decode(data, kind)
    with pytest.raises(ProtocolMismatchError):
        decode_event(data)


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(
        [*(kind for kind in PLAIN_MESSAGES if kind is not CheckpointList), AnyRequest]
    ),  # {} is CheckpointList
)
def test_well_formed_msgpack_that_is_no_message_gives_it_too(value: Any, kind: Any) -> None:
    data = msgpack.packb(value)
    for read in (lambda: decode(data, kind), lambda: decode_event(data)):
        with pytest.raises(ProtocolMismatchError):
            read()


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_byte_gives_a_message_or_the_protocol_error(data: st.DataObject) -> None:
    daemon = FakeDaemon(runs=(a_run("one"),))
    raw = bytearray(encode(daemon.commit("one")))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        event = decode_event(bytes(raw))
    except ProtocolMismatchError:
        return
    assert isinstance(event, GenerationCommitted | UnknownEvent)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb({1: 2}),
        msgpack.packb(msgpack.Timestamp(2**33)),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb({"type": "run"}) + b"\x00",
        b"\x91" * 2000,
        b"\xdf\xff\xff\xff\xff",
    ],
)
def test_hostile_bytes(data: bytes) -> None:
    with pytest.raises(ProtocolMismatchError):
        decode_event(data)
    with pytest.raises(ProtocolMismatchError):
        decode(data, Reply)


def test_unknown_fields_are_ignored() -> None:
    run = a_run("one")
    raw = msgspec.to_builtins(run) | {"aura": "purple"}
    assert decode(msgpack.packb(raw), RunSummary) == run


@pytest.mark.parametrize("short", ["metrics", "env_steps", "committed_at"])
def test_a_history_whose_columns_differ_in_length_is_refused(short: str) -> None:
    daemon = FakeDaemon(runs=(a_run("one"),))
    daemon.metrics["one"] = [a_generation(g) for g in (1, 2, 3)]
    history = msgspec.to_builtins(daemon.history("one"))
    assert decode(msgpack.packb(history), HistoryResult).generations_total == 3
    history[short] = history[short][:-1]
    with pytest.raises(ProtocolMismatchError, match="differ in length"):
        decode(msgpack.packb(history), HistoryResult)


def test_missing_fields_take_their_defaults() -> None:
    raw = {"id": "one", "state": "queued", "env": "hopper", "method": "es"}
    assert decode(msgpack.packb(raw), RunSummary) == RunSummary(
        id="one", state=RunState.QUEUED, env="hopper", method="es"
    )


def test_an_event_of_an_unknown_type_keeps_its_number() -> None:
    raw = {"type": "eclipse", "session": "s", "seq": 7, "time": 1.0, "dark": True}
    assert decode_event(msgpack.packb(raw)) == UnknownEvent(type="eclipse", session="s", seq=7)


def test_an_event_of_another_major_version_is_not_read_any_further() -> None:
    raw = {"type": "heartbeat", "session": "s", "seq": 7, "time": "noon", "protocol_major": 2}
    event = decode_event(msgpack.packb(raw))
    assert isinstance(event, UnknownEvent)
    assert event.protocol_major == 2


def test_an_unknown_verb_is_refused_by_name() -> None:
    with pytest.raises(ProtocolMismatchError, match="conjure"):
        decode(msgpack.packb({"verb": "conjure", "request_id": "1"}), AnyRequest)  # type: ignore[arg-type]


def test_oversized_messages_are_neither_sent_nor_read() -> None:
    big = Array("uint8", (MAX_MESSAGE,), bytes(MAX_MESSAGE))
    with pytest.raises(ProtocolMismatchError, match="exceeds the limit"):
        encode(big)
    with pytest.raises(ProtocolMismatchError, match="exceeds the limit"):
        decode(bytes(MAX_MESSAGE + 1), Array)


def test_an_integer_beyond_64_bits_is_not_sent() -> None:
    with pytest.raises(ProtocolMismatchError, match="cannot be encoded"):
        encode(Start(request_id="1", spec={"seed": 2**70}))


@pytest.mark.parametrize(
    ("dtype", "shape", "data", "message"),
    [
        ("float16", (1,), b"12", "dtype 'float16'"),
        ("float32", (2,), b"1234", "needs 8 bytes, got 4"),
        ("float32", (2,), b"123456789", "needs 8 bytes, got 9"),
        ("float32", (-1,), b"", "negative dimension"),
        ("uint8", (-2, -2), b"1234", "negative dimension"),
        ("uint8", (2**40, 2**40), b"", "needs"),
    ],
)
def test_an_array_that_lies_about_itself_is_refused(
    dtype: str, shape: tuple[int, ...], data: bytes, message: str
) -> None:
    with pytest.raises(ProtocolMismatchError, match=message):
        decode(msgpack.packb({"dtype": dtype, "shape": shape, "data": data}), Array)


def test_array_values_are_flat_numbers() -> None:
    assert list(Array("int32", (2, 1), b"\x01\0\0\0\xff\xff\xff\xff").values()) == [1, -1]


def test_not_a_number_survives() -> None:
    metrics = FakeDaemon(runs=(a_run("one"),)).commit("one", fitness_std=float("nan")).metrics
    back = decode(encode(metrics), GenerationMetrics)
    assert back.fitness_std is not None
    assert back.fitness_std != back.fitness_std


def test_every_verb_has_a_result_type() -> None:
    assert set(RESULTS) == set(get_args(AnyRequest))


def test_every_error_has_a_code_of_its_own() -> None:
    subclasses = [cls for cls in HadesError.__subclasses__() if cls.__module__ == HadesError.__module__]
    assert {cls.code for cls in subclasses} | {"error"} == set(BY_CODE)
    assert len(BY_CODE) == len(subclasses) + 1


def test_datasets_and_heartbeats_keep_their_bytes() -> None:
    daemon = FakeDaemon(runs=(a_run("one"),))
    assert decode_event(encode(daemon.heartbeat())) == Heartbeat(session="session-1", seq=0, time=1_700_000_000.0)
    assert not isinstance(decode_event(encode(daemon.heartbeat())), DatasetPublished)


def test_an_unknown_expected_state_is_refused() -> None:
    raw = {"verb": "pause", "request_id": "1", "run": "x", "expected_state": "asleep"}
    with pytest.raises(ProtocolMismatchError, match="asleep"):
        decode(msgpack.packb(raw), Pause)
