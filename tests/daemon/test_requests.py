"""Whatever arrives on the control socket, the daemon answers or drops it, and goes on."""

import re
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zmq

from hades_protocol import codec, commands, replies
from hades_protocol.errors import UsageError
from hadesd.daemon.loop import BURST
from tests.helpers.processes.daemon import Home, a_home


@pytest.fixture(scope="module")
def served() -> Iterator[Home]:
    with a_home() as home:
        home.fake_daemon()
        yield home


@pytest.fixture
def line(served: Home) -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(served.paths.control_endpoint)
        yield socket


def reply(socket: "zmq.Socket[bytes]") -> replies.Reply:
    assert socket.poll(60_000), "no reply"
    return codec.decode(socket.recv(), replies.Reply)


def request(**fields: Any) -> bytes:
    return msgpack.packb({"request_id": "q", "verb": "hello", "protocol_major": 1, **fields})


def test_a_hand_made_request_is_answered(line: "zmq.Socket[bytes]") -> None:
    line.send(msgpack.packb({"verb": "hello", "request_id": "mine", "field_of_the_future": [1]}))
    answer = reply(line)
    assert (answer.request_id, answer.error) == ("mine", None)
    assert answer.result["protocol_major"] == 1


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b""], "not a valid message"),
        ([b"\xc1"], "not a valid message"),
        ([b"\x91" * 5000], "not a valid message"),
        ([msgpack.packb([1, 2])], "not a valid message"),
        ([b"", request()], "a request is one frame, not 2"),
        ([b"x" * (codec.MAX_REQUEST + 1)], "exceeds the limit"),
        ([request(verb="format_disk")], "format_disk"),
        ([request(verb="pause")], "run"),
        ([request(verb="pause", run=7)], "run"),
        ([request(protocol_major=99)], "the daemon speaks protocol 1, the client 99"),
    ],
)
def test_what_makes_no_sense_is_refused_as_a_protocol_error(
    line: "zmq.Socket[bytes]", served: Home, frames: list[bytes], why: str
) -> None:
    line.send_multipart(frames)
    answer = reply(line)
    assert answer.error is not None
    assert answer.error.code == "protocol"
    assert why in answer.error.message
    assert served.ask(commands.Hello).pid == served.daemons[0].pid


def test_a_refusal_names_the_request_where_it_can_be_read(line: "zmq.Socket[bytes]") -> None:
    line.send(request(verb="format_disk"))
    assert reply(line).request_id == "q"


@pytest.mark.parametrize("nonsense", [False, True], ids=["requests", "among nonsense"])
def test_many_requests_at_once_are_all_answered_in_their_order(line: "zmq.Socket[bytes]", nonsense: bool) -> None:
    for number in range(10 * BURST + 1):
        line.send(request(request_id=f"{number}", verb="format_disk" if nonsense and number % 3 else "hello"))
    answers = [reply(line) for _ in range(10 * BURST + 1)]
    assert [answer.request_id for answer in answers] == [f"{number}" for number in range(10 * BURST + 1)]
    assert [answer.error is None for answer in answers] == [not (nonsense and n % 3) for n in range(10 * BURST + 1)]


def test_a_request_nobody_waits_for_any_more_is_dropped(line: "zmq.Socket[bytes]", served: Home) -> None:
    spec = {"env": "CartPole-v1", "evolution": {"generations": 1}}
    line.send(request(verb="start", spec=spec, expires_at=time.time() - 1))
    line.send(request(request_id="next"))
    assert reply(line).request_id == "next"
    assert served.ask(commands.Snapshot).runs == ()


def test_a_runs_directory_that_has_gone_is_one_line(served: Home, line: "zmq.Socket[bytes]") -> None:
    path = served.paths.runs
    moved = path.rename(path.with_name("elsewhere"))
    try:
        line.send(request(verb="start", spec={"env": "CartPole-v1"}))
        answer = reply(line)
    finally:
        moved.rename(path)
    assert answer.error is not None
    assert answer.error.code == "usage"
    assert "cannot create a run in" in answer.error.message


def test_a_plan_is_what_hadesd_start_would_submit(served: Home) -> None:
    plan = served.ask(commands.Plan, spec={"env": "hopper", "dataset": {"pairs": 3}})
    assert (plan.spec["preset"], plan.spec["dataset"]["pairs"]) == ("cpu", 3)
    assert any("no GPU found" in note for note in plan.notes)
    published = served.ask(commands.Plan, spec={"env": "hopper", "preset": "published"})
    assert published.spec["evolution"]["population"] == 2048
    assert published.notes == ()
    before = served.ask(commands.Snapshot).runs
    for spec, why in (
        ({"env": "hoper"}, "did you mean 'hopper'"),
        ({}, "no environment given"),
        ({"env": "hopper", "preset": "best"}, "unknown preset 'best'"),
        ({"env": "pack.module:Maze"}, "the daemon does not run: use 'hadesd start --env pack.module:Maze'"),
        ({"env": "hopper", "policy": {"kind": "pack.module:Net"}}, "pack.module:Net is code of your own"),
    ):
        with pytest.raises(UsageError, match=re.escape(why)):
            served.ask(commands.Plan, spec=spec)
    assert served.ask(commands.Snapshot).runs == before, "nothing is queued"
