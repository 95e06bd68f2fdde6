"""hadesd import: other people's files become ones that every verb takes without options."""

import json
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode, UsageError
from hadesd.analysis.datasets import formats, importing, reader
from hadesd.cli.main import main
from hadesd.spec import environments

LEAN = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)
CARTPOLE = environments.find("CartPole-v1")
FAST = ["--set", "policy.width=8", "--set", "policy.depth=1", "--set", "cloning.epochs=5"]
SHORT = ["--set", "evaluation.steps=20", "--set", "evaluation.environments=2"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own: the compilation cache is there."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


def hadesd(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip()


def test_labels_become_one_hots_and_the_file_needs_no_options_any_more(tmp_path, capsys):
    """A plain CSV with labels - imported with its card - evaluated and printed as one of ours."""
    (tmp_path / "plain.csv").write_text("x,vx,angle,w,label\n0,0.5,-0.1,-2,0\n0,-0.5,0.1,2,1\n")
    out = tmp_path / "ours.npz"
    arguments = ["import", str(tmp_path / "plain.csv"), "--env", "cartpole-v1", "-o", str(out), "--card", *FAST, *SHORT]
    code, printed, err = hadesd(capsys, *arguments)
    assert (code, printed.strip()) == (ExitCode.OK, str(out)), err
    assert "in the environment's own units" in err
    found = reader.load(out)
    assert found.actions.tolist() == [[1, 0], [0, 1]]
    assert (found.meta["environment"], found.meta["method"], found.meta["units"]) == (
        "CartPole-v1",
        "imported",
        "natural",
    )
    assert found.meta["policy"]["width"] == 8
    assert found.meta["source"]["file"] == "plain.csv"
    assert "imported from | plain.csv" in (tmp_path / "ours.md").read_text()
    code, printed, err = hadesd(capsys, "evaluate", str(out), "--inits", "2", "--episodes", "2", "--json")
    assert code == ExitCode.OK, err
    settings = json.loads(printed)["settings"]
    assert (settings["policy"]["width"], settings["evaluation"]["steps"]) == (8, 20)
    assert "left" in hadesd(capsys, "pairs", str(out))[1]


def test_our_own_file_in_another_format_keeps_its_story(tmp_path, capsys):
    meta = {
        "environment": "CartPole-v1",
        "method": "hades-f",
        "generation": 12,
        "normalisation": "none",
        "seed": 9,
        "policy": {"width": 8, "depth": 1, "init_seed": 77},
    }
    arrays = {"states": LEAN, "actions": np.eye(2, dtype=np.float32)}
    formats.write(tmp_path / "f.safetensors", arrays, json.dumps(meta))
    code, _, err = hadesd(capsys, "import", str(tmp_path / "f.safetensors"), "-o", str(tmp_path / "f.json"))
    assert code == ExitCode.OK, err
    found = reader.load(tmp_path / "f.json").meta
    assert (found["method"], found["generation"], found["seed"]) == ("hades-f", 12, 9)
    assert found["policy"]["init_seed"] == 77, "HaDES-F needs its own initialisation"


def test_constants_make_the_normalisation_fixed(tmp_path, capsys):
    constants = {"obs_mean": np.zeros(4), "obs_var": np.ones(4)}
    np.savez(tmp_path / "c.npz", observations=LEAN, labels=np.array([0, 1]), **constants)
    code, _, err = hadesd(
        capsys, "import", str(tmp_path / "c.npz"), "--env", "CartPole-v1", "-o", str(tmp_path / "d.npz")
    )
    assert code == ExitCode.OK, err
    found = reader.load(tmp_path / "d.npz")
    assert (found.meta["normalisation"], found.meta["units"]) == ("fixed", "normalised")
    assert found.obs_var.tolist() == [1, 1, 1, 1]
    arguments = ["--env", "CartPole-v1", "--normalisation", "none", "-o", str(tmp_path / "e.npz")]
    assert hadesd(capsys, "import", str(tmp_path / "c.npz"), *arguments)[0] == ExitCode.OK
    assert reader.load(tmp_path / "e.npz").obs_var is None


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["none.npz", "-o", "x.npz"], 3, "there is no file"),
        (["plain.npz", "-o", "x.npz"], 2, "use --env"),
        (["plain.npz", "-o", "x.dat", "--env", "CartPole-v1"], 2, "datasets are .npz"),
        (["plain.npz", "-o", "plain.npz", "--env", "CartPole-v1"], 2, "exists already"),
        (["plain.npz", "-o", "x.npz", "--env", "hopper"], 2, "a state has 4 entries, an observation of hopper has 11"),
        (["plain.npz", "-o", "x.npz", "--env", "CartPole-v1", "--normalisation", "fixed"], 2, "has no obs_mean"),
        (["plain.npz", "-o", "x.npz", "--env", "CartPole-v1", "--set", "policy.widht=8"], 2, "'policy.width'"),
        (["plain.npz", "-o", "none/x.npz", "--env", "CartPole-v1"], 2, "No such file or directory"),
    ],
)
def test_bad_arguments_get_one_line(tmp_path, monkeypatch, capsys, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    np.savez("plain.npz", states=LEAN, actions=np.array([0, 1]))
    got, out, err = hadesd(capsys, "import", *arguments)
    assert (got, out) == (code, "")
    assert says in err.splitlines()[-1]


def fit(entry: environments.EnvironmentInfo = CARTPOLE, **arrays: object) -> importing.Imported:
    content = formats.Content({name: np.asarray(array) for name, array in arrays.items()})
    return importing.fit(Path("f.npz"), content, entry)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"actions": [0, 1]}, r"no array 'states' .*it has 'actions'"),
        ({"states": LEAN}, "no array 'actions'"),
        ({"states": LEAN, "actions": [0]}, "2 states, but 1 actions"),
        ({"states": LEAN, "actions": 0}, "2 states, but 0 actions"),
        ({"states": np.zeros((0, 4)), "actions": []}, "there is no state"),
        ({"states": LEAN, "actions": [0, 2]}, "whole numbers from 0 to 1"),
        ({"states": LEAN, "actions": [0.5, 1]}, "whole numbers from 0 to 1"),
        ({"states": LEAN, "actions": [-1, 1]}, "whole numbers from 0 to 1"),
        ({"states": LEAN, "actions": np.ones((2, 3))}, "an action has 3 entries"),
        ({"states": LEAN, "actions": [[3.0, -1.0], [0.0, 1.0]]}, "softmax"),
        ({"states": LEAN * np.nan, "actions": [0, 1]}, "NaN"),
        ({"states": [["a"] * 4] * 2, "actions": [0, 1]}, "not numbers"),
        ({"states": LEAN, "actions": [0, 1], "obs_mean": np.zeros(4)}, "belong together"),
        ({"states": LEAN, "actions": [0, 1], "obs_mean": np.zeros(4), "obs_var": np.ones(3)}, "3 entries, not 4"),
        ({"states": LEAN, "actions": [0, 1], "obs_mean": np.zeros(4), "obs_var": -np.ones(4)}, "negative"),
    ],
)
def test_what_does_not_fit_the_environment_is_one_line(arrays, says):
    with pytest.raises(UsageError, match=says) as caught:
        fit(**arrays)
    assert "\n" not in str(caught.value)


