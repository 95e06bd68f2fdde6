"""Every file in examples/, and the README's, runs as it stands, with budgets of a few seconds."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hadesd
from tests.helpers.processes.daemon import Home

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
Run = Callable[[Path], str]

SMALL = {
    "distil.py": {"GENERATIONS": "2", "POPULATION": "4"},
    "use_a_dataset.py": {"INITS": "2"},
    "watch.py": {"GENERATIONS": "4", "POPULATION": "4", "OUTPUT": "out.npz"},
    "torch_policy.py": {"EPISODES": "2"},
}

SMALL_RUN = '"evolution.generations": 1, "evolution.population": 4, "evaluation.environments": 1'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a program here, where JAX is loaded already, in a directory of its own; what it printed."""

    def program(file: Path) -> str:
        for name, value in SMALL.get(file.name, {}).items():
            monkeypatch.setenv(name, value)
        runpy.run_path(str(file), run_name="__main__")
        return capsys.readouterr().out

    monkeypatch.setenv("HADES_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return program


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.environment
def test_the_algorithm_in_plain_jax_runs(run: Run) -> None:
    printed = run(EXAMPLES / "distil.py").splitlines()
    assert [line.partition(":")[0] for line in printed[:2]] == ["generation 1", "generation 2"]
    assert printed[-1].startswith("return of 16 fresh policies")


@pytest.mark.environment
def test_a_dataset_is_used_as_in_a_notebook(run: Run) -> None:
    printed = run(EXAMPLES / "use_a_dataset.py")
    assert "in natural units; made by hades-r" in printed
    returns = re.findall(r": ([0-9.]+) ± [0-9.]+ over 2 policies", printed)
    assert len(returns) == 2
    assert float(returns[0]) > 300, "the dataset beside the examples makes good policies"


@pytest.mark.process
def test_a_run_is_watched(tmp_path: Path, home: Home, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home.daemon()
    monkeypatch.setenv("HADES_HOME", str(home.paths.state))
    printed = run(EXAMPLES / "watch.py")
    assert re.findall(r"^generation (\d+):", printed, re.MULTILINE) == ["1", "2", "3", "4"]
    assert "finished after generation 4" in printed
    assert len(hadesd.load(tmp_path / "out.npz")) == 2


@pytest.mark.process
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("gymnasium") is None,
    reason="torch and gymnasium are not installed: pip install '.[examples]'",
)
def test_a_torch_policy_acts_in_gymnasium() -> None:
    """In a process of its own: it is for people without JAX."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "torch_policy.py")],
        env=os.environ | SMALL["torch_policy.py"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"return in gymnasium: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) > 300


@pytest.mark.environment
def test_the_example_of_the_readme_runs(tmp_path: Path, run: Run) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    small, changed = re.subn(r'"evolution\.generations": \d+', SMALL_RUN, blocks[0])
    assert changed == 1
    (tmp_path / "readme.py").write_text(small)
    assert "return " in run(tmp_path / "readme.py")
