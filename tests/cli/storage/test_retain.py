"""`hadesd retain`: another rule for runs that are there already."""

import json
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.errors import UsageError, WrongStateError
from hades_protocol.run_state import RunState
from hadesd.storage.locks import lock_run
from tests.cli.storage.test_rm import finished
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.manifests import write_manifest

S = RunState


def with_checkpoints(home: Home, run: str, count: int = 6, best: int = 1) -> Path:
    """Steps as a worker leaves them, as far as retention looks at them."""
    directory = home.paths.runs / run / "checkpoints"
    for generation in range(1, count + 1):
        (directory / str(generation) / "state").mkdir(parents=True)
        (directory / str(generation) / "state/0").write_bytes(b"x" * 1000)
        fitness = 99.0 if generation == best else float(generation)
        write_manifest(directory / str(generation), generation, fitness_mean=fitness)
    return directory


def kept(directory: Path) -> list[int]:
    return sorted(int(path.name) for path in directory.iterdir())


def test_a_changed_rule_prunes_at_once_and_is_noted_for_later_workers(home: Home) -> None:
    first = home.fake_daemon()
    (run,) = finished(home)
    checkpoints = with_checkpoints(home, run)
    dry = home.hadesd("retain", run, "--keep-newest", "2", "--keep-every", "0", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    (planned,) = json.loads(dry.stdout)["runs"]
    assert (planned["kept"], planned["removed"], kept(checkpoints)) == ([1, 5, 6], [2, 3, 4], [1, 2, 3, 4, 5, 6])
    assert home.hadesd("retain", run, "--keep-newest", "2", "--keep-every", "0").returncode == 2
    assert kept(checkpoints) == [1, 2, 3, 4, 5, 6]
    done = home.hadesd("retain", run, "--keep-newest", "2", "--keep-every", "3", "--no-keep-best", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)["runs"]
    assert (document["kept"], document["removed"]) == ([3, 5, 6], [1, 2, 4])
    assert document["bytes"] > 3000
    assert kept(checkpoints) == [3, 5, 6]
    rule = {"keep_newest": 2, "keep_every": 3, "keep_best": False}
    assert home.record(run)["spec"]["checkpoints"] == rule
    assert home.record(run)["history"][-1]["what"] == "retention"
    assert home.show(run).state == S.FINISHED
    first.terminate()
    assert first.wait(60) == 0
    home.fake_daemon()
    assert home.ask(commands.Show, run=run).spec["checkpoints"] == rule


def test_without_a_daemon_it_does_the_same(home: Home) -> None:
    daemon = home.fake_daemon()
    (run,) = finished(home)
    checkpoints = with_checkpoints(home, run)
    daemon.terminate()
    assert daemon.wait(60) == 0
    done = home.hadesd("retain", "--all", "--keep-newest", "2", "--yes")
    assert done.returncode == 0, done.stderr
    assert kept(checkpoints) == [1, 5, 6]
    assert home.record(run)["spec"]["checkpoints"] == {"keep_newest": 2, "keep_every": 50, "keep_best": True}
    assert [change["what"] for change in home.record(run)["history"]] == ["submitted", "finished", "retention"]
    home.fake_daemon()
    assert home.show(run).state == S.FINISHED


def test_without_a_new_rule_the_old_one_is_applied(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    checkpoints = with_checkpoints(home, run)
    assert home.hadesd("retain", run, "--yes").returncode == 0
    assert kept(checkpoints) == [1, 4, 5, 6], "the default: the newest three, every 50th, the best"
    assert home.record(run)["history"][-1]["what"] == "finished", "nothing was changed, so nothing is noted"


def test_a_run_that_computes_is_left_alone(home: Home) -> None:
    home.fake_daemon()
    (idle,) = finished(home)
    busy = home.start()
    home.reaches(busy, S.RUNNING, 1)
    checkpoints = with_checkpoints(home, busy)
    refused = home.hadesd("retain", busy, "--keep-newest", "2", "--yes")
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    with pytest.raises(WrongStateError, match="pause it first"):
        home.ask(commands.Retain, run=busy, keep_newest=2)
    done = home.hadesd("retain", "--all", "--keep-newest", "2", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"left out: run {busy} is running" in done.stderr
    assert kept(checkpoints) == [1, 2, 3, 4, 5, 6]
    assert home.record(idle)["spec"]["checkpoints"]["keep_newest"] == 2


def test_under_a_held_lock_nothing_is_pruned(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    checkpoints = with_checkpoints(home, run)
    with lock_run(home.paths.runs / run):
        assert home.hadesd("retain", run, "--yes").returncode == 3
    assert kept(checkpoints) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--keep-newest", "1"], "at least 2"),
        (["--keep-every", "-1"], "at least 0"),
        (["--keep-newest", "few"], "invalid int value"),
        (["--all"], "choose one of them"),
    ],
)
def test_a_wrong_rule_is_one_line_and_prunes_nothing(home: Home, arguments: list[str], why: str) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    checkpoints = with_checkpoints(home, run)
    done = home.hadesd("retain", run, *arguments, "--yes")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert why in done.stderr
    assert kept(checkpoints) == [1, 2, 3, 4, 5, 6]


def test_the_daemon_checks_the_values_itself(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    with pytest.raises(UsageError, match="at least 2"):
        home.ask(commands.Retain, run=run, keep_newest=0)
    with pytest.raises(UsageError, match="nothing to change"):
        home.ask(commands.Retain, run=run)
    assert home.record(run)["spec"]["checkpoints"]["keep_newest"] == 3