def test_flattened_grids_get_their_shape_back():
    breakout = environments.find("Breakout-MinAtar")
    found = fit(breakout, states=np.arange(800).reshape(2, 400), actions=[[2], [0]]).arrays
    assert found["states"].shape == (2, 10, 10, 4)
    assert found["states"][1, 0, 0, 1] == 401
    assert found["actions"].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_continuous_actions_beyond_the_bounds_are_pointed_out():
    pendulum = environments.find("Pendulum-v1")
    found = fit(pendulum, states=np.zeros((2, 3)), actions=[1.5, -0.5])
    assert found.arrays["actions"].tolist() == [[1.5], [-0.5]]
    assert "actions reach 1.5" in found.notes[0]
    assert fit(pendulum, states=np.zeros((1, 3)), actions=[[0.5]]).notes == ()


def test_continuous_actions_of_our_own_files_are_not_doubted():
    meta = np.array(json.dumps({"schema": 1, "environment": "Pendulum-v1"}))
    found = fit(environments.find("Pendulum-v1"), states=np.zeros((2, 3)), actions=[1.5, -0.5], meta=meta)
    assert found.notes == ()


def test_images_on_another_scale_are_pointed_out():
    digits = environments.find("digits")
    assert "255" in fit(digits, images=np.full((1, 64), 255), labels=[3]).notes[0]
