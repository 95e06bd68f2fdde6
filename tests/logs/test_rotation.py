"""Logs stay bounded, and no line is lost when one is rotated."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hadesd.logs import rotation
from hadesd.logs.streams import BoundedStream
from tests.helpers.faults.failing_disk import refusing

WRITER = """
import os, sys
from pathlib import Path
from hadesd.logs import rotation
for i in range(3000):
    os.write(1 + i % 2, b"line %04d\\n" % i)
    if i % 7 == 0:
        rotation.rotate_open(Path(sys.argv[1]), 1, 2, limit=12000)
"""


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert not rotation.rotate(path, limit=10)
    path.write_text("123456789")
    assert not rotation.rotate(path, limit=10)
    assert rotation.rotated(path) == []


def test_the_oldest_of_three_files_goes(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for text in ("first", "second", "third", "fourth"):
        path.write_text(text)
        assert rotation.rotate(path, limit=1)
    assert [old.read_text() for old in rotation.rotated(path)] == ["third", "fourth"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["x.log.1", "x.log.2"]


def test_a_process_that_rotates_what_it_writes_to_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    with open(path, "ab") as log:
        done = subprocess.run([sys.executable, "-c", WRITER, str(path)], stdout=log, stderr=log, timeout=60)
    assert done.returncode == 0, path.read_text()
    files = [*rotation.rotated(path), path]
    assert len(files) == 3
    lines = "".join(file.read_text() for file in files).splitlines()
    assert lines == [f"line {i:04d}" for i in range(3000)]
    assert all(file.stat().st_size < 12_200 for file in files)
    assert {file.stat().st_mode & 0o777 for file in files} == {path.stat().st_mode & 0o777}


def test_a_descriptor_that_leads_elsewhere_is_left_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "x.log", tmp_path / "other"
    path.write_text("a" * 100)
    fd = os.open(other, os.O_WRONLY | os.O_CREAT)
    try:
        assert not rotation.rotate_open(path, fd, limit=10)
        assert os.path.samestat(os.fstat(fd), other.stat())
    finally:
        os.close(fd)


@pytest.mark.skipif(os.getuid() == 0, reason="root writes where it may not")
def test_without_permission_the_log_just_grows(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("a" * 100)
    tmp_path.chmod(0o500)
    try:
        assert not rotation.rotate(path, limit=10)
        assert path.read_text() == "a" * 100
    finally:
        tmp_path.chmod(0o700)


def test_a_rotation_that_cannot_be_finished_keeps_the_log(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    (tmp_path / "x.log.1").mkdir()
    (tmp_path / "x.log.1/in the way").touch()
    (tmp_path / "x.log.2").mkdir()
    (tmp_path / "x.log.2/in the way").touch()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(fd, b"before\n")
        assert not rotation.rotate_open(path, fd, limit=1)
        os.write(fd, b"after\n")
    finally:
        os.close(fd)
    assert path.read_text() == "before\nafter\n"


def test_the_daemons_log_is_private_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    path.touch(mode=0o644)
    with BoundedStream(path) as stream:
        for _ in range(34):
            stream.write("x" * 2**20 + "\n")
    assert path.stat().st_mode & 0o777 == 0o600
    files = [*rotation.rotated(path), path]
    assert len(files) == 3
    assert all(file.stat().st_size <= rotation.LIMIT + 2 * 2**20 for file in files)
    assert len("".join(file.read_text() for file in files).splitlines()) == 34 - 10


def test_a_rotation_that_fails_leaves_nothing_beside_the_log(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    for at in range(3):
        path.write_bytes(b"x" * 100)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        with refusing(at) as refusals:
            assert rotation.rotate_open(path, fd, limit=10) == (at >= len(refusals.calls))
        os.close(fd)
        assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == [], refusals.calls
