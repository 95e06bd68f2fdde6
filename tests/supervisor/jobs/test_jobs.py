"""Jobs of a real daemon: real children that export and evaluate, beside runs that only count."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hades_protocol import commands, events
from hades_protocol.errors import NotFoundError, WrongStateError
from hades_protocol.messages import Job
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.daemon.single_run import socket_directory
from hadesd.supervisor.jobs import jobs
from tests.daemon.test_daemon import gone
from tests.helpers.processes.daemon import Home, until
from tests.helpers.runs.specs import tiny
from tests.supervisor.test_run import stream, subscribed

PAIRS = {"states": np.zeros((2, 4), np.float32), "actions": np.eye(2, dtype=np.float32)}
LIMIT = 240.0
"""Seconds for a child that imports jax and compiles, on a busy machine."""


def a_run(home: Home, **changes: object) -> str:
    """A run that has pairs: those of generation 4."""
    run = home.start(generations=100_000)
    meta = json.loads(dataset_meta(tiny(), 4)) | changes
    write_dataset(home.paths.runs / run / "dataset.npz", PAIRS, json.dumps(meta))
    return run


def ended(home: Home, job: Job) -> Job:
    """The job after its end."""

    def over() -> Job | None:
        (now,) = (one for one in home.ask(commands.Snapshot).jobs if one.id == job.id)
        return None if now.state == "running" else now

    return until(over, f"the end of {job}", LIMIT)


def exports(home: Home, run: str) -> list[str]:
    """What lies in `exports`."""
    return sorted(path.name for path in (home.paths.runs / run / "exports").iterdir())


def children(home: Home, run: str) -> list[int]:
    """Processes of a run's jobs."""
    mark = os.fsencode(f"/{run}/exports/")
    return [pid for pid in home.worker_pids() if mark in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_an_export_is_told_from_its_begin_to_its_end(home: Home) -> None:
    home.fake_daemon()
    run = a_run(home)
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        job = home.ask(commands.Export, run=run)
        assert (job.run, job.verb, job.state, job.path) == (run, "export", "running", "")
        done = ended(home, job)
        told = [event for event in stream(socket, events.JobChanged) if isinstance(event, events.JobChanged)]
        told += [event for event in stream(socket, events.JobChanged) if isinstance(event, events.JobChanged)]
    assert [event.job for event in told] == [job, done]
    assert (done.state, done.text) == ("done", "2 pairs after generation 4")
    assert done.path == str(home.paths.runs / run / f"exports/{run}-generation-4.npz")
    with np.load(done.path) as archive:
        assert np.array_equal(archive["actions"], PAIRS["actions"])
    assert exports(home, run) == [f"{run}-generation-4.npz"], "nothing else is left"


def test_other_formats_and_the_best(home: Home) -> None:
    home.fake_daemon()
    run = a_run(home)
    with pytest.raises(NotFoundError, match="no best dataset"):
        home.ask(commands.Export, run=run, best=True)
    write_dataset(home.paths.runs / run / "best.npz", PAIRS, dataset_meta(tiny(), 3))
    assert ended(home, home.ask(commands.Export, run=run, best=True, format="csv")).state == "done"
    assert exports(home, run) == [f"{run}-best-3.csv", f"{run}-best-3.csv.json"]


def test_an_evaluation_measures_fresh_policies(home: Home) -> None:
    home.fake_daemon()
    run = a_run(home)
    done = ended(home, home.ask(commands.Evaluate, run=run))
    assert done.state == "done", done.text
    assert re.fullmatch(
        r"[\d.]+ ± [\d.]+ over 10 policies, trained on generation 4, no episode ended in \d+ environments", done.text
    )
    result = json.loads(Path(done.path).read_text())
    assert len(result["returns"]["per_init"]) == 10
    assert result["file"] == str(home.paths.runs / run / f"exports/{run}-generation-4.npz"), "the pairs are kept beside"
    assert exports(home, run) == [f"{run}-generation-4-evaluation.json", f"{run}-generation-4.npz"]
    assert home.show(run).state is RunState.RUNNING


def test_without_pairs_there_is_no_job(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    for kind in (commands.Export, commands.Evaluate):
        with pytest.raises(NotFoundError, match="no dataset yet"):
            home.ask(kind, run=run)
    assert home.ask(commands.Snapshot).jobs == ()
    assert not (home.paths.runs / run / "exports").exists()


def test_what_goes_wrong_is_one_line(home: Home) -> None:
    home.fake_daemon()
    run = a_run(home, environment="Nowhere-v0")
    failed = ended(home, home.ask(commands.Evaluate, run=run))
    assert (failed.state, failed.path) == ("failed", "")
    assert "Nowhere-v0" in failed.text
    assert "\n" not in failed.text
    assert not failed.text.startswith("hadesd")


def test_one_job_of_a_run_and_two_in_all_and_none_outlives_its_run(home: Home) -> None:
    home.fake_daemon()
    first, second, third = (a_run(home) for _ in range(3))
    one = home.ask(commands.Evaluate, run=first)
    with pytest.raises(WrongStateError, match=f"the evaluation of {first} is at work"):
        home.ask(commands.Export, run=first)
    two = home.ask(commands.Evaluate, run=second)
    with pytest.raises(WrongStateError, match="2 jobs at a time"):
        home.ask(commands.Export, run=third)
    home.ask(commands.Cancel, run=first)
    home.reaches(first, RunState.CANCELLED)
    home.ask(commands.Remove, run=first)
    removed = ended(home, one)
    assert (removed.state, removed.text) == ("failed", "ended because the run was removed")
    assert ended(home, home.ask(commands.Export, run=third)).state == "done"
    assert [job.id for job in home.ask(commands.Snapshot).jobs][:2] == [one.id, two.id]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_job_outlives_its_daemon_and_the_next_one_tidies_up(home: Home, how: signal.Signals) -> None:
    daemon = home.fake_daemon()
    run = a_run(home)
    home.ask(commands.Evaluate, run=run)
    (pid,) = until(lambda: children(home, run), "the child is there")
    (home.paths.runs / run / "exports/.job-old").mkdir()
    daemon.send_signal(how)
    daemon.wait(60)
    until(lambda: gone(pid), "the child is gone")
    home.fake_daemon()
    assert home.ask(commands.Snapshot).jobs == ()
    assert ended(home, home.ask(commands.Export, run=run)).state == "done"
    assert exports(home, run) == [f"{run}-generation-4.npz"]


def test_a_child_is_pleasant_to_others(home: Home) -> None:
    daemon = home.fake_daemon()
    run = a_run(home)
    job = home.ask(commands.Evaluate, run=run)

    def nice_ones() -> list[int]:
        return [pid for pid in children(home, run) if os.getpriority(os.PRIO_PROCESS, pid) >= wanted]

    wanted = min(19, os.getpriority(os.PRIO_PROCESS, daemon.pid) + 10)
    # Not listed once more: while a process executes its program, the list of its arguments is empty.
    (pid,) = until(nice_ones, "it is at nice 10")
    assert subprocess.run(["kill", "-9", str(pid)], check=True).returncode == 0
    failed = ended(home, job)
    assert (failed.state, failed.text) == ("failed", "it was killed by SIGKILL")


def test_a_run_is_pruned_then_archived_and_another_one_deleted(home: Home) -> None:
    home.fake_daemon()
    first, second = a_run(home), a_run(home)
    for kind in (commands.Delete, commands.Archive, commands.Prune):
        with pytest.raises(WrongStateError, match="cancel or pause it first"):
            home.ask(kind, run=first)
    for run in (first, second):
        home.ask(commands.Pause, run=run)
        home.reaches(run, RunState.PAUSED)
    pruned = ended(home, home.ask(commands.Prune, run=first, keep_newest=2, keep_best=False))
    assert (pruned.state, pruned.path) == ("done", ""), pruned.text
    assert "checkpoints deleted" in pruned.text
    assert home.record(first)["spec"]["checkpoints"] == {"keep_newest": 2, "keep_every": 50, "keep_best": False}
    archived = ended(home, home.ask(commands.Archive, run=first, expected_state=RunState.PAUSED))
    assert archived.state == "done", archived.text
    assert archived.path == str(home.paths.state / f"archives/{first}.tar.gz")
    assert Path(archived.path).stat().st_size > 0
    deleted = ended(home, home.ask(commands.Delete, run=second))
    assert deleted.state == "done", deleted.text
    assert deleted.text.endswith("freed")
    assert home.ask(commands.Snapshot).runs == ()
    assert list(home.paths.runs.iterdir()) == [], "the files are gone too"
    restored = home.hadesd("archive", "--restore", archived.path)
    assert restored.returncode == 0, restored.stderr
    assert home.show(first).state is RunState.PAUSED


@pytest.mark.parametrize("runtime", [{}, {"XDG_RUNTIME_DIR": "/run/user/1000"}, {"HADES_HOME": "/data/hades"}])
def test_a_child_asks_the_daemon_that_began_it(runtime: dict[str, str]) -> None:
    environ = {"HOME": "/home/ada", "HADES_CONNECT": "elsewhere.json", **runtime}
    paths = Paths(environ)
    found = Paths(jobs._environment(paths, environ))
    assert (found.control_socket, found.state, found.connect) == (paths.control_socket, paths.state, "")


def test_a_child_finds_sockets_that_were_moved_and_the_run_that_they_are_of(tmp_path: Path) -> None:
    environ = {"HOME": "/home/ada", "HADES_HOME": "/data/hades", "XDG_RUNTIME_DIR": "/run/user/1000"}
    paths = Paths.for_one_run(tmp_path / ("x" * 90), environ)
    with socket_directory(paths):
        found = Paths(jobs._environment(paths, environ))
        assert found.control_socket == paths.control_socket
        assert found.state.samefile(paths.state)
