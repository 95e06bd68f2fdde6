"""references.json: read with care, never in the way."""

import json
from pathlib import Path

import pytest

from hades_protocol.messages import Reference
from hadesd.storage.references import MAX_BYTES, MAX_REFERENCES, read_references


def test_none(tmp_path: Path) -> None:
    assert read_references(tmp_path) == ()


def test_they_are_read_and_what_is_not_known_is_ignored(tmp_path: Path) -> None:
    content = [{"name": "PPO", "value": 1234.5, "sem": 3, "env_steps": 50_000_000, "colour": "red"}]
    (tmp_path / "references.json").write_text(json.dumps(content))
    assert read_references(tmp_path) == (Reference(name="PPO", value=1234.5, sem=3.0, env_steps=50_000_000),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b'[{"name": "PPO"}]',
        b'[{"name": "PPO", "value": "high"}]',
        b'[{"name": "PPO", "value": 1e999}]',
        b"[" * 50_000,
        b'[{"name": "PPO", "value": 1}]' + b" " * MAX_BYTES,
    ],
    ids=["empty", "object", "number", "no text", "no value", "text", "infinite", "deep", "large"],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "references.json").write_bytes(content)
    assert read_references(tmp_path) == ()


def test_a_directory_in_its_place_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "references.json").mkdir()
    assert read_references(tmp_path) == ()


def test_too_many_are_cut(tmp_path: Path) -> None:
    content = [{"name": f"a{i}", "value": i} for i in range(MAX_REFERENCES + 5)]
    (tmp_path / "references.json").write_text(json.dumps(content))
    found = read_references(tmp_path)
    assert len(found) == MAX_REFERENCES
    assert found[0].name == "a0"
