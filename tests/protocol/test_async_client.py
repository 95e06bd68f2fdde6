"""The client against real sockets."""

import asyncio
import socket as unix
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from hades_protocol import commands, replies
from hades_protocol.async_client import AsyncClient
from hades_protocol.codec import encode
from hades_protocol.errors import NotFoundError, ProtocolMismatchError, UnreachableError, WrongStateError
from hades_protocol.events import TOPIC_EVENTS, DatasetPublished, GenerationCommitted, Heartbeat
from hades_protocol.replies import SnapshotResult
from hades_protocol.resync import Item, LinkPhase, LinkStatus
from hades_protocol.run_state import RunState
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving


class Attached:
    """Collects what attach() yields, to wait for things in it."""

    def __init__(self, client: AsyncClient) -> None:
        self.items: list[Item] = []
        self._client = client

    async def pump(self) -> None:
        async for item in self._client.attach():
            self.items.append(item)

    async def until(self, condition: Any, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition(self.items):
                await asyncio.sleep(0.01)

    def phases(self) -> list[LinkPhase]:
        return [item.phase for item in self.items if isinstance(item, LinkStatus)]

    def generations(self) -> list[int]:
        return [item.metrics.generation for item in self.items if isinstance(item, GenerationCommitted)]

    async def live(self) -> None:
        await self.until(lambda items: self.phases()[-1:] == [LinkPhase.LIVE])


@asynccontextmanager
async def attached(control: str, events: str) -> AsyncIterator[tuple[AsyncClient, Attached]]:
    client = AsyncClient(control, events)
    stream = Attached(client)
    task = asyncio.create_task(stream.pump())
    try:
        yield client, stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        client.close()


def a_daemon(session: str = "session-1") -> FakeDaemon:
    return FakeDaemon(session, (a_run("one"), a_run("two", RunState.PAUSED)))


async def test_every_verb_returns_its_type(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        client = AsyncClient(server.control, server.events)
        server.do(lambda: server.daemon.commit("one"))
        server.do(lambda: server.daemon.publish_dataset("one", a_dataset(1)))
        assert (await client.hello()).session == "session-1"
        assert [run.id for run in (await client.snapshot()).runs] == ["one", "two"]
        assert (await client.show("tw")).run.id == "two"
        assert [m.generation for m in (await client.history("one")).metrics] == [1]
        assert (await client.dataset("one")).action_names == ("left", "right")
        assert (await client.resume("two")).state is RunState.QUEUED
        assert (await client.cancel("one")).state is RunState.CANCELLING
        client.close()


async def test_a_request_carries_a_deadline_and_the_expected_state(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        client = AsyncClient(server.control, server.events)
        before = time.time()
        await client.pause("one", RunState.RUNNING)
        request = server.requests[-1]
        assert isinstance(request, commands.Pause)
        assert request.expected_state is RunState.RUNNING
        assert request.expires_at is not None
        assert before < request.expires_at < time.time() + 60
        client.close()


async def test_refusals_become_the_matching_error(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        client = AsyncClient(server.control, server.events)
        with pytest.raises(NotFoundError, match="no run 'nine'"):
            await client.show("nine")
        with pytest.raises(WrongStateError, match="two is paused by now, not running"):
            await client.pause("two", RunState.RUNNING)
        client.close()


async def test_without_a_daemon_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    client = AsyncClient(f"ipc://{tmp_path}/control.sock", f"ipc://{tmp_path}/events.sock")
    with pytest.raises(UnreachableError) as caught:
        await client.hello()
    assert str(caught.value) == (
        f"no daemon answers at ipc://{tmp_path}/control.sock: start one with 'hadesd serve' or 'hadesd start'"
    )
    client.close()


async def test_a_request_without_a_daemon_is_not_kept_for_a_later_one(tmp_path: Path) -> None:
    client = AsyncClient(f"ipc://{tmp_path}/control.sock", f"ipc://{tmp_path}/events.sock")
    with pytest.raises(UnreachableError):
        await client.pause("one")
    with serving(tmp_path, a_daemon()) as server:
        await client.hello()  # the server answers, so anything older would have come first
        assert [type(request) for request in server.requests] == [commands.Hello]
    client.close()


async def test_a_daemon_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        server.deaf = True
        client = AsyncClient(server.control, server.events, reply_seconds=0.2)
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"):
            await client.hello()
        client.close()


async def test_attach_yields_a_snapshot_then_every_event(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        for _ in range(3):
            server.do(lambda: server.daemon.commit("one"))
        async with attached(server.control, server.events) as (_, stream):
            await stream.live()
            for _ in range(20):
                server.do(lambda: server.daemon.commit("one"))
            await stream.until(lambda _: stream.generations()[-1:] == [23])
            assert stream.generations() == list(range(4, 24))
            snapshots = [item for item in stream.items if isinstance(item, SnapshotResult)]
            assert snapshots[-1].seq == 3
            assert not any(isinstance(item, Heartbeat) for item in stream.items)


async def test_a_lost_tail_is_noticed_by_the_heartbeat(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        async with attached(server.control, server.events) as (_, stream):
            await stream.live()
            server.lose(lambda: server.daemon.change(a_run("three")))
            await stream.until(lambda items: isinstance(items[-2], SnapshotResult) and len(items[-2].runs) == 3)
            assert stream.phases()[-2:] == [LinkPhase.RESYNCING, LinkPhase.LIVE]


async def test_malformed_frames_cost_a_resync_and_nothing_else(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        async with attached(server.control, server.events) as (_, stream):
            await stream.live()
            asked = sum(isinstance(r, commands.Snapshot) for r in server.requests)
            server.raw(TOPIC_EVENTS, b"\xc1 nonsense")
            await stream.until(lambda _: sum(isinstance(r, commands.Snapshot) for r in server.requests) == asked + 1)
            # A second one that came before the first one's answer would be covered by that answer.
            await stream.until(lambda _: stream.phases()[-1] == LinkPhase.LIVE)
            server.raw(TOPIC_EVENTS)
            await stream.until(lambda _: sum(isinstance(r, commands.Snapshot) for r in server.requests) == asked + 2)
            await stream.live()


async def test_an_event_of_an_unknown_type_is_passed_over(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        async with attached(server.control, server.events) as (_, stream):
            await stream.live()
            asked = len(server.requests)

            def unknown() -> bytes:
                server.daemon.seq += 1
                fields = {"type": "eclipse", "session": "session-1", "seq": server.daemon.seq, "dark": True}
                data: bytes = msgpack.packb(fields)
                server._publisher.send_multipart([TOPIC_EVENTS, data])
                return data

            server.do(unknown)
            server.do(lambda: server.daemon.commit("one"))
            await stream.until(lambda _: stream.generations() == [1])
            assert len(server.requests) == asked
            assert LinkPhase.MISMATCH not in stream.phases()


async def test_another_major_version_is_reported(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon(), heartbeat=60.0) as server:
        async with attached(server.control, server.events) as (_, stream):
            await stream.live()
            newer = Heartbeat(session="session-2", seq=0, time=0.0, protocol_major=2)
            server.raw(TOPIC_EVENTS, encode(newer))
            await stream.until(lambda _: stream.phases()[-1] is LinkPhase.MISMATCH)
            assert isinstance(stream.items[-1], LinkStatus)
            assert "the daemon speaks protocol 2, this program 1" in stream.items[-1].text


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (replies.Reply(request_id="?", protocol_major=2), "speaks protocol 2"),
        (
            replies.Reply(request_id="", error=replies.ErrorBody(code="protocol", message="one frame, not 2")),
            "one frame, not 2",
        ),
    ],
    ids=["another major version", "a request that the daemon could not read"],
)
async def test_a_reply_without_the_requests_id_that_answers_it_is_a_mismatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: replies.Reply, why: str
) -> None:
    with serving(tmp_path, a_daemon()) as server:
        monkeypatch.setattr(server, "_answer", lambda _: reply)
        client = AsyncClient(server.control, server.events)
        with pytest.raises(ProtocolMismatchError, match=why):
            await client.hello()
        client.close()


async def test_datasets_come_for_the_watched_run_only(tmp_path: Path) -> None:
    with serving(tmp_path, a_daemon()) as server:
        async with attached(server.control, server.events) as (client, stream):
            await stream.live()

            def received() -> list[tuple[str, int]]:
                return [(i.run_id, i.dataset.generation) for i in stream.items if isinstance(i, DatasetPublished)]

            async def publish(generation: int, until: Any) -> None:
                async with asyncio.timeout(60):
                    while not until():  # a subscription takes a moment to reach the publisher
                        for run in ("one", "two"):
                            server.do(lambda r=run: server.daemon.publish_dataset(r, a_dataset(generation)))
                        await asyncio.sleep(0.02)

            client.watch("one")
            await publish(1, lambda: ("one", 1) in received())
            client.watch("two")
            await publish(2, lambda: ("two", 2) in received())
            assert ("two", 1) not in received()


async def test_stale_when_the_daemon_is_killed_and_live_when_the_next_one_comes(tmp_path: Path) -> None:
    """The daemon goes without a word; the next has another session and other runs."""
    with serving(tmp_path, a_daemon()) as server:
        control, events = server.control, server.events
        context = attached(control, events)
        _, stream = await context.__aenter__()
        await stream.live()
    await stream.until(lambda _: stream.phases()[-1] is LinkPhase.STALE)
    with serving(tmp_path, FakeDaemon("session-2", (a_run("three"),))):
        await stream.live()
        last = [item for item in stream.items if isinstance(item, SnapshotResult)][-1]
        assert (last.daemon.session, [run.id for run in last.runs]) == ("session-2", ["three"])
    await context.__aexit__(None, None, None)


async def test_a_socket_that_is_no_daemon_ends_as_unreachable(tmp_path: Path) -> None:
    """Something listens and never speaks ZeroMQ."""
    listener = unix.socket(unix.AF_UNIX)
    listener.bind(str(tmp_path / "control.sock"))
    listener.listen()
    client = AsyncClient(f"ipc://{tmp_path}/control.sock", f"ipc://{tmp_path}/events.sock")
    with pytest.raises(UnreachableError):
        await client.hello()
    client.close()
    listener.close()


async def test_closing_ends_a_daemonless_attach(tmp_path: Path) -> None:
    async with attached(f"ipc://{tmp_path}/control.sock", f"ipc://{tmp_path}/events.sock") as (_, stream):
        await stream.until(lambda _: stream.phases() == [LinkPhase.CONNECTING, LinkPhase.STALE])


def test_the_server_helper_numbers_like_a_publisher(tmp_path: Path) -> None:
    server = ProtocolServer(tmp_path, a_daemon())
    assert [server.daemon.commit("one").seq, server.daemon.commit("one").seq, server.daemon.heartbeat().seq] == [
        1,
        2,
        2,
    ]
