"""Locks that cannot be taken for another reason than that somebody holds them: one line, never a bug of ours."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from hades_protocol.run_spec import build_spec
from hadesd.cli.main import main
from hadesd.storage import records

VERBS = (["archive", "@", "--yes"], ["retain", "@", "--keep-newest", "2", "--yes"], ["rm", "@", "--yes"])


@pytest.mark.parametrize("lock", ["daemon.lock", "runs/{run}/lock"])
def test_a_lock_file_that_cannot_be_opened_is_one_line(
    lock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    record = records.create(tmp_path / "runs", build_spec({"env": "CartPole-v1", "preset": "cpu"}), 1.0)
    records.save(tmp_path / "runs" / record.id, replace(record, desired="pause"))
    (tmp_path / lock.format(run=record.id)).mkdir()
    for verb in VERBS:
        status = main(verb)
        said = capsys.readouterr().err
        assert "internal error" not in said, (verb, said)
        assert status != 0, (verb, said)
        assert "Is a directory" in said or "not all of its files" in said, (verb, said)
    assert not (tmp_path / "cli-error.log").exists()
