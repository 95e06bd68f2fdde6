"""`hadesd rm`: with a daemon and without one, asked and unasked; nothing that computes is ever touched."""

import json
import os
import pty
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hades_protocol import commands, events
from hades_protocol.errors import NotFoundError, WrongStateError
from hades_protocol.run_state import RunState
from hadesd.storage.locks import lock_run
from tests.helpers.processes.daemon import BIN, Home, until
from tests.supervisor.test_run import stream, subscribed

S = RunState


def finished(home: Home, count: int = 1) -> list[str]:
    runs = [home.start(generations=2, milliseconds=1) for _ in range(count)]
    for run in runs:
        home.reaches(run, S.FINISHED)
    return runs


def hidden(home: Home) -> list[Path]:
    return list(home.paths.runs.glob(".removed-*"))


def on_a_terminal(home: Home, answer: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [str(BIN / "hadesd"), *arguments],
            env=home.environ,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_a_daemons_run_is_gone_from_its_list_and_from_the_disk(home: Home) -> None:
    home.fake_daemon()
    run, other = finished(home, 2)
    done = home.hadesd("rm", run, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["dry_run"], document["removed"]) == (False, [run])
    assert document["freed_bytes"] == document["bytes"] == document["runs"][0]["bytes"] > 500
    assert [r.id for r in home.ask(commands.Snapshot).runs] == [other]
    assert not (home.paths.runs / run).exists()
    assert hidden(home) == []
    again = home.hadesd("rm", run, "--yes")
    assert (again.returncode, again.stderr.count("\n")) == (3, 1)


def test_who_listens_is_told_of_what_goes_and_of_what_comes_back(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        directory = Path(home.ask(commands.Remove, run=run).directory)
        told = stream(socket, events.RunRemoved)
        assert [event.run_id for event in told if isinstance(event, events.RunRemoved)] == [run]
        directory.rename(home.paths.runs / run)
        assert home.ask(commands.Adopt, run=run).state == S.FINISHED
        back = stream(socket, events.RunChanged)[-1]
        assert isinstance(back, events.RunChanged)
        assert back.run.id == run


def test_without_a_daemon_it_does_the_same(home: Home) -> None:
    daemon = home.fake_daemon()
    run, other = finished(home, 2)
    daemon.terminate()
    assert daemon.wait(60) == 0
    done = home.hadesd("rm", run, "--yes")
    assert done.returncode == 0, done.stderr
    assert run in done.stdout
    assert not (home.paths.runs / run).exists()
    home.fake_daemon()
    assert [r.id for r in home.ask(commands.Snapshot).runs] == [other]


def test_what_would_run_is_refused_whether_a_daemon_says_so_or_the_disk(home: Home) -> None:
    daemon = home.fake_daemon(slots=1)
    running, queued = home.start(), home.start()
    home.reaches(running, S.RUNNING, 1)
    for run, state in ((running, "running"), (queued, "queued")):
        done = home.hadesd("rm", run, "--yes")
        assert (done.returncode, done.stderr) == (3, f"hadesd: run {run} is {state}: cancel or pause it first\n")
        with pytest.raises(WrongStateError, match="cancel or pause it first"):
            home.ask(commands.Remove, run=run)
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert home.hadesd("rm", queued, "--yes").returncode == 3
    assert (home.paths.runs / running / "run.json").exists()


def test_a_run_whose_lock_is_held_stays(home: Home) -> None:
    daemon = home.fake_daemon()
    (run,) = finished(home)
    with lock_run(home.paths.runs / run):
        with pytest.raises(WrongStateError, match="still works on its files"):
            home.ask(commands.Remove, run=run)
        daemon.terminate()
        assert daemon.wait(60) == 0
        assert home.hadesd("rm", run, "--yes").returncode == 3
    assert (home.paths.runs / run / "run.json").exists()


def test_a_run_whose_files_somebody_deleted_can_be_forgotten(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    shutil.rmtree(home.paths.runs / run)
    done = home.hadesd("rm", run, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{run} is removed; its files were gone already" in done.stderr
    assert home.ask(commands.Snapshot).runs == ()


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], None]]:
    """Makes a file one that nobody can delete, root neither, for the length of a test."""
    places: list[Path] = []

    def make(file: Path) -> None:
        if subprocess.run(["chattr", "+i", str(file)], capture_output=True).returncode:
            pytest.skip("files cannot be made immutable here")
        places.append(file.parent.parent)

    yield make
    for runs in places:
        subprocess.run(["chattr", "-R", "-i", str(runs)], check=True)


@pytest.mark.skipif(shutil.which("chattr") is None, reason="no chattr")
def test_files_that_cannot_be_deleted_are_said_and_are_no_success(
    home: Home, tmp_path: Path, immutable: Callable[[Path], None]
) -> None:
    home.fake_daemon()
    for verb in ("rm", "archive"):
        (run,) = finished(home)
        immutable(home.paths.runs / run / "metrics.jsonl")
        done = home.hadesd(verb, run, "--yes", *(["-o", str(tmp_path)] if verb == "archive" else []))
        assert done.returncode == 1, (verb, done.stderr)
        assert f"{run} is removed, but not all of its files" in done.stderr
        with pytest.raises(NotFoundError):
            home.show(run)


def test_a_stale_wish_removes_nothing(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    with pytest.raises(WrongStateError, match="by now"):
        home.ask(commands.Remove, run=run, expected_state=S.FAILED)
    removed = home.ask(commands.Remove, run=run, expected_state=S.FINISHED)
    assert (removed.run.id, [Path(removed.directory)]) == (run, hidden(home))
    assert (Path(removed.directory) / "metrics.jsonl").exists(), "the daemon itself deletes nothing"


def test_without_a_terminal_it_must_be_told_yes(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    done = home.hadesd("rm", run)
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    dry = home.hadesd("rm", run, "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)["removed"]) == (0, [])
    assert home.show(run).state == S.FINISHED


@pytest.mark.parametrize(("answer", "stays"), [("n", True), ("", True), ("y", False)])
def test_on_a_terminal_it_asks(home: Home, answer: str, stays: bool) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    done = on_a_terminal(home, answer, "rm", run)
    assert done.returncode == 0, done.stderr
    assert "Remove 1 run for good? Type y to go on:" in done.stderr
    assert (home.paths.runs / run).exists() == stays


def test_filters_choose_and_leave_out_what_computes(home: Home) -> None:
    home.fake_daemon()
    spec = {"env": "CartPole-v1", "policy": {"width": 10}, "evolution": {"generations": 1}}
    done_one = home.ask(commands.Start, spec=spec, group="sizes").id
    busy = home.ask(commands.Start, spec=spec | {"evolution": {"generations": 100_000}}, group="sizes").id
    elsewhere = finished(home)[0]
    home.reaches(done_one, S.FINISHED)
    home.reaches(busy, S.RUNNING, 1)
    assert home.hadesd("rm", "--state", "finished", "--older", "1h", "--yes").returncode == 3
    assert home.hadesd("rm", "--state", "running", "--yes").returncode == 2
    assert home.hadesd("rm", "--yes").returncode == 2
    assert home.hadesd("rm", "@", "--group", "sizes", "--yes").returncode == 2
    assert home.hadesd("rm", "--group", "nothing", "--yes").returncode == 3
    done = home.hadesd("rm", "--group", "sizes", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert f"left out: run {busy} is running" in done.stderr
    assert json.loads(done.stdout)["removed"] == [done_one]
    assert {r.id for r in home.ask(commands.Snapshot).runs} == {busy, elsewhere}


def test_a_parent_may_go(home: Home) -> None:
    daemon = home.fake_daemon()
    parent, child = finished(home, 2)
    daemon.terminate()
    assert daemon.wait(60) == 0
    path = home.paths.runs / child / "run.json"
    path.write_text(json.dumps(home.record(child) | {"parent": {"run": parent, "generation": 1}}))
    done = home.hadesd("rm", parent, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{child} was forked from {parent}: it is whole by itself" in done.stderr


def test_removing_while_runs_start_and_end_leaves_a_consistent_daemon(home: Home) -> None:
    home.fake_daemon(slots=2)
    runs = [home.start(generations=3, milliseconds=5) for _ in range(6)]
    left = set(runs)
    end = time.monotonic() + 60
    while left and time.monotonic() < end:
        for run in sorted(left):
            if home.hadesd("rm", run, "--yes").returncode == 0:
                left.discard(run)
    assert not left
    until(lambda: not home.worker_pids(), "no worker is left")
    assert home.ask(commands.Snapshot).runs == ()
    assert [p for p in home.paths.runs.iterdir() if not p.name.startswith(".")] == []
