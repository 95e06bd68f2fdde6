"""hadesd reference, as a person uses it: a real training, levels by hand, bad arguments, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.main import main
from hadesd.storage import records
from tests.helpers.runs.specs import tiny

SMALL = [
    *("--set", "ppo.policy_width=16", "--set", "ppo.value_width=32", "--set", "ppo.unroll=16"),
    *("--set", "ppo.environments=32", "--set", "evaluation.steps=500", "--preset", "cpu"),
]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with one run of CartPole-v1, and one of digits, older; the directory of the first."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    images = tiny(env="digits", dataset={"pairs": 10})
    records.create(paths.runs, images, time.time() - 100)
    return paths.runs / records.create(paths.runs, tiny(), time.time()).id


def hadesd(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(["reference", *arguments])
    except SystemExit as error:  # argparse
        code = int(error.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip()


def test_ppo_learns_to_balance_the_pole_and_the_run_keeps_the_line(home, capsys):
    assert hadesd(capsys, "@", "--value", "500", "--name", "perfect")[0] == ExitCode.OK
    code, out, err = hadesd(
        capsys, "@", "--steps", "3e4", "--seed", "4", "--episodes", "8", *SMALL, "-o", "ppo.json", "--json"
    )
    assert code == ExitCode.OK, err
    document = json.loads(out)
    assert json.loads(Path("ppo.json").read_text()) == document
    reference = document["reference"]
    assert reference["name"] == "PPO"
    assert reference["value"] > 60, "random actions reach 20: PPO has learnt nothing"
    assert reference["sem"] is not None
    assert "brax" in reference["source"]
    assert "1 seed, ± standard error over groups of environments" in reference["source"]
    assert "but for environments, policy_width, unroll, value_width" in reference["source"]
    (seed,) = document["seeds"]
    steps = [point[0] for point in seed["curve"]]
    assert (seed["seed"], steps[0], steps[-1]) == (4, 0, reference["env_steps"])
    assert steps == sorted(set(steps))
    assert 30_000 <= steps[-1] <= 33_000
    assert seed["curve"][0][1] < 60, "the curve begins before training"
    assert document["settings"]["evaluation"]["environments"] == 2, "measured as the run measures"
    kept = json.loads((home / "references.json").read_text())
    assert [entry["name"] for entry in kept] == ["perfect", "PPO"]
    assert kept[1] == reference
    assert "steps   return" in err


def test_levels_by_hand_are_listed_replaced_and_removed(home, capsys):
    about = ["--name", "PPO, published", "--env-steps", "5e7", "--source", "fig 3"]
    code, _, err = hadesd(capsys, "@", "--value", "1820", "--sem", "12", *about)
    assert (code, "is a reference of run" in err) == (ExitCode.OK, True)
    assert hadesd(capsys, "@", "--value", "-3.5")[0] == ExitCode.OK
    code, out, _ = hadesd(capsys, "@", "--list")
    assert out.splitlines() == [
        "PPO, published  1820 ± 12  after 50,000,000 environment steps  (fig 3)",
        "PPO  -3.5  (entered by hand)",
    ]
    assert hadesd(capsys, "@", "--value", "1800", "--name", "PPO, published")[0] == ExitCode.OK
    document = json.loads(hadesd(capsys, "@", "--list", "--json")[1])
    assert (document["id"], [r["value"] for r in document["references"]]) == (home.name, [1800.0, -3.5])
    assert hadesd(capsys, "@", "--remove", "PPO, published")[0] == ExitCode.OK
    assert hadesd(capsys, "@", "--remove", "PPO")[0] == ExitCode.OK
    code, out, err = hadesd(capsys, "@", "--list")
    assert (code, out) == (ExitCode.OK, "")
    assert "no references yet" in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "name a run or an environment"),
        (["@", "--env", "hopper"], 2, "name a run or an environment"),
        (["--env", "hoper"], 2, "did you mean 'hopper'"),
        (["nobody"], 3, "there is no run 'nobody'"),
        (["digits", "--preset", "cpu"], 2, "digits is a set of images: there is no return"),
        (["--env", "mnist", "--preset", "cpu"], 2, "mnist is a set of images"),
        (["--env", "CartPole-v1", "--value", "3"], 2, "--value needs a run"),
        (["--env", "CartPole-v1", "--list"], 2, "--list needs a run"),
        (["--env", "CartPole-v1", "--value", "0"], 2, "--value needs a run"),
        (["@", "--value", "0", "--list"], 2, "do not go together"),
        (["@", "--value", "nan"], 2, "a finite number"),
        (["@", "--value", "1", "--sem", "-1"], 2, "0 or more"),
        (["@", "--value", "1", "--steps", "1e6"], 2, "--value trains nothing"),
        (["@", "--value", "1", "--name", ""], 2, "--name takes"),
        (["@", "--list", "--remove", "PPO"], 2, "do not go together"),
        (["@", "--sem", "1"], 2, "goes with --value"),
        (["@", "--remove", "SAC"], 3, "has no reference 'SAC'; it has: none"),
        (["@", "--steps", "1.5"], 2, "not a whole number"),
        (["@", "--seed", "1", "--seeds", "2"], 2, "not allowed with"),
        (["@", "--seeds", "0"], 2, "--seeds is 0"),
        (["@", "--set", "ppo.lr=1"], 2, "unknown setting 'ppo.lr'"),
        (["@", "--set", "policy.width=8"], 2, "PPO knows ppo.*"),
        (["@", "--set", "evaluation.step=8"], 2, "did you mean 'evaluation.steps'"),
        (["@", "--preset", "fast"], 2, "unknown preset 'fast'"),
        (["@", "-o", "none/ppo.json"], 2, "cannot be written"),
        (["@", "--set", "backend=mjx"], 2, "backend is a setting of Brax environments"),
    ],
)
def test_bad_arguments_get_one_line_and_nothing_is_stored(home, capsys, arguments, code, says):
    got, out, err = hadesd(capsys, *arguments)
    assert (got, out) == (code, ""), err
    assert says in err
    assert len(err.splitlines()) == 1
    assert not (home / "references.json").exists()


def test_ctrl_c_inside_a_compilation_ends_at_once_and_stores_nothing(home, capsys):
    assert hadesd(capsys, "@", "--value", "1", "--name", "mine")[0] == ExitCode.OK
    before = (home / "references.json").read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "hadesd.cli.main", "reference", "@", "--steps", "1e9", *SMALL],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(" 0 steps " in line for line in lines), "no measurement before training"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == ExitCode.INTERRUPTED
        rest = process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert "interrupted: nothing was stored" in rest
    assert "Traceback" not in rest
    assert (home / "references.json").read_bytes() == before
