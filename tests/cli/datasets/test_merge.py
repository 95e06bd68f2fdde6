"""hadesd merge, and hadesd evaluate of what it wrote."""

import json
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hadesd.analysis.datasets import reader
from hadesd.cli.main import main
from hadesd.compute.results import dataset_meta, write_dataset
from tests.helpers.runs.specs import tiny

FAST = ["--inits", "2", "--episodes", "2"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """cart.npz, acrobot.npz (running normalisation, 6 epochs), hopper.npz and plain.npz (says nothing)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    random = np.random.default_rng(0)
    acrobot = tiny(
        env="Acrobot-v1", dataset={"pairs": 3}, cloning={"epochs": 6}, evaluation={"normalisation": "running"}
    )
    for name, spec, observation, actions in (
        ("cart", tiny(), 4, 2),
        ("acrobot", acrobot, 6, 3),
        ("hopper", tiny(env="hopper"), 11, 3),
    ):
        arrays = {
            "states": random.normal(size=(actions, observation)).astype(np.float32),
            "actions": np.eye(actions, dtype=np.float32),
        }
        write_dataset(tmp_path / f"{name}.npz", arrays, dataset_meta(spec, 4))
    np.savez(tmp_path / "plain.npz", states=np.zeros((2, 4)), actions=np.eye(2))
    return tmp_path


@pytest.mark.environment
def test_merge_then_evaluate_everywhere_and_in_one(here, capsys):
    assert main(["merge", "cart.npz", "acrobot.npz", "-o", "both.npz", "--json"]) == ExitCode.OK
    captured = capsys.readouterr()
    described = json.loads(captured.out)
    assert described["envs"] == ["CartPole-v1", "Acrobot-v1"]
    assert [part["normalisation"] for part in described["parts"]] == ["none", "running"]
    assert "cloning.epochs is 4 and 6 in these files: 6 is used" in captured.err
    merged = reader.load(here / "both.npz")
    assert (merged.states.shape, merged.actions.shape) == ((5, 6), (5, 3))

    code = main(["evaluate", "both.npz", *FAST, "-o", "both.svg", "--json"])
    captured = capsys.readouterr()
    assert code == ExitCode.OK, captured.err
    document = json.loads(captured.out)
    assert document["settings"]["cloning"]["epochs"] == 6
    assert [task["env"] for task in document["tasks"]] == ["CartPole-v1", "Acrobot-v1"]
    assert all(len(task["returns"]["per_init"]) == 2 for task in document["tasks"])
    assert "<svg" in (here / "both.svg").read_text()

    assert main(["evaluate", "both.npz", "--env", "acrobot-v1", *FAST, "--json"]) == ExitCode.OK
    alone = json.loads(capsys.readouterr().out)
    assert alone["env"] == "Acrobot-v1"
    assert alone["returns"]["mean"] == pytest.approx(document["tasks"][1]["returns"]["mean"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["merge", "cart.npz", "-o", "x.npz"], 2, "two datasets or more"),
        (["merge", "cart.npz", "hopper.npz", "-o", "x.npz"], 2, "one has discrete actions"),
        (["merge", "cart.npz", "plain.npz", "-o", "x.npz"], 2, "only files that say so can be merged"),
        (["merge", "cart.npz", "acrobot.npz", "-o", "x.csv"], 2, "merged datasets are npz files"),
        (["merge", "cart.npz", "acrobot.npz", "-o", "plain.npz"], 2, "--force"),
        (["merge", "cart.npz", "acrobot.npz", "-o", "none/x.npz"], 2, "No such file or directory"),
        (["merge", "cart.npz", "nobody", "-o", "x.npz"], 3, "there is no run"),
        (["evaluate", "cart.npz", "-o", "x.svg"], 2, "it is for merged files"),
    ],
)
def test_what_cannot_be_merged_is_said_in_one_line(here, arguments, code, says, capsys):
    before = (here / "plain.npz").read_bytes()
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err.strip().splitlines()[-1]
    assert not (here / "x.npz").exists()
    assert (here / "plain.npz").read_bytes() == before


def test_pairs_of_a_merged_file_are_those_of_each_environment(here, capsys):
    assert main(["merge", "cart.npz", "acrobot.npz", "-o", "both.npz"]) == ExitCode.OK
    capsys.readouterr()
    assert main(["pairs", "both.npz"]) == ExitCode.OK
    together = capsys.readouterr()
    alone = []
    for name in ("cart.npz", "acrobot.npz"):
        assert main(["pairs", name]) == ExitCode.OK
        alone.append(capsys.readouterr().out)
    assert together.out == "".join(alone)
    assert [line.split(",")[0] for line in together.err.splitlines()] == ["CartPole-v1", "Acrobot-v1"]
    assert "None" not in together.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "both.npz", "--env", "hopper"], "merged for CartPole-v1 and Acrobot-v1, not for hopper"),
        (["evaluate", "both.npz", "--env", "Acrobot-v1", "-o", "x.svg"], "leave --env out"),
        (["evaluate", "both.npz", "-o", "x.pdf"], ".png or .svg"),
        (["evaluate", "both.npz", "-o", "there.svg"], "there.svg exists already"),
        (["transfer", "both.npz"], "merged of several environments' datasets"),
    ],
)
def test_a_merged_file_where_it_does_not_belong(here, arguments, says, capsys):
    (here / "there.svg").touch()
    assert main(["merge", "cart.npz", "acrobot.npz", "-o", "both.npz"]) == ExitCode.OK
    assert main(arguments) == ExitCode.USAGE
    assert says in capsys.readouterr().err.strip().splitlines()[-1]
