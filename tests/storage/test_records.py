"""Run directories: written whole, read with care, never left."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.messages import HistoryKind
from hades_protocol.names import Labels
from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hadesd.storage import disk, records
from hadesd.storage.records import RunOutcome
from hadesd.storage.resume_records import ResumeKind, append_resume_record, read_resume_records
from hadesd.supervisor.lifecycle.effects import Persist, Publish
from hadesd.supervisor.lifecycle.state import from_record, recorded
from tests.helpers.protocol.protocol_server import a_run

SPEC = build_spec({"env": "CartPole-v1", "preset": "cpu"})
NOW = 1_700_000_000.0


def test_a_created_run_can_be_read_again(tmp_path: Path) -> None:
    record = records.create(tmp_path, SPEC, NOW)
    again, spec = records.load(tmp_path / record.id)
    assert again == record
    assert spec == SPEC
    assert (record.desired, record.preset, record.schema) == ("run", "cpu", 1)
    assert oct((tmp_path / record.id).stat().st_mode)[-3:] == "700"


def test_ids_are_short_readable_and_unique(tmp_path: Path) -> None:
    ids = [records.create(tmp_path, SPEC, NOW).id for _ in range(50)]
    assert len(set(ids)) == 50
    for run_id in ids:
        assert records.ID_PATTERN.fullmatch(run_id)
        assert run_id.startswith("cartpole-")
        assert len(run_id) <= 20


def test_a_taken_id_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["a-1", "a-1", "a-2"])
    monkeypatch.setattr(records, "new_id", lambda env, now: next(names))
    first, second = records.create(tmp_path, SPEC, NOW), records.create(tmp_path, SPEC, NOW + 1)
    assert (first.id, second.id) == ("a-1", "a-2")
    assert records.load(tmp_path / "a-1")[0] == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-1", "a-2"]


def test_a_runs_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot create a run in .*/none: No such file"):
        records.create(tmp_path / "none", SPEC, NOW)


def test_fields_of_a_later_version_are_kept(tmp_path: Path) -> None:
    record = records.create(tmp_path, SPEC, NOW)
    path = tmp_path / record.id / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "green"}))
    again, _ = records.load(tmp_path / record.id)
    records.save(tmp_path / record.id, msgspec.structs.replace(again, desired="pause"))
    assert json.loads(path.read_text())["colour"] == "green"
    assert json.loads(path.read_text())["desired"] == "pause"


def test_a_run_of_a_version_without_labels_loads(tmp_path: Path) -> None:
    record = records.create(tmp_path, SPEC, NOW)
    path = tmp_path / record.id / "run.json"
    values = json.loads(path.read_text())
    del values["group"], values["name"], values["tags"]
    path.write_text(json.dumps(values))
    again, spec = records.load(tmp_path / record.id)
    assert (again.group, again.name, again.tags, spec) == ("", "", (), SPEC)


def test_labels_are_kept_beside_the_settings_not_in_them(tmp_path: Path) -> None:
    record = records.create(tmp_path, SPEC, NOW, labels=Labels("sizes", "first", ("a", "b")))
    again, spec = records.load(tmp_path / record.id)
    assert (again.group, again.name, again.tags) == ("sizes", "first", ("a", "b"))
    assert not {"group", "name", "tags"} & set(again.spec)
    assert spec == SPEC, "what people call a run must not change what is computed"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "damaged"),
        (b'{"schema": 1', "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[]", "damaged"),
        (b'{"schema": 99, "id": "x-1", "created_at": 0, "spec": {}}', "newer than this version"),
        (b'{"schema": 1, "id": "other", "created_at": 0, "spec": {"env": "ant"}}', "a copy?"),
        (b'{"schema": 1, "id": "x-1", "created_at": 0, "spec": {"env": "ant", "new": 1}}', "unknown setting 'new'"),
        (
            b'{"schema": 1, "id": "x-1", "created_at": 0, "spec": {"env": "ant"}, "outcome": {"kind": "won", "at": 0}}',
            "outcome.kind",
        ),
    ],
)
def test_a_damaged_run_is_one_line_and_stays(tmp_path: Path, content: bytes, why: str) -> None:
    good = records.create(tmp_path, SPEC, NOW)
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-1" / "run.json").write_bytes(content)
    found, problems = records.scan(tmp_path)
    assert [record.id for record, _ in found] == [good.id]
    assert len(problems) == 1
    assert why in problems[0]
    assert "\n" not in problems[0]
    assert (tmp_path / "x-1" / "run.json").read_bytes() == content


def test_what_is_not_a_run_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".new-x-1").mkdir()
    (tmp_path / "empty-1").mkdir()
    (tmp_path / "Notes.txt").touch()
    found, problems = records.scan(tmp_path)
    assert found == []
    assert len(problems) == 2


def test_a_directory_that_cannot_even_be_looked_at_hides_no_other_run(tmp_path: Path) -> None:
    good = records.create(tmp_path, SPEC, NOW)
    (tmp_path / "beyond-1").symlink_to("/" + "x" * 300)  # as where a server does not answer or a parent is barred
    found, problems = records.scan(tmp_path)
    assert [record.id for record, _ in found] == [good.id]
    assert len(problems) == 1
    assert "beyond-1" in problems[0]
    assert disk.directory_problem(tmp_path / "beyond-1").startswith("its directory is gone")


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = records.create(tmp_path, SPEC, NOW)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        records.save(tmp_path / record.id, msgspec.structs.replace(record, desired="cancel"))
    monkeypatch.undo()
    assert records.load(tmp_path / record.id)[0] == record


KNOWN = [
    a_run("hopper-0101-aaaa", created_at=1.0, name="baseline"),
    a_run("hopper-0102-bbbb", created_at=2.0, name="hopper-0101-aaaa"),  # an id is looked up before any name
    a_run("cartpole-0101-cccc", created_at=3.0, name="hopper"),  # and a name before the beginning of an id
    a_run("ant-0101-dddd", created_at=0.5, name="twice"),
    a_run("ant-0101-eeee", created_at=0.5, name="twice", group="seeds"),
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("@", "cartpole-0101-cccc"),
        ("c", "cartpole-0101-cccc"),
        ("hopper-0102", "hopper-0102-bbbb"),
        ("bb", "hopper-0102-bbbb"),
        ("hopper-0101-aaaa", "hopper-0101-aaaa"),
        ("baseline", "hopper-0101-aaaa"),
        ("hopper", "cartpole-0101-cccc"),
    ],
)
def test_a_run_is_found_by_id_name_prefix_or_newest(name: str, found: str) -> None:
    assert records.find(name, KNOWN) == found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hop", "'hop' fits 2 runs: hopper-0101-aaaa, hopper-0102-bbbb; give more of the id"),
        ("twice", "'twice' is the name of 2 runs: ant-0101-dddd, ant-0101-eeee; give the id"),
        ("base", "there is no run 'base': 'hadesd status' lists them"),
        ("seeds", "there is no run 'seeds': it is a group, which --group seeds means"),
        ("hopper@50", "no run 'hopper@50': this verb takes no @GENERATION; export, .* do"),
        ("", "the name of the run is empty: give an id, a name, or @"),
    ],
)
def test_a_name_that_fits_none_or_several_is_one_line(name: str, why: str) -> None:
    with pytest.raises(NotFoundError, match=why):
        records.find(name, KNOWN)


def test_without_runs_the_error_says_how_to_begin() -> None:
    with pytest.raises(NotFoundError, match="begin with 'hadesd start"):
        records.find("@", [])


@given(name=st.one_of(st.text(max_size=30), st.sampled_from(["../x", "/etc", ".", "..", "hopper-0101-aaaa/..", "~"])))
def test_no_name_leads_out_of_the_runs_directory(name: str) -> None:
    try:
        found = records.find(name, KNOWN)
    except NotFoundError:
        return
    assert found in {run.id for run in KNOWN}


@pytest.mark.parametrize("torn", ['{"generation":1,"ki', "\0" * 9, '{"generation":1}\n', ""])
def test_a_resume_record_after_a_torn_one_is_not_lost(torn: str, tmp_path: Path) -> None:
    (tmp_path / "resumes.jsonl").write_text(torn)
    append_resume_record(tmp_path, 2, ResumeKind.RESUME, "another chunk", bit_exact=False)
    assert [record.generation for record in read_resume_records(tmp_path)] == [2]


def test_the_history_joins_entries_and_resume_records_in_order(tmp_path: Path) -> None:
    record = records.create(tmp_path, SPEC, NOW)
    run = from_record(record, SPEC, generation=4)
    ended = msgspec.structs.replace(run, outcome=RunOutcome(kind=RunState.FINISHED, at=NOW + 9))
    record = recorded(record, ended, [Persist(HistoryKind.FINISHED), Publish()], NOW + 9)
    resume = {"generation": 2, "kind": "resume", "text": "resumed", "time": NOW + 5, "bit_exact": True}
    (tmp_path / record.id / "resumes.jsonl").write_text(json.dumps(resume) + '\n{"gener')
    told = [(entry.what, entry.generation) for entry in records.read_history(record, tmp_path / record.id)]
    assert told == [("submitted", 0), ("resume", 2), ("finished", 4)]
