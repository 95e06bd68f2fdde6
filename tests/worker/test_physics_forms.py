"""Real workers with machine code, without it, and with what a checkpoint says of either."""

import json
from pathlib import Path
from typing import Any

import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.run_spec import RunSpec, spec_to_dict
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny

pytestmark = pytest.mark.optimised

GENERATIONS = 4


def spec(generations: int = GENERATIONS, **changes: Any) -> RunSpec:
    return tiny(evolution={"generations": generations}, **changes)


@pytest.fixture(scope="module")
def without_llvmlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PYTHONPATH with which a process finds no llvmlite."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['llvmlite'] = None\n")
    return str(folder)


def manifest(directory: Path) -> dict[str, Any]:
    newest = max((directory / "checkpoints").iterdir(), key=lambda step: int(step.name) if step.name.isdigit() else -1)
    found: dict[str, Any] = json.loads((newest / "hades.json").read_text())
    return found


def resumes(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "resumes.jsonl").read_text().splitlines()]


def prolong(directory: Path, spec: RunSpec) -> None:
    """More generations, as a resume with a changed run.json has them."""
    run = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps(run | {"spec": spec_to_dict(spec)}))


def log_of(directory: Path) -> str:
    return (directory / "worker.log").read_text()


def test_a_checkpoint_says_how_it_was_computed(tmp_path: Path) -> None:
    directory = wp.make_run(tmp_path / "run", spec())
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    assert {key: manifest(directory)[key] for key in ("physics", "cloning")} == {
        "physics": "native",
        "cloning": "native",
    }


def test_without_llvmlite_a_run_goes_on_by_vmap_and_says_so(tmp_path: Path, without_llvmlite: str) -> None:
    directory = wp.make_run(tmp_path / "run", spec(2))
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    prolong(directory, spec())
    assert wp.finish(directory, PYTHONPATH=without_llvmlite) == ExitCode.OK, log_of(directory)
    assert manifest(directory)["physics"] == "vmap"
    assert "pip install llvmlite" in log_of(directory)
    joined = resumes(directory)[-1]
    assert joined["bit_exact"] is False
    assert "physics native -> vmap" in joined["text"]


def test_a_run_that_began_without_machine_code_ends_as_it_began(tmp_path: Path, without_llvmlite: str) -> None:
    twin = wp.make_run(tmp_path / "twin", spec())
    assert wp.finish(twin, PYTHONPATH=without_llvmlite) == ExitCode.OK, log_of(twin)
    directory = wp.make_run(tmp_path / "run", spec(2))
    assert wp.finish(directory, PYTHONPATH=without_llvmlite) == ExitCode.OK, log_of(directory)
    prolong(directory, spec())
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    assert resumes(directory)[-1]["bit_exact"] is True
    assert (directory / "metrics.jsonl").read_bytes() == (twin / "metrics.jsonl").read_bytes()


def test_a_candidate_s_result_depends_neither_on_the_chunk_nor_on_the_devices(tmp_path: Path) -> None:
    whole = wp.make_run(tmp_path / "whole", spec())
    assert wp.finish(whole) == ExitCode.OK, log_of(whole)
    for name, chunk, devices in (("chunk", 3, 1), ("devices", 2, 2)):
        other = wp.make_run(tmp_path / name, spec(resources={"chunk": chunk}))
        flags = f"--xla_force_host_platform_device_count={devices}"
        assert wp.finish(other, XLA_FLAGS=flags) == ExitCode.OK, log_of(other)
        assert (other / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes(), name


def test_physics_asked_for_by_name_that_cannot_be_had_is_one_line(tmp_path: Path, without_llvmlite: str) -> None:
    directory = wp.make_run(tmp_path / "run", spec(physics="native"))
    assert wp.finish(directory, PYTHONPATH=without_llvmlite) == ExitCode.RUN_FAILED
    assert "physics=native: llvmlite is not installed" in log_of(directory)
    assert "Traceback" not in log_of(directory)
