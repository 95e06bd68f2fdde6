"""Text files of people: byte-order marks are no part of them, double keys are refused, wherever hades reads one."""

import os
import subprocess
from pathlib import Path

import pytest

from hades_protocol.errors import UsageError
from hades_tui.preferences import load_preferences
from hadesd.config import load_settings
from hadesd.spec.user_files import as_argument, parse_json, read_spec_file, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "f").write_bytes("é".encode(encoding))
    assert read_text(tmp_path / "f") == "é"


def test_a_byte_order_mark_is_taken_in_settings_files(tmp_path: Path) -> None:
    for name, text in (("s.toml", "seed = 3"), ("s.json", '{"seed": 3}')):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read_spec_file(tmp_path / name) == {"seed": 3}
    (tmp_path / "config.toml").write_text("slots = 3", encoding="utf-8-sig")
    assert load_settings(tmp_path / "config.toml", {}).slots == 3
    (tmp_path / "tui.toml").write_text('theme = "light"', encoding="utf-8-sig")
    assert load_preferences(tmp_path / "tui.toml").theme == "light"


@pytest.mark.process
def test_a_shell_takes_every_name_as_one_argument() -> None:
    names = ["plain.npz", "a b", "it's", 'q"q', "$(x)`y`", "back\\slash", "new\nline", "\x1b[2J", "\udcff'\\", "é"]
    command = "printf '%s\\0' " + " ".join(map(as_argument, names))
    assert command.isprintable()
    found = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert found.split(b"\0")[:-1] == [os.fsencode(name) for name in names]
    assert as_argument("-o.npz") == "./-o.npz", "no option"
    assert as_argument("plain.npz") == "plain.npz"


def test_double_keys_are_refused_at_every_depth(tmp_path: Path) -> None:
    for text in ('{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]'):
        with pytest.raises(ValueError, match="'a' twice"):
            parse_json(text)
    assert parse_json('{"a": {"b": 1}, "b": [1]}') == {"a": {"b": 1}, "b": [1]}
    (tmp_path / "s.json").write_text('{"seed": 1, "seed": 2}')
    with pytest.raises(UsageError, match="'seed' twice"):
        read_spec_file(tmp_path / "s.json")


def test_what_a_spec_file_has_wrong_is_said_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    for text in (
        '{"evolu": {"sigma": 1}}',
        '{"evolution": {"sigma": "a"}}',
        '{"evolution": {"sigma": -1}}',
        '{"env": 3}',
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=f"the spec file {file}: "):
            read_spec_file(file)
    file.write_text('{"policy": {"inits": 1}, "evolution": {"sigma_floor": 90.0}}')
    assert read_spec_file(file)["policy"] == {"inits": 1}, "which the command line may make sense of"
