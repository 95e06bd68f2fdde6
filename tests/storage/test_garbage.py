"""What gc finds, and what it never does."""

import os
import time
from pathlib import Path

import pytest

from hades_protocol.errors import WrongStateError
from hades_protocol.paths import Paths
from hadesd.storage import garbage
from hadesd.storage.garbage import Limits
from hadesd.storage.locks import lock_run
from hadesd.storage.usage import run_usage, tree_bytes

DAY = 86_400.0


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    return paths


def make(directory: Path, **files: int) -> Path:
    """A directory with files of so many bytes."""
    directory.mkdir(parents=True)
    for name, size in files.items():
        (directory / name).write_bytes(b"x" * size)
    return directory


def a_run(paths: Paths, name: str = "a-run") -> Path:
    run = make(paths.runs / name, metrics=100, lock=0)
    make(run / "checkpoints/7", state=1000)
    make(run / "checkpoints/partial-8", half=40)
    make(run / "checkpoints/partial-old-3", rest=2)
    make(run / "checkpoints/bad-5-0", damaged=300)
    return run


def kinds(found: list[garbage.Leftover]) -> dict[str, int]:
    return {f"{item.kind}:{item.path.name}": item.size for item in found}


def test_sizes_are_of_all_files_and_of_the_checkpoints(paths: Paths) -> None:
    run = a_run(paths)
    assert run_usage(run) == (1442, 1342)
    (run / "link").symlink_to("/etc")
    assert tree_bytes(run) < 1500, "a link is not followed"
    assert tree_bytes(run / "nothing") == 0


def test_half_checkpoints_go_and_damaged_ones_only_when_asked(paths: Paths) -> None:
    run, now = a_run(paths), time.time()
    found = garbage.find(paths, [run], Limits(), now)
    assert kinds(found) == {"partial:partial-8": 40, "partial:partial-old-3": 2}
    evidence = garbage.find(paths, [run], Limits(evidence=True), now)
    assert kinds(evidence) == kinds(found) | {"evidence:bad-5-0": 300}
    for item in evidence:
        garbage.remove(item)
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["7"]
    assert garbage.find(paths, [run], Limits(evidence=True), now) == []


def test_a_run_with_a_live_lock_is_not_touched(paths: Paths) -> None:
    run, now = a_run(paths), time.time()
    found = garbage.find(paths, [run], Limits(evidence=True), now)
    with lock_run(run):
        assert garbage.find(paths, [run], Limits(evidence=True), now) == []
        for item in found:
            with pytest.raises(WrongStateError, match="in use"):
                garbage.remove(item)
    assert tree_bytes(run) == 1442


def test_runs_that_this_version_cannot_use_are_left_alone(paths: Paths) -> None:
    a_run(paths, "of-a-later-version")
    assert garbage.find(paths, [], Limits(evidence=True, logs=0.0, cache=0.0), time.time()) == []


def test_hidden_directories_by_their_age(paths: Paths) -> None:
    make(paths.runs / ".removed-a-run-00112233", rest=10, lock=0)
    make(paths.runs / ".new-b-run", rest=20)
    make(paths.runs / ".somebody-elses", rest=30)
    now = time.time()
    assert kinds(garbage.find(paths, [], Limits(), now)) == {"removed:.removed-a-run-00112233": 10}
    later = garbage.find(paths, [], Limits(), now + 3700)
    assert kinds(later) == {"removed:.removed-a-run-00112233": 10, "unfinished:.new-b-run": 20}
    os.utime(paths.runs / ".new-b-run/rest", (0, 0))
    assert len(garbage.find(paths, [], Limits(), now)) == 1, "restored files have old times"
    removed = next(item for item in later if item.kind == "removed")
    with lock_run(removed.path), pytest.raises(WrongStateError):
        garbage.remove(removed)
    for item in later:
        garbage.remove(item)
    assert [p.name for p in paths.runs.iterdir()] == [".somebody-elses"]


def test_rotated_logs_and_compiled_programs_by_their_age(paths: Paths) -> None:
    run = a_run(paths)
    now = time.time()
    make(paths.cache / "jax", new=1, old=2, read=3)
    make(paths.cache / "jax/native", **{"loop.o": 4, "recent.o": 5})
    for old in ("old", "native/loop.o"):
        os.utime(paths.cache / "jax" / old, (now - 50 * DAY, now - 60 * DAY))
    os.utime(paths.cache / "jax/read", (now - 1 * DAY, now - 60 * DAY))
    for log in (paths.daemon_log, run / "worker.log", paths.state / "daemon.stderr"):
        log.write_text("now")
        log.with_name(f"{log.name}.1").write_text("then")
        os.utime(log.with_name(f"{log.name}.1"), (now - 40 * DAY, now - 40 * DAY))
    logs = {"log:daemon.log.1": 4, "log:worker.log.1": 4, "log:daemon.stderr.1": 4}
    found = kinds(garbage.find(paths, [run], Limits(cache=30 * DAY), now))
    assert found == logs | {"partial:partial-8": 40, "partial:partial-old-3": 2, "cache:old": 2, "cache:loop.o": 4}
    assert "cache:old" not in kinds(garbage.find(paths, [run], Limits(), now))
    assert not set(logs) & set(kinds(garbage.find(paths, [run], Limits(logs=50 * DAY), now)))
