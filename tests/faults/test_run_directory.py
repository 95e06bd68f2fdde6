"""Run directories that become read-only or vanish: a plain state and reason, and nobody else is disturbed."""

import os
import shutil
from pathlib import Path

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.faults.conftest import results, submit
from tests.helpers.faults.small_disk import SmallDisk
from tests.helpers.processes.daemon import Home, until

S = RunState


def test_a_run_survives_a_file_system_that_becomes_read_only(
    small_disk: SmallDisk, home: Home, twin: dict[str, bytes]
) -> None:
    """The state directory stays writable: only the runs lie on the disk that turns read-only."""
    home.paths.make_private()
    home.paths.runs.rmdir()
    home.paths.runs.symlink_to(small_disk.directory)
    home.daemon()
    run = submit(home)
    home.reaches(run, S.RUNNING, 5)
    small_disk.make_read_only()
    failed = home.reaches(run, S.FAILED)
    directory = home.paths.runs / run
    assert f"its directory cannot be written: {directory}; put that right, then 'hadesd resume {run}'" in failed.reason
    assert failed.restarts == 0, "it is not tried again and again"
    refused = home.hadesd("resume", run)
    assert refused.stderr.splitlines() == [
        f"hadesd: cannot write {directory}/run.json (its directory cannot be written: {directory}), so nothing was done"
    ]
    small_disk.make_writable()
    assert home.hadesd("resume", run).returncode == 0
    home.reaches(run, S.FINISHED)
    assert results(directory) == twin


def test_a_run_survives_that_its_directory_is_moved_away_and_back(
    home: Home, twin: dict[str, bytes], tmp_path: Path
) -> None:
    home.daemon()
    run = submit(home)
    home.reaches(run, S.RUNNING, 5)
    directory = home.paths.runs / run
    shutil.move(directory, tmp_path / run)
    failed = home.reaches(run, S.FAILED)
    assert f"its directory is gone: {directory}; put that right, then 'hadesd resume {run}'" in failed.reason
    assert failed.restarts == 0
    shutil.move(tmp_path / run, directory)
    assert home.hadesd("resume", run).returncode == 0
    home.reaches(run, S.FINISHED)
    assert results(directory) == twin


def test_the_daemon_and_other_runs_survive_that_a_directory_is_removed(home: Home) -> None:
    daemon = home.fake_daemon(slots=3)
    removed, paused, other = (home.start(milliseconds=50) for _ in range(3))
    for run in (removed, paused, other):
        home.reaches(run, S.RUNNING, 2)
    home.ask(commands.Pause, run=paused)
    home.reaches(paused, S.PAUSED)
    for run in (removed, paused):
        remove(home.paths.runs / run)
    assert "its directory is gone: " in home.reaches(removed, S.FAILED).reason
    until(lambda: "its directory is gone: " in home.show(paused).reason, "the paused run says so too")
    assert home.show(paused).state == S.PAUSED
    assert "its directory is gone: " in home.hadesd("status", paused).stdout
    refused = home.hadesd("resume", paused)
    assert refused.returncode != 0
    assert refused.stderr.count("\n") == 1
    assert "its directory is gone" in refused.stderr

    at = home.show(other).generation
    assert home.reaches(other, S.RUNNING, at + 5).restarts == 0
    assert home.ask(commands.Hello).pid == daemon.pid


def test_a_daemon_starts_though_a_lock_cannot_be_opened_and_its_run_says_so(home: Home) -> None:
    daemon = home.daemon()
    run = submit(home)
    home.reaches(run, S.RUNNING, 2)
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    daemon.terminate()
    assert daemon.wait() == 0
    lock = home.paths.runs / run / "lock"
    lock.unlink()
    lock.symlink_to(lock)
    home.daemon()
    home.ask(commands.Resume, run=run)
    until(lambda: f"{lock}" in home.show(run).reason, lambda: f"its reason names the lock: {home.show(run)}")
    lock.unlink()
    if home.show(run).state == S.FAILED:
        home.ask(commands.Resume, run=run)
    home.reaches(run, S.FINISHED)


def remove(directory: Path) -> None:
    """rm -rf, against a worker that goes on writing."""

    def gone() -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()

    until(gone, f"{directory} is removed")


def test_a_daemon_survives_a_run_whose_metrics_cannot_be_read(home: Home) -> None:
    """A directory in the file's place, which root cannot read either."""
    first = home.fake_daemon()
    run = home.start(generations=3)
    home.reaches(run, S.FINISHED)
    first.terminate()
    assert first.wait(60) == 0
    metrics = home.paths.runs / run / "metrics.jsonl"
    os.rename(metrics, metrics.with_suffix(".bak"))
    metrics.mkdir()
    home.fake_daemon()
    assert home.show(run).state == S.FINISHED
    assert any(line["event"] == "cannot read a line file" for line in home.log())


def test_a_paused_run_whose_directory_came_back_goes_on(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    run = home.start(generations=20, milliseconds=100)
    home.reaches(run, S.RUNNING, 2)
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    directory = home.paths.runs / run
    shutil.move(directory, tmp_path / run)
    until(lambda: "its directory is gone" in home.show(run).reason, "it says so")
    shutil.move(tmp_path / run, directory)
    until(lambda: "its directory is gone" not in home.show(run).reason, "it no longer says so")
    assert home.hadesd("resume", run).returncode == 0
    home.reaches(run, S.FINISHED)
    assert home.generations(run) == list(range(1, 21))
