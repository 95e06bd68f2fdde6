"""Settings for a dataset's file: what it does not say is said, what is wrong is one line."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hades_protocol.errors import UsageError
from hades_tui.pairs.export import json_text
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.cli.datasets.inputs import settings_for
from hadesd.cli.main import main
from hadesd.compute.results import dataset_meta
from tests.helpers.protocol.protocol_server import a_dataset, a_run
from tests.helpers.runs.specs import tiny

STATES = np.zeros((2, 4), np.float32)
ACTIONS = np.eye(2, dtype=np.float32)


def a_file(meta: dict[str, Any]) -> DatasetFile:
    """A dataset of CartPole-v1 that says that of itself."""
    return DatasetFile(Path("some.json"), STATES, ACTIONS, meta=meta)


@pytest.mark.parametrize("missing", [("policy",), ("cloning", "evaluation"), ("policy", "cloning", "evaluation")])
def test_sections_that_a_file_lacks_are_named(missing: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    meta = {key: value for key, value in json.loads(dataset_meta(tiny(), 4)).items() if key not in missing}
    settings_for(a_file(meta), None, [])
    note = capsys.readouterr().err
    assert note.count("\n") == 1
    assert f"some.json does not say its settings of {', '.join(missing)}: the published ones are used" in note
    assert "'hadesd export'" in note


def test_of_a_file_that_says_all_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    settings_for(a_file(json.loads(dataset_meta(tiny(), 4))), None, [])
    assert capsys.readouterr().err == ""


def test_another_environment_does_not_inherit_the_backend_of_the_files_own() -> None:
    dataset = a_file(json.loads(dataset_meta(tiny(env="hopper", backend="spring"), 4)))
    assert settings_for(dataset, "CartPole-v1", []).backend == "auto"
    assert settings_for(dataset, None, [("env", "walker2d")]).backend != "spring"
    assert settings_for(dataset, "hopper", []).backend == "spring"
    with pytest.raises(UsageError, match="backend"):
        settings_for(dataset, "CartPole-v1", [("backend", "spring")])


def test_a_file_that_says_nothing_gets_one_note(capsys: pytest.CaptureFixture[str]) -> None:
    settings_for(a_file({}), "CartPole-v1", [])
    assert capsys.readouterr().err.splitlines() == [
        "the file says nothing of its settings: the published ones are used where none is given"
    ]


@pytest.mark.parametrize("section", ["policy", "evaluation", "cloning"])
@pytest.mark.parametrize("value", [5, None, [1]])
def test_a_section_is_no_value(section: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"'{section}'"):
        settings_for(a_file({}), "CartPole-v1", [(section, value)])


@pytest.mark.parametrize("verb", [["evaluate"], ["transfer"], ["import", "-o", "out.npz"]])
def test_a_section_as_a_value_is_one_line(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    np.savez("plain.npz", states=STATES, actions=ACTIONS)
    env = ["--set", "env=CartPole-v1"] if verb == ["transfer"] else ["--env", "CartPole-v1"]
    assert main([verb[0], "plain.npz", *verb[1:], *env, "--set", "policy=5"]) == 2
    assert "unknown setting 'policy'" in capsys.readouterr().err.splitlines()[-1]
    assert not Path("cli-error.log").exists()


@pytest.mark.parametrize("verb", [["evaluate"], ["import", "-o", "out.npz"]])
@pytest.mark.environment
def test_fixed_pairs_of_the_screen_lead_to_export(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = msgspec.structs.replace(a_dataset(), observation_names=("x", "vx", "angle", "w"))
    Path("screen.json").write_text(json_text(dataset, a_run("cart-1")))
    assert main([verb[0], "screen.json", *verb[1:], "--set", "evaluation.normalisation=fixed"]) == 2
    said = capsys.readouterr().err
    assert "does not say its settings of policy, cloning, evaluation" in said
    assert "no obs_mean and obs_var" in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("'hadesd export cart-1' (E on the screen) writes a file that has them")
