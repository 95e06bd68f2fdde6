"""The rename is the commit point: what fails before it is nothing, what fails after it is done."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hadesd.storage import archive, atomic, records, removal
from hadesd.storage.atomic import write_atomically, write_outputs
from tests.helpers.runs.specs import tiny

REFUSALS = (errno.EIO, errno.EINVAL, errno.ENOTSUP, errno.ENOSPC)


@pytest.fixture
def unflushable(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From a call on no directory can be flushed, with that error."""
    fsync = os.fsync

    def begin(number: int) -> None:
        def refuse(fd: int) -> None:
            if Path(os.readlink(f"/proc/self/fd/{fd}")).is_dir():
                raise OSError(number, os.strerror(number))
            fsync(fd)

        monkeypatch.setattr(os, "fsync", refuse)

    return begin


@pytest.mark.parametrize("number", REFUSALS)
def test_what_was_renamed_is_done_whatever_its_directory_says(
    tmp_path: Path, unflushable: Callable[[int], None], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(atomic, "warn", lambda event, directory, why: said.append(directory))
    unflushable(number)
    runs = tmp_path / "runs"
    runs.mkdir()
    for text in (b"old", b"new"):
        write_atomically(runs / ".file", text)
    assert (runs / ".file").read_bytes() == b"new"
    record = records.create(runs, tiny(), 0.0)
    archive.pack(runs / record.id, tmp_path / "run.tar.gz")
    hidden = removal.put_aside(runs / record.id)
    assert hidden.is_dir()
    assert archive.restore(tmp_path / "run.tar.gz", runs) == record.id
    assert records.load(runs / record.id)[0] == record
    assert len(said) == len(set(said)) == 3, "once for each of the directories"


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_what_fails_before_the_rename_leaves_the_old_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_outputs({tmp_path / "a": b"old", tmp_path / "b": b"old"})

    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for also in (name, "unlink"):  # where nothing can be removed either, the first error is said
        monkeypatch.setattr(os, also, refuse)
        with pytest.raises(OSError, match="Input/output error"):
            write_outputs({tmp_path / "a": b"new", tmp_path / "b": b"new"})
        assert [(tmp_path / file).read_bytes() for file in "ab"] == [b"old", b"old"]
        if also == name:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
