"""The layers: contracts on the sources, and what a process really has loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPUTING = {"jax", "jaxlib", "numpy", "orbax", "optax", "flax", "evosax", "brax", "gymnax", "mujoco"}


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level and dotted names in sys.modules after running some code in a fresh interpreter."""
    program = f"import sys, json\n{code}\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HADES_HOME": "/tmp/hades-none"},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_import_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def modules_below(folder: str) -> list[str]:
    """Dotted names of all modules in a folder of `ROOT` and in the folders below it."""
    base = ROOT / folder
    top = base.name if base.parent.name in ("protocol", "tui") else folder.replace("/", ".")
    found = (path.relative_to(base).with_suffix("").parts for path in base.rglob("[a-z]*.py"))
    return sorted(".".join((top, *parts)) for parts in found)


@pytest.mark.parametrize(
    ("folder", "modules"),
    [("hadesd/storage", 15), ("hadesd/spec", 7), ("hadesd/logs", 5), ("hadesd/supervisor", 20), ("hadesd/daemon", 9)],
)
def test_what_must_outlive_workers_loads_no_jax(folder: str, modules: int) -> None:
    names = modules_below(folder)
    assert len(names) >= modules, "are there modules that this does not see?"
    assert not loaded(f"import {', '.join(names)}") & (COMPUTING | {"textual"})


@pytest.mark.parametrize("verb", ["status", "pause", "resume", "cancel", "stop", "wait"])
def test_a_verb_that_asks_the_daemon_loads_only_what_it_needs(verb: str) -> None:
    code = f"from hadesd.cli.main import main\nassert main(['{verb}'] + ['@'] * ('{verb}' != 'stop')) == 4"
    modules = loaded(code)
    assert not modules & (COMPUTING | {"textual", "asyncio", "structlog", "hades_protocol.run_spec"})
    verbs = {name for name in modules if name.startswith("hadesd.cli.")}
    modules = ("main", "errors", "parsing", "output", "progress", "documents", "documents.runs")
    modules += ("runs", "runs.transitions", "runs.bulk", "runs.follow", "daemon", "daemon.stop")
    assert verbs <= {f"hadesd.cli.{name}" for name in (*modules, f"runs.{verb}")}, "another verb's module was imported"


def test_starting_a_run_loads_no_jax() -> None:
    code = "from hadesd.cli.main import main\nassert main(['start', '--env', 'no-such-environment']) == 2"
    assert not loaded(code) & (COMPUTING | {"textual", "asyncio"})


def test_comparing_runs_loads_no_jax() -> None:
    names = "hadesd.cli.runs.compare, hadesd.analysis.report.comparison, hadesd.analysis.pictures.comparison"
    assert not loaded(f"import {names}") & (COMPUTING - {"numpy"})


def test_the_screen_loads_no_jax_and_nothing_of_the_daemon() -> None:
    modules = loaded("import hades_tui.app")
    assert not modules & COMPUTING
    assert not {name for name in modules if name.partition(".")[0] == "hadesd"}


def test_the_protocol_loads_neither_side() -> None:
    names = modules_below("protocol/hades_protocol")
    assert len(names) >= 15
    modules = loaded(f"import {', '.join(names)}")
    assert not {name.partition(".")[0] for name in modules} & (COMPUTING | {"textual", "hadesd", "hades_tui"})
