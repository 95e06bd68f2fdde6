"""The verbs of the asyncio client against real sockets."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import NotFoundError, WrongStateError
from hades_protocol.messages import CheckpointList
from hades_protocol.run_state import RunState
from tests.helpers.protocol.canned import a_log_line, some_checkpoints
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    daemon = FakeDaemon("session-1", (a_run("one"), a_run("two", RunState.PAUSED)))
    with serving(tmp_path, daemon) as server:
        yield server


@pytest.fixture
async def client(server: ProtocolServer) -> AsyncIterator[AsyncClient]:
    client = AsyncClient(server.control, server.events)
    yield client
    client.close()


async def test_a_fork_is_tried_and_then_made(client: AsyncClient, server: ProtocolServer) -> None:
    changes = {"evolution": {"sigma": 0.1}}
    tried = await client.fork("one", changes, generation=3, dry_run=True)
    assert tried.run is None
    assert [(c.name, c.before, c.after) for c in tried.changes] == [("evolution.sigma", None, 0.1)]
    assert len((await client.snapshot()).runs) == 2
    made = await client.fork("one", changes, generation=3, group="cold", name="again", expected=RunState.RUNNING)
    assert made.run is not None
    assert made.run.parent is not None
    assert (made.run.parent.run, made.run.parent.generation, made.run.group) == ("one", 3, "cold")
    assert len((await client.snapshot()).runs) == 3


async def test_sizes_places_and_notes(client: AsyncClient) -> None:
    assert (await client.resize("one", {"dataset": {"pairs": 8}}, dry_run=True)).run is None
    resized = (await client.resize("one", {"dataset": {"pairs": 8}})).run
    assert resized is not None
    assert resized.pairs == 8
    assert (await client.priority("one", 7)).priority == 7
    assert (await client.note("one", "try σ 0.1")).note == "try σ 0.1"
    assert (await client.note("one", "")).note == ""
    assert (await client.rename("one", "baseline")).name == "baseline"
    assert (await client.tag("one", add=["b", "a"])).tags == ("a", "b")
    assert (await client.tag("one", remove=["b"])).tags == ("a",)
    with pytest.raises(WrongStateError, match="two is paused by now, not running"):
        await client.note("two", "late", RunState.RUNNING)


async def test_logs_are_filtered(client: AsyncClient, server: ProtocolServer) -> None:
    server.daemon.logs = {"one": [a_log_line("Alpha"), a_log_line("beta", "warning")], "": [a_log_line("daemon")]}
    assert [line.text for line in (await client.logs("one")).lines] == ["Alpha", "beta"]
    assert [line.text for line in (await client.logs("one", level="warning")).lines] == ["beta"]
    assert [line.text for line in (await client.logs("one", search="aLPHA")).lines] == ["Alpha"]
    assert [line.text for line in (await client.logs("one", lines=1)).lines] == ["beta"]
    assert [line.text for line in (await client.logs()).lines] == ["daemon"]


async def test_a_job_begins_and_ends(client: AsyncClient, server: ProtocolServer) -> None:
    job = await client.evaluate("one")
    assert (job.run, job.verb, job.state) == ("one", "evaluate", "running")
    with pytest.raises(WrongStateError):
        await client.export("one", "csv", best=True)
    request = server.requests[-1]
    assert isinstance(request, commands.Export)
    assert (request.format, request.best) == ("csv", True)
    server.do(lambda: server.daemon.end_job(job.id, "491.6 ± 12.5 over 10 policies"))
    assert [(j.id, j.state) for j in (await client.snapshot()).jobs] == [(job.id, "done")]
    server.daemon.job_ends = {"export": {"text": "written", "path": "/tmp/x.csv"}}
    await client.export("one", "csv")
    assert [j.path for j in (await client.snapshot()).jobs] == ["", "/tmp/x.csv"]


async def test_checkpoints_and_their_pairs(client: AsyncClient, server: ProtocolServer) -> None:
    assert (await client.show("one")).checkpoints == CheckpointList()
    server.daemon.checkpoints["one"] = some_checkpoints()
    server.daemon.kept["one"] = {20: a_dataset(20)}
    assert (await client.show("one")).checkpoints == some_checkpoints()
    assert (await client.dataset("one", 20)).generation == 20
    with pytest.raises(NotFoundError, match="generation 21; it has 20"):
        await client.dataset("one", 21)
