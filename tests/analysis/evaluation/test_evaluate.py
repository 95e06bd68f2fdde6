"""Evaluating datasets, and the datasets that others published (read from shared/, where it is there)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from hades_protocol.errors import ExitCode, NotFoundError, UsageError
from hadesd.analysis.datasets import reader
from hadesd.cli.main import main

PUBLISHED = Path(os.environ.get("HADES_PUBLISHED") or Path(__file__).parents[3] / "shared/published")
"""Datasets of others, with the returns that their own code measured. No part of this repository."""

QUICK = ("breakout-f-d16", "breakout-r-d16")
SLOW = {"hopper-r-d4": (32, 8), "hopper-f-d64": (4, 64), "hopper-r-d64": (16, 8), "halfcheetah-r-d64": (12, 8)}
"""Inits and episodes; minutes each on two cores."""

GOOD = {"states": np.zeros((2, 4), np.float32), "actions": np.eye(2, dtype=np.float32)}

FAST = ["--set", "policy.width=16", "--set", "cloning.epochs=60", "--set", "evaluation.steps=500"]


def write(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.environment
@pytest.mark.optimised  # in the environment of a user
def test_two_pairs_written_by_hand_balance_the_pole(tmp_path, capsys):
    """Push towards the side to which the pole leans and turns: a dataset that a person can write."""
    lean = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)
    file = write(tmp_path / "hand.npz", states=lean, actions=np.eye(2, dtype=np.float32))
    arguments = ["evaluate", str(file), "--env", "CartPole-v1", "--inits", "3", "--episodes", "4", "--json", *FAST]
    status = main([*arguments, "--set", "evaluation.normalisation=none", "--set", "evaluation.action=greedy"])
    captured = capsys.readouterr()
    assert status == ExitCode.OK, captured.err
    result = json.loads(captured.out)
    returns = result["returns"]
    assert len(returns["per_init"]) == 3
    assert returns["mean"] == pytest.approx(np.mean(returns["per_init"]))
    assert returns["mean"] > 60, "random policies reach 20"
    computation = result["computation"]
    assert (computation["platform"], computation["devices"], computation["options"]) == ("cpu", 2, [])
    assert computation["threads"] == int(os.environ["PJRT_NPROC"])
    assert computation["versions"]["jax"] == jax.__version__
    assert "published ones are used" in captured.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a readable npz"),
        (b"PK\x03\x04 torn", "not a readable npz"),
        (b"\x80\x04N.", "not a readable npz"),
        ({"states": GOOD["states"]}, "no array 'actions'"),
        ({"states": GOOD["states"][:1], "actions": GOOD["actions"]}, "do not fit"),
        ({"states": GOOD["states"] * np.nan, "actions": GOOD["actions"]}, "NaN"),
        ({"states": np.array([["a"], ["b"]]), "actions": GOOD["actions"]}, "not numbers"),
        ({"states": np.array([[{}], [{}]], object), "actions": GOOD["actions"]}, "not a readable npz"),
        ({**GOOD, "meta": np.array("{")}, "no JSON"),
    ],
)
def test_a_file_that_is_no_dataset_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "file.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, **content)
    with pytest.raises(UsageError, match=says) as caught:
        reader.load(path)
    assert "\n" not in str(caught.value)


def test_every_truncation_of_a_file_is_refused(tmp_path):
    data = write(tmp_path / "whole.npz", **GOOD).read_bytes()
    for size in range(0, len(data) - 1, 7):
        torn = tmp_path / "torn.npz"
        torn.write_bytes(data[:size])
        with pytest.raises(UsageError, match="not a readable npz"):
            reader.load(torn)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="hadesd export"):
        reader.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "use --env"),
        (["--env", "hopper"], 2, "its observations have 4 entries, those of hopper have 11"),
        (["--env", "CartPole-v1", "--inits", "0"], 2, "--inits is 0"),
        (["--env", "CartPole-v1", "--set", "policy.widht=3"], 2, "'policy.width'"),
        (["--env", "CartPole-v1", "--set", "evaluation.normalisation=fixed"], 2, "obs_mean"),
        (["--env", "Acrobot-v1"], 2, "its observations have 4 entries"),
    ],
)
@pytest.mark.environment
def test_bad_arguments_get_one_line(tmp_path, arguments, code, says, capsys):
    file = write(tmp_path / "plain.npz", **GOOD)
    assert main(["evaluate", str(file), *arguments]) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in last
    assert last.startswith("hadesd: ")


def reached(name: str, inits: int, episodes: int) -> tuple[dict, float, float]:
    """Our result for a published dataset, what its authors measured, and two standard errors of both together."""
    file = PUBLISHED / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"{file} is not on this machine (HADES_PUBLISHED names its directory)")
    arguments = ["evaluate", str(file), "--inits", str(inits), "--episodes", str(episodes), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "hadesd.cli.main", *arguments], capture_output=True, text=True, check=True
    )
    result, meta = json.loads(done.stdout)["returns"], json.loads(str(np.load(file)["meta"]))
    return result, meta["expected_return"], 2 * np.hypot(meta["expected_return_sem"], result["sem"])


@pytest.mark.parametrize("name", QUICK)
def test_published_datasets_return_what_their_authors_measured(name):
    result, expected, tolerance = reached(name, inits=6, episodes=8)
    assert result["mean"] == pytest.approx(expected, abs=tolerance)


@pytest.mark.skipif("HADES_PARITY" not in os.environ, reason="takes half an hour: HADES_PARITY=1 runs it")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SLOW)
def test_published_brax_datasets_reach_what_their_authors_measured(name):
    """More is no failure: hopper-r-d4 returns 0.7% more here, 2.2 standard errors."""
    result, expected, tolerance = reached(name, *SLOW[name])
    assert result["mean"] >= expected - tolerance
