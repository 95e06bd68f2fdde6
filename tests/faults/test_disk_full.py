"""A disk that is really full: the run waits with the reason, nothing is damaged, and it goes on when there is room."""

import json
import os
import signal
from pathlib import Path

import jax
import pytest

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hadesd.compute import build
from hadesd.distill.generation import init_state
from hadesd.logs import streams
from hadesd.storage import disk
from hadesd.storage.resume_records import ResumeKind, append_resume_record
from hadesd.worker import checkpoints
from tests.faults.conftest import SPEC, put, results, submit
from tests.helpers.faults.small_disk import SmallDisk
from tests.helpers.processes.daemon import Home, until

S = RunState


def test_a_run_survives_a_full_disk_and_goes_on_by_itself(
    small_home: Home, small_disk: SmallDisk, twin: dict[str, bytes]
) -> None:
    small_home.daemon()
    run = submit(small_home)
    small_home.reaches(run, S.RUNNING, 5)

    def paused_by_a_full_disk() -> RunSummary | None:
        small_disk.fill()  # again and again: a commit on its way deletes an old checkpoint, and the next one fits there
        summary = small_home.show(run)
        return summary if summary.state == S.PAUSED else None

    paused = until(paused_by_a_full_disk, lambda: f"it is paused, but: {small_home.show(run)}")
    assert paused.worker_pid is None
    assert paused.reason.startswith(f"no room on {small_home.paths.runs / run} (0 MiB free): generation ")
    assert paused.reason.endswith("is not committed; the run goes on by itself when there is room")
    checkpoint_directory = small_home.paths.runs / run / "checkpoints"
    assert not list(checkpoint_directory.glob("partial-*")), "the half of a checkpoint takes room"
    assert small_home.hadesd("status").returncode == 0, "the daemon answers"
    problem, mean = build.build(build_spec(SPEC))
    like = jax.eval_shape(lambda: init_state(problem, mean))
    for generation in checkpoints.generations(checkpoint_directory):
        checkpoint = checkpoint_directory / str(generation)
        # It raises where the bytes are not those that were written.
        checkpoints.load(checkpoint, checkpoints.require_manifest(checkpoint), like)

    small_disk.clear()
    small_home.reaches(run, S.FINISHED)
    assert results(small_home.paths.runs / run) == twin
    assert small_home.show(run).restarts == 0, "a full disk is no crash"
    changes = [change["what"] for change in small_home.record(run)["history"]]
    assert changes == ["submitted", "disk full", "disk space freed", "finished"]


def full(directory: Path, line: int) -> OSError | None:
    """Append a line; the error where there is no room for it."""
    try:
        append_resume_record(directory, line, ResumeKind.RESUME, "x" * 300, bit_exact=True)
    except OSError as error:
        return error
    return None


def test_lines_of_metrics_survive_a_full_disk_whole(small_disk: SmallDisk) -> None:
    path = small_disk.directory / "resumes.jsonl"
    small_disk.fill(leave=4 * 4096)
    written = 0
    while (error := full(small_disk.directory, written)) is None:
        written += 1
    assert disk.is_full(error)
    assert written > 10
    small_disk.clear()
    append_resume_record(small_disk.directory, written, ResumeKind.RESUME, "there is room again", bit_exact=True)
    assert [json.loads(line)["generation"] for line in path.read_text().splitlines()] == list(range(written + 1))


def test_a_log_survives_a_full_disk_and_says_how_much_it_lost(small_disk: SmallDisk) -> None:
    path = small_disk.directory / "daemon.log"
    small_disk.fill(leave=2 * 4096)
    with open(path, "ab") as file:
        stream = streams.FaultTolerantStream(file.fileno())
        for n in range(100):
            stream.write(json.dumps({"n": n, "text": "x" * 200}) + "\n")
        small_disk.clear()
        stream.write(json.dumps({"n": 100}) + "\n")
    *before, half, lost, after = path.read_text().splitlines()
    assert [json.loads(line)["n"] for line in before] == list(range(len(before)))
    assert half.startswith(f'{{"n": {len(before)}'), "the last of the room took a part of a line"
    told = json.loads(lost)
    assert (told["event"], told["lines"]) == ("log lines lost", 100 - len(before))
    assert json.loads(after) == {"n": 100}


