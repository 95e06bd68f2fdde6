"""What a job and its daemon tell each other: every frame once, in order, however the files are cut and read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.supervisor.slurm import job_files
from hadesd.supervisor.slurm.job_files import ExitNote, JobFilesReader, JobFilesWriter
from hadesd.worker_protocol import frame

BODIES = st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=12)


@given(BODIES, st.sets(st.integers(0, 11)), st.integers(1, 60))
def test_every_frame_arrives_once_and_in_order(written: list[list[bytes]], read_after: set[int], full: int) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_files, "FULL", full)
        patch.setattr(job_files, "READ_SIZE", 7)
        writer, reader = JobFilesWriter(Path(directory)), JobFilesReader(Path(directory))
        arrived: list[bytes] = []
        for number, bodies in enumerate(written):
            writer.write(b"".join(map(frame, bodies)))
            if number in read_after:
                arrived += reader.read()
        arrived += reader.read()
        assert arrived == [body for bodies in written for body in bodies]
        assert len(list(Path(directory).glob("out.*"))) <= 1, "what was read is deleted, but for the newest file"


def test_a_reader_who_comes_later_begins_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_files, "FULL", 1)
    writer, first = JobFilesWriter(tmp_path), JobFilesReader(tmp_path)
    writer.write(frame(b"one"))
    writer.write(frame(b"two"))
    assert first.read() == [b"one", b"two"]
    writer.write(frame(b"three"))
    assert JobFilesReader(tmp_path).read() == [b"two", b"three"]


def test_what_the_daemon_wants_and_how_it_ended(tmp_path: Path) -> None:
    writer, reader = JobFilesWriter(tmp_path), JobFilesReader(tmp_path)
    assert (writer.wanted(), reader.exit_note()) == (None, None)
    reader.halt(discard=False)
    assert writer.wanted() == ""
    reader.halt(discard=True)
    assert writer.wanted() == "discard"
    writer.end(ExitNote(75, ("SIGTERM",)))
    assert reader.exit_note() == ExitNote(75, ("SIGTERM",))
    assert not JobFilesReader(tmp_path).is_acknowledged()
    reader.acknowledge()
    assert JobFilesReader(tmp_path).is_acknowledged()
    (tmp_path / "exit.json").write_bytes(b"")
    assert reader.exit_note() == ExitNote(job_files.KILLED), "it has ended, nobody knows how"


def test_what_was_read_before_the_disk_refused_is_handed_on_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "READ_SIZE", 8)
    writer, reader = JobFilesWriter(tmp_path), JobFilesReader(tmp_path)
    writer.write(frame(b"four"))
    writer.write(frame(b"more"))
    take, calls = reader._take, []

    def refuses_the_second_time() -> bytes | None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("stale")
        return take()

    monkeypatch.setattr(reader, "_take", refuses_the_second_time)
    assert reader.read() == [b"four"]
    assert reader.read() == [b"more"]


def test_a_directory_in_which_nothing_appears_is_changed_so_that_nfs_looks_again(tmp_path: Path) -> None:
    """That NFS then does was not tried: this sees that the directory's time of change moves, and nothing is left."""

    def moves(look: Callable[[], object], times: int) -> bool:
        os.utime(tmp_path, ns=(0, 0))
        for _ in range(times):
            look()
        return tmp_path.stat().st_mtime_ns != 0

    writer, reader = JobFilesWriter(tmp_path), JobFilesReader(tmp_path)
    writer.write(frame(b"one"))
    assert reader.read() == [b"one"]
    assert not moves(reader.read, job_files.READER_MISS_LIMIT - 1)
    assert moves(reader.read, 1)
    assert not moves(writer.wanted, job_files.WRITER_MISS_LIMIT - 1)
    assert moves(writer.wanted, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.000001"]


def test_a_job_of_a_run_that_is_not_to_compute_is_halted_or_its_end_acknowledged(tmp_path: Path) -> None:
    directory = tmp_path / "jobs"
    assert not job_files.halt_newest(directory)
    made = job_files.new_job_directory(directory, "ff")
    assert job_files.halt_newest(directory)
    assert JobFilesReader(made).is_halted()
    JobFilesWriter(made).end(ExitNote(75))
    assert not job_files.halt_newest(directory)
    assert JobFilesReader(made).is_acknowledged()
    os.utime(made / "acknowledged", ns=(0, 0))
    assert not job_files.halt_newest(directory)
    assert (made / "acknowledged").stat().st_mtime_ns == 0, "it was written once: each start of a daemon comes here"


def test_directories_of_jobs_count_up_and_the_newest_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "jobs"
    assert job_files.newest_job(directory) is None
    made = [job_files.new_job_directory(directory, token) for token in ("ff", "00", "7a")]
    newest = job_files.newest_job(directory)
    assert newest is not None
    assert (newest.token, newest.log.parent) == ("7a", made[-1])
    assert job_files.job_directories(directory) == made
    assert [job_files.token_of(path) for path in made] == ["ff", "00", "7a"]
