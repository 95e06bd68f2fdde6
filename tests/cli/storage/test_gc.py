"""`hadesd gc`: what crashes leave goes, what lives stays."""

import json
from pathlib import Path

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.cli.storage.test_rm import finished, on_a_terminal
from tests.helpers.processes.daemon import Home

S = RunState


def litter(home: Home, run: str) -> list[Path]:
    """What a crash in the middle of a commit and of a removal leaves."""
    partial = home.paths.runs / run / "checkpoints/partial-9"
    partial.mkdir(parents=True)
    (partial / "half").write_bytes(b"x" * 2000)
    (home.paths.runs / run / "checkpoints/bad-3-0").mkdir()
    removed = home.paths.runs / ".removed-a-run-0a1b2c3d"
    removed.mkdir()
    (removed / "metrics.jsonl").write_bytes(b"x" * 3000)
    return [partial, removed]


def test_what_a_crash_left_is_shown_and_then_deleted(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    left = litter(home, run)
    shown = home.hadesd("gc", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert {(i["kind"], i["bytes"]) for i in document["items"]} == {("partial", 2000), ("removed", 3000)}
    assert (document["bytes"], document["removed"]) == (5000, [])
    assert all(path.exists() for path in left)
    unasked = home.hadesd("gc")
    assert (unasked.returncode, all(path.exists() for path in left)) == (2, True)
    assert on_a_terminal(home, "n", "gc").returncode == 0
    assert all(path.exists() for path in left)
    done = home.hadesd("gc", "--yes")
    assert done.returncode == 0, done.stderr
    assert "deleted 2 things, 4.88 KiB" in done.stderr
    assert not any(path.exists() for path in left)
    assert (home.paths.runs / run / "checkpoints/bad-3-0").exists()
    assert home.hadesd("gc", "--evidence", "--yes").returncode == 0
    assert not (home.paths.runs / run / "checkpoints/bad-3-0").exists()
    again = home.hadesd("gc", "--yes")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "nothing can go\n")
    assert home.show(run).state == S.FINISHED


def test_a_run_that_computes_keeps_its_half_checkpoint(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 1)
    partial, removed = litter(home, run)
    done = home.hadesd("gc", "--evidence", "--yes")
    assert done.returncode == 0, done.stderr
    assert (partial.exists(), removed.exists()) == (True, False)
    assert (partial.parent / "bad-3-0").exists()


def test_what_a_killed_removal_leaves_is_found(home: Home) -> None:
    """The daemon has renamed the directory, and the client that was to delete it is gone."""
    home.fake_daemon()
    (run,) = finished(home)
    home.ask(commands.Remove, run=run)
    done = home.hadesd("gc", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert [Path(path).name.startswith(f".removed-{run}-") for path in json.loads(done.stdout)["removed"]] == [True]
    assert list(home.paths.runs.iterdir()) == []


def test_compiled_programs_go_when_asked_for(home: Home) -> None:
    cache = home.paths.cache / "jax"
    cache.mkdir(parents=True)
    (cache / "jit_x-cache").write_bytes(b"x" * 100)
    assert home.hadesd("gc", "--cache-older", "1d", "--yes").stderr == "nothing can go\n"
    done = home.hadesd("gc", "--cache-older", "0m", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 compiled program not used" in done.stdout
    assert list(cache.iterdir()) == []
    assert home.hadesd("gc", "--cache-older", "soon").returncode == 2