def test_the_daemon_survives_a_full_disk_and_refuses_new_runs_in_one_line(
    small_home: Home, small_disk: SmallDisk
) -> None:
    small_home.fake_daemon()
    run = small_home.start(milliseconds=100)
    small_home.reaches(run, S.RUNNING, 1)
    small_home.ask(commands.Pause, run=run)
    small_home.reaches(run, S.PAUSED)
    small_disk.fill()
    started = small_home.hadesd("start", "--env", "CartPole-v1")
    assert started.returncode == 2
    assert started.stderr.splitlines()[-1].startswith(
        f"hadesd: cannot create a run in {small_home.paths.runs}: No space"
    )
    resumed = small_home.hadesd("resume", run)
    assert resumed.stderr.splitlines() == [
        f"hadesd: cannot write {small_home.paths.runs / run}/run.json (No space left on device), so nothing was done"
    ]
    assert small_home.show(run).state == S.PAUSED
    assert sorted(entry.name for entry in small_home.paths.runs.iterdir()) == [run], "nothing is left half-made"
    small_disk.clear()
    assert small_home.hadesd("resume", run).returncode == 0
    small_home.reaches(run, S.RUNNING, 2)


def test_without_a_daemon_start_on_a_full_disk_is_one_line(small_home: Home, small_disk: SmallDisk) -> None:
    small_home.paths.make_private()
    small_disk.allow_files(small_disk.files)  # not even an empty file can be made
    done = small_home.hadesd("start", "--env", "CartPole-v1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"hadesd: cannot write {small_home.paths.state}/daemon.stderr: No space left on device; "
        "make room, or set HADES_HOME to another place"
    )
    assert not list(small_home.paths.runs.iterdir())


def test_a_daemon_starts_on_a_full_disk_and_its_runs_go_on_when_there_is_room(
    small_home: Home, small_disk: SmallDisk
) -> None:
    first = small_home.fake_daemon()
    run = small_home.start(milliseconds=100)
    small_home.reaches(run, S.RUNNING, 1)
    small_home.ask(commands.Pause, run=run)
    paused = small_home.reaches(run, S.PAUSED)
    first.terminate()
    assert first.wait(60) == 0
    small_disk.fill()
    small_home.fake_daemon()
    assert small_home.show(run).generation == paused.generation
    small_disk.clear()
    small_home.ask(commands.Resume, run=run)
    small_home.reaches(run, S.RUNNING, paused.generation + 1)


def test_a_queued_run_whose_worker_has_no_room_for_its_log_waits_for_room(
    small_home: Home, small_disk: SmallDisk
) -> None:
    small_home.fake_daemon(slots=1)
    first = small_home.start(milliseconds=100)
    second = small_home.start(milliseconds=100)
    pid = small_home.reaches(first, S.RUNNING, 1).worker_pid
    assert pid is not None
    small_disk.allow_files(small_disk.files)
    os.kill(pid, signal.SIGKILL)
    waiting = small_home.reaches(second, S.PAUSED)
    assert waiting.reason == (
        f"no room on {small_home.paths.runs / second} (no further file can be made on it): no worker was started; "
        "the run goes on by itself when there is room"
    )
    assert waiting.waits_for_room
    small_disk.allow_files(100_000)
    until(lambda: small_home.show(second).state != S.PAUSED, "it goes on by itself")
    small_home.ask(commands.Cancel, run=first)
    small_home.reaches(second, S.RUNNING, 1)


def test_a_run_that_is_cancelled_while_it_waits_for_room_stays_cancelled_when_there_is_some(
    small_home: Home, small_disk: SmallDisk
) -> None:
    daemon = small_home.fake_daemon(slots=1)
    first, second, third = (small_home.start(milliseconds=100) for _ in range(3))
    pid = small_home.reaches(first, S.RUNNING, 1).worker_pid
    assert pid is not None
    small_disk.allow_files(small_disk.files)
    os.kill(pid, signal.SIGKILL)
    for waiting in (second, third):
        small_home.reaches(waiting, S.PAUSED)
    small_disk.allow_files(100_000)
    small_home.ask(commands.Cancel, run=second)
    until(lambda: small_home.show(third).state != S.PAUSED, "the daemon has looked at the disk, for both")
    assert small_home.show(second).state == S.CANCELLED
    assert daemon.poll() is None


@pytest.mark.parametrize("name", ["out.npz", "out.csv", "out.json"])
def test_an_old_file_survives_an_export_to_a_full_disk(
    small_home: Home, small_disk: SmallDisk, made: dict[str, Path], name: str
) -> None:
    run = put(small_home, made["finished"]).name
    output = small_disk.directory / name
    old = [output] + ([output.with_name("out.csv.json")] if name == "out.csv" else [])
    for path in old:
        path.write_text("old")
    small_disk.fill(leave=4096 if name == "out.csv" else 0)  # its first file fits, the one beside it does not
    done = small_home.hadesd("export", run, "-o", str(output), "--force")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"hadesd: cannot write {output}: No space left on device"]
    assert [path.read_text() for path in old] == ["old"] * len(old)
    assert not [entry.name for entry in small_disk.directory.iterdir() if entry.name.startswith(".")]
