"""Runs of a daemon from a program, against a daemon whose workers only count."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hadesd
from hades_protocol import commands
from hades_protocol.events import GenerationCommitted
from hades_protocol.run_state import RunState
from hadesd.api.datasets import load
from hadesd.storage.layout import RunPaths
from tests.api.test_datasets import META, two
from tests.helpers.processes.daemon import Home, a_home, until

pytestmark = pytest.mark.process

QUICK = {"env": "CartPole-v1", "seed": 10, "evolution.generations": 5, "policy.width": 5}
LONG = QUICK | {"evolution.generations": 100_000, "policy": {"width": 20}}


@pytest.fixture(scope="module")
def serving() -> Iterator[Home]:
    """A daemon for all tests of this module."""
    with a_home() as home:
        home.fake_daemon(slots=4)
        yield home


@pytest.fixture
def client(serving: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[hadesd.Client]:
    monkeypatch.setenv("HADES_HOME", str(serving.paths.state))
    with hadesd.connect() as client:
        yield client


def test_a_run_is_started_watched_and_waited_for(client: hadesd.Client) -> None:
    run = client.start(QUICK, group="small", name="first", tags=["quick"], priority=3)
    assert [metrics.generation for metrics in run.watch()] == [1, 2, 3, 4, 5]
    assert [metrics.generation for metrics in run.watch(after=3)] == [4, 5]
    assert [metrics.generation for metrics in run.metrics(after=4)] == [5]
    summary = run.wait(timeout=60)
    assert (summary.state, summary.preset, summary.group, summary.priority) == ("finished", "cpu", "small", 3)
    assert (client.run("@").id, [one.id for one in client.runs("small")]) == (run.id, [run.id])
    assert client.run("first").id == run.id
    assert [one.id for one in client.runs("small", tags=["quick"])] == [run.id]
    assert client.runs(tags=["quick", "none"]) == []
    assert run.tag(add=["paper"], remove=["quick"]).tags == ("paper",)
    assert run.rename("").name == ""
    with pytest.raises(hadesd.UsageError, match="cannot name a run"):
        run.rename("a b")
    assert run.spec().policy.width == 5
    assert run.id in {one.id for one in client.runs()}
    assert run.note("try σ 0.1").note == "try σ 0.1"
    for changed in (run.pause, run.cancel):
        with pytest.raises(hadesd.WrongStateError):
            changed()


def test_arguments_of_another_kind_are_refused_in_one_line(client: hadesd.Client) -> None:
    run = client.start(QUICK, tags=["quick"])
    wrong: list[Any] = [
        lambda: client.runs(tags="quick"),
        lambda: client.runs(tags=3),  # type: ignore[arg-type]
        lambda: client.runs(tags=[3]),  # type: ignore[list-item]
        lambda: client.start(QUICK, tags="abc"),
        lambda: client.start(3),  # type: ignore[arg-type]
        lambda: run.tag(add="abc"),
        lambda: run.tag(remove="abc"),
        lambda: run.fork(tags="abc"),
        lambda: run.fork(3),  # type: ignore[arg-type]
        lambda: run.resize(3),  # type: ignore[arg-type]
        lambda: run.metrics("x"),  # type: ignore[arg-type]
        lambda: list(run.watch(patience="x")),  # type: ignore[arg-type]
        lambda: run.wait("x"),  # type: ignore[arg-type]
        lambda: hadesd.connect(3),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(hadesd.UsageError, match=r"(3|abc|quick|x)'?\]?( is no |: it takes |: e\.g\.)"):
            call()
    assert run.summary().tags == ("quick",)
    assert [one.id for one in client.runs(tags=(tag for tag in ["quick"])) if one.id == run.id] == [run.id]


def test_a_watch_goes_on_through_a_pause_and_ends_with_the_run(client: hadesd.Client) -> None:
    run = client.start(hadesd.settings("CartPole-v1", LONG | {"evolution.generations": 300}, preset="cpu"))
    seen = []
    for metrics in run.watch():
        seen.append(metrics.generation)
        if metrics.generation == 3:
            assert run.pause().state == RunState.PAUSED
            assert run.resume().state != RunState.PAUSED
            assert run.priority(7).priority == 7
            for wrong in (10**6, 1.5):
                with pytest.raises(hadesd.UsageError, match="whole number from -1000 to 1000"):
                    run.priority(wrong)  # type: ignore[arg-type]
                with pytest.raises(hadesd.UsageError, match="whole number from -1000 to 1000"):
                    client.start(QUICK, priority=wrong)  # type: ignore[arg-type]
            with pytest.raises(hadesd.UsageError, match="choose one of them"):
                run.dataset(3, best=True)
        if metrics.generation == 10:
            assert run.resize({"dataset.pairs": 8}).pairs == 8
        if metrics.generation == 20:
            assert run.pause(wait=False).state in (RunState.PAUSING, RunState.PAUSED)
            assert run.cancel().state == RunState.CANCELLED
    assert seen == list(range(1, len(seen) + 1))
    assert 20 <= len(seen) < 300
    with pytest.raises(hadesd.RunFailedError, match="cancelled"):
        run.wait()
    assert run.wait(check=False).state == RunState.CANCELLED


def test_waiting_has_an_end_and_failures_are_errors(client: hadesd.Client) -> None:
    run = client.start(LONG)
    with pytest.raises(hadesd.NotEndedError, match=r"has not ended within 0\.2 s"):
        run.wait(timeout=0.2)
    run.cancel()
    failing = client.start(QUICK | {"seed": 2})
    with pytest.raises(hadesd.RunFailedError, match="the environment does not like you"):
        failing.wait()
    assert failing.resize({"dataset.pairs": 8}).pairs == 8
    assert failing.cancel().state == RunState.CANCELLED
    assert failing.resize({"dataset.pairs": 4}).pairs == 4
    for wrong, error in (
        (lambda: client.run("nobody"), hadesd.NotFoundError),
        (lambda: client.start({"env": "nowhere"}), hadesd.UsageError),
        (lambda: client.start({"seed": 3}), hadesd.UsageError),
        (lambda: run.fork(generation=7), hadesd.NotFoundError),
        (lambda: run.resize({"seed": 3}), hadesd.HadesError),
    ):
        with pytest.raises(error):
            wrong()


def test_datasets_come_from_the_file_or_over_the_wire(
    client: hadesd.Client, serving: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = client.start(QUICK)
    run.wait()
    with pytest.raises(hadesd.NotFoundError):
        run.dataset()
    with pytest.raises(hadesd.NotFoundError):
        run.dataset(best=True)
    file = RunPaths(Path(run.summary().directory)).dataset
    two(obs_mean=[0, 1, 2, 3], obs_var=[1, 1, 1, 1]).save(file)
    assert run.dataset().un_normalised().states[0].tolist() == [1, 2, 3, 4]
    two().save(RunPaths(file.parent).best)
    assert run.dataset(best=True).meta == META
    with hadesd.connect(f"ipc://{serving.paths.runtime}") as elsewhere:
        far = elsewhere.run(run.id).dataset()
        assert far.states.tolist() == load(file).states.tolist()
        assert (far.env, far.units, far.observation_names) == ("CartPole-v1", "normalised", ("x", "vx", "angle", "w"))
        assert far.un_normalised().states[0].tolist() == [1, 2, 3, 4]
        with pytest.raises(hadesd.NotFoundError, match="another machine"):
            elsewhere.run(run.id).dataset(best=True)


async def test_the_asynchronous_client_starts_and_follows(client: hadesd.Client) -> None:
    async with hadesd.connect_async() as other:
        with pytest.raises(hadesd.UsageError, match="tags is 'abc': it takes a list of tags"):
            await other.start(QUICK, tags="abc")
        with pytest.raises(hadesd.UsageError, match="add is 'abc'"):
            await other.tag("@", add="abc")
        run = await other.start(
            {"env": "CartPole-v1", "seed": 10, "evolution": {"generations": 3}, "policy": {"width": 50}}
        )
        seen = []
        async for item in other.attach():
            if isinstance(item, GenerationCommitted) and item.run_id == run.id:
                seen.append(item.metrics.generation)
            if (await other.show(run.id)).run.state == RunState.FINISHED:
                break
        assert seen == sorted(set(seen))
    assert client.run(run.id).wait().generation == 3


def test_without_a_daemon_it_is_said_and_one_can_be_started(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADES_HOME", str(home.paths.state))
    with pytest.raises(hadesd.UnreachableError, match="start=True"):
        hadesd.connect()
    with hadesd.connect(start=True) as client:
        assert client.runs() == []
        with pytest.raises(hadesd.NotFoundError):
            client.run()
        info = client.info()
        assert client.request(commands.Stop).pid == info.pid
        until(lambda: not _answers(client), "the daemon is gone")


def _answers(client: hadesd.Client) -> bool:
    try:
        client.info()
    except hadesd.UnreachableError:
        return False
    return True
