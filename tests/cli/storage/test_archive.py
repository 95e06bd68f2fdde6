"""`hadesd archive`: packed, verified, removed, and back again with its whole history."""

import json
import shutil
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.errors import UsageError, WrongStateError
from hades_protocol.run_state import RunState
from hadesd.storage.locks import lock_run
from tests.cli.storage.test_rm import finished
from tests.helpers.processes.daemon import Home

S = RunState


def files(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_run_goes_into_a_file_and_comes_back_the_same(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    run, other = finished(home, 2)
    home.ask(commands.Rename, run=run, name="kept")
    before, history = files(home.paths.runs / run), home.ask(commands.History, run=run)
    done = home.hadesd("archive", "kept", "-o", str(tmp_path), "--yes", "--json")
    assert done.returncode == 0, done.stderr
    (archive,) = json.loads(done.stdout)["archives"]
    assert archive == {"id": run, "file": f"{tmp_path}/{run}.tar.gz", "bytes": archive["bytes"], "removed": True}
    assert Path(archive["file"]).stat().st_size == archive["bytes"]
    assert [r.id for r in home.ask(commands.Snapshot).runs] == [other]
    assert [p.name for p in home.paths.runs.iterdir()] == [other]
    back = home.hadesd("archive", "--restore", archive["file"])
    assert (back.returncode, back.stdout) == (0, f"{run}\n"), back.stderr
    assert home.show("kept").state == S.FINISHED
    assert home.ask(commands.History, run=run).metrics == history.metrics
    assert files(home.paths.runs / run) == {name: data for name, data in before.items() if name != "lock"}
    again = home.hadesd("archive", "--restore", archive["file"])
    assert (again.returncode, again.stderr.count("\n")) == (3, 1)
    assert "already" in again.stderr


def test_without_a_daemon_too_and_a_paused_run_goes_on_after_it(home: Home, tmp_path: Path) -> None:
    daemon = home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 3)
    home.ask(commands.Pause, run=run)
    at = home.reaches(run, S.PAUSED).generation
    daemon.terminate()
    assert daemon.wait(60) == 0
    done = home.hadesd("archive", run, "-o", str(tmp_path), "--yes")
    assert done.returncode == 0, done.stderr
    assert list(home.paths.runs.iterdir()) == []
    shutil.rmtree(home.paths.state)  # another machine
    assert home.hadesd("archive", "--restore", f"{tmp_path}/{run}.tar.gz").returncode == 0
    home.fake_daemon()
    assert home.show(run).state == S.PAUSED
    home.ask(commands.Resume, run=run)
    home.reaches(run, S.RUNNING, at + 2)
    assert home.generations(run)[: at + 2] == list(range(1, at + 3))


def test_keep_leaves_the_run_and_needs_no_yes(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    assert home.hadesd("archive", run, "-o", str(tmp_path), "--keep").returncode == 0
    assert home.show(run).state == S.FINISHED
    refused = home.hadesd("archive", run, "-o", str(tmp_path), "--yes")
    assert refused.returncode == 2
    assert "exists: nothing done" in refused.stderr
    assert home.show(run).state == S.FINISHED, "an archive that was not written must not cost the run"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["@", "-o", "/no/such/directory", "--yes"], 2),
        (["@"], 2),
        ([], 2),
        (["--restore", "/no/such/file"], 3),
        (["--restore", "/etc/hostname"], 1),
        (["@", "--restore", "x"], 2),
        (["--restore", "x", "--all-checkpoints"], 2),
        (["no-such-run", "--yes"], 3),
    ],
)
def test_bad_input_is_one_line(home: Home, arguments: list[str], code: int) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    done = home.hadesd("archive", *arguments)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].startswith("hadesd: ")
    assert "Traceback" not in done.stderr
    assert home.show(run).state == S.FINISHED


def test_a_run_that_computes_is_refused(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 1)
    done = home.hadesd("archive", run, "-o", str(tmp_path), "--keep")
    assert (done.returncode, list(tmp_path.iterdir())) == (3, [])


def test_a_lock_that_is_held_keeps_it_in_place(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    with lock_run(home.paths.runs / run):
        done = home.hadesd("archive", run, "-o", str(tmp_path), "--yes")
    assert (done.returncode, list(tmp_path.iterdir())) == (3, [])


def test_adopt_takes_only_whole_runs_that_are_not_known(home: Home) -> None:
    home.fake_daemon()
    (run,) = finished(home)
    with pytest.raises(WrongStateError, match="known already"):
        home.ask(commands.Adopt, run=run)
    with pytest.raises(UsageError, match="no id of a run"):
        home.ask(commands.Adopt, run="../runs")
    with pytest.raises(UsageError, match="missing"):
        home.ask(commands.Adopt, run="no-such-run")
    shutil.copytree(home.paths.runs / run, home.paths.runs / "a-copy")
    with pytest.raises(UsageError, match="a copy"):
        home.ask(commands.Adopt, run="a-copy")
    assert len(home.ask(commands.Snapshot).runs) == 1
