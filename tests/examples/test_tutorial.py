"""docs/tutorial.md: its commands, taken from the page, run one after the other in a fresh home, on a small budget."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.processes.daemon import BIN, Home

PAGE = (Path(__file__).parents[2] / "docs/tutorial.md").read_text()
BLOCK = re.compile(r"(?:<!-- test: (skip) [^>]*-->\n)?```console\n(.*?)```", re.DOTALL)

SMALL = "--set evolution.population=4 --set evaluation.steps=20 --set cloning.epochs=2 --set policy.width=8"
GENERATIONS = re.compile(r"evolution\.generations=(\d+)")


def tutorial_commands() -> list[str]:
    """The commands of the page that can run here, in their order."""
    blocks = [block for skip, block in BLOCK.findall(PAGE) if not skip]
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def small(command: str) -> str:
    """The same command with a budget of seconds; the screen as text, where there is no terminal."""
    if command.startswith("hadesd start "):
        command = f"{command} {SMALL}"
    if command.startswith("hadesd report "):
        command += " --no-rollout"
    if command == "hades-tui attach":
        command += " --once"
    return GENERATIONS.sub(lambda found: f"evolution.generations={int(found[1]) // 20}", command)


def test_the_page_has_commands_from_a_start_to_a_stop() -> None:
    verbs = [command.split()[1] for command in tutorial_commands()]
    assert verbs[:2] == ["doctor", "start"]
    assert verbs[-1] == "stop"
    assert {"status", "attach", "wait", "pairs", "export", "evaluate", "report"} < set(verbs)


@pytest.mark.process
@pytest.mark.environment
def test_the_commands_of_the_page_run(home: Home, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    script = "\n".join(["set -eux", *map(small, tutorial_commands()), "python program.py"])
    environ = {**home.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "4 pairs; an action: [" in done.stdout
    assert "hopper" in done.stdout
    assert re.search(r"return -?[\d.]+ ± [\d.]+", done.stdout)
    assert {"hopper.npz", "hopper.md", "hopper.html"} <= {path.name for path in tmp_path.iterdir()}
