"""A laptop without jax: what computes is elsewhere, and the verbs that docs/security.md names do what it says."""

import json
from pathlib import Path

import numpy as np
import pytest

from hades_protocol import commands
from hadesd.analysis.datasets import formats
from hadesd.storage.layout import RunPaths
from tests.helpers.processes.daemon import Home

HIDING = """\
import importlib.machinery

PATHS = importlib.machinery.PathFinder
HIDDEN = {"jax", "jaxlib", "brax", "gymnax", "evosax", "orbax", "flax", "optax", "mujoco", "matplotlib", "sklearn"}
find = PATHS.find_spec

PATHS.find_spec = classmethod(lambda cls, name, *more: None if name.partition(".")[0] in HIDDEN else find(name, *more))
"""
"""A sitecustomize.py: what only the extra `daemon` installs is not found. (A fresh venv takes too long here.)"""

QUICK = ("--env", "CartPole-v1", "--set", "evolution.generations=3", "--set", "policy.width=5", "--preset", "cpu")
META = {
    "schema": 1,
    "environment": "CartPole-v1",
    "generation": 3,
    "discrete": True,
    "normalisation": "none",
    "observation_names": ["x", "vx", "angle", "w"],
    "action_names": ["left", "right"],
}
ARRAYS = {"states": np.arange(8, dtype=np.float32).reshape(2, 4), "actions": np.eye(2, dtype=np.float32)}
TABLE = ["0.000", "1.000", "2.000", "3.000", "left"]


@pytest.fixture
def laptop(home: Home, tmp_path: Path) -> Home:
    """An installation without jax, for which HADES_CONNECT names the daemon in `home`."""
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    laptop = Home(tmp_path / "laptop")
    laptop.environ |= {"PYTHONPATH": str(tmp_path), "HADES_CONNECT": f"ipc://{home.paths.runtime}"}
    return laptop


def test_it_starts_sweeps_and_reads_through_a_daemon(home: Home, laptop: Home) -> None:
    home.fake_daemon()  # seeds from 10 on: the lower ones are behaviours of the fake worker
    started = laptop.hadesd("start", *QUICK, "--seed", "10")
    assert started.returncode == 0, started.stderr
    run = started.stdout.strip()
    sweep = ("sweep", *QUICK, "--set", "dataset.pairs=4,8", "--name", "sizes")
    assert laptop.hadesd(*sweep, "--seed", "10").returncode == 0
    planned = json.loads(laptop.hadesd(*sweep, "--seed", "10..11", "--dry-run", "--json").stdout)
    assert [one["id"] is None for one in planned["runs"]] == [False, False, True, True]
    assert laptop.hadesd("wait", "--group", "sizes").returncode == 0
    shown, here = laptop.hadesd("sweep", "--show", "@", "--json"), home.hadesd("sweep", "--show", "@", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == json.loads(here.stdout)
    assert "there are: sizes" in laptop.hadesd("sweep", "--show", "none").stderr
    assert "has no dataset yet" in laptop.hadesd("pairs", run).stderr
    directory = Path(home.ask(commands.Show, run=run).run.directory)
    formats.write(RunPaths(directory).dataset, ARRAYS, json.dumps(META))
    pairs = laptop.hadesd("pairs", run)
    assert pairs.returncode == 0, pairs.stderr
    assert pairs.stdout.splitlines()[1].split()[1:] == TABLE
    document = json.loads(laptop.hadesd("pairs", run, "--json").stdout)
    assert document["states"] == ARRAYS["states"].tolist()
    assert (document["meta"]["environment"], document["meta"]["run"]) == ("CartPole-v1", run)
    assert not list(laptop.paths.state.glob("runs/*"))


def test_it_reads_files_of_every_format_and_says_what_a_daemon_would_need(laptop: Home, tmp_path: Path) -> None:
    del laptop.environ["HADES_CONNECT"]
    for suffix in formats.WRITERS:
        formats.write(tmp_path / f"two{suffix}", ARRAYS, json.dumps(META))
        pairs = laptop.hadesd("pairs", str(tmp_path / f"two{suffix}"))
        assert pairs.returncode == 0, pairs.stderr
        assert pairs.stdout.splitlines()[1].split()[1:] == TABLE
    for verb in ("start", "sweep"):
        refused = laptop.hadesd(verb, *QUICK)
        assert refused.returncode == 2
        assert "jax" in refused.stderr
        assert "HADES_CONNECT" in refused.stderr
    assert laptop.hadesd("sweep", *QUICK, "--dry-run").returncode == 0
