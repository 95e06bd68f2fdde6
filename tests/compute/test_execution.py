"""What decides bits besides the settings: a resume is exact only where all of it agrees."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax
import pytest

from hadesd.compute import execution
from hadesd.compute.execution import Execution
from hadesd.worker.checkpoints import require_manifest
from tests.helpers.runs.manifests import write_manifest

HERE = Execution(2, "cpu", "A 6 1, features 0", 4, 8, "native", "native", ())
OTHER: dict[str, Any] = {
    "devices": 1,
    "platform": "gpu",
    "device": "H100",
    "threads": 8,
    "chunk": 4,
    "physics": "vmap",
    "cloning": "xla",
    "options": ("JAX_DISABLE_JIT=1", "--xla_a"),
}


def test_every_field_that_differs_is_told() -> None:
    assert OTHER.keys() == {field.name for field in fields(Execution)}
    assert HERE.differences(HERE) == []
    for name, value in OTHER.items():
        (text,) = replace(HERE, **{name: value}).differences(HERE)
        assert "->" in text, name
    assert replace(HERE, options=OTHER["options"]).differences(HERE) == ["options none -> JAX_DISABLE_JIT=1 --xla_a"]


def test_a_manifest_brings_it_back(tmp_path: Path) -> None:
    for one in (HERE, Execution(**OTHER)):
        write_manifest(tmp_path, **one.describe())
        assert Execution.of_manifest(require_manifest(tmp_path)) == one


@pytest.mark.optimised  # as a user's environment is
def test_it_is_read_off_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    devices = jax.local_devices()
    found = Execution.current(devices, 8, "vmap", "xla")
    assert (found.devices, found.platform, found.threads) == (len(devices), "cpu", 4)
    assert found.options == ("JAX_DEFAULT_MATMUL_PRECISION=highest",)
    assert execution.computation()["options"] == found.options


def test_the_kind_of_a_device_is_what_its_code_is_made_for() -> None:
    cpu = jax.local_devices()[0]
    plain, ours = execution.kind_of(cpu, False, ()), execution.kind_of(cpu, True, ())
    assert ours == f"{plain}, {ours.rpartition(', ')[2]}"
    assert ours.rpartition(", ")[2].startswith("llvm "), "another compiler makes other code"
    old = ("--xla_cpu_max_isa=SSE4_2",)
    assert execution.kind_of(cpu, False, old) == "cpu", "XLA then makes the same code on every CPU"
    assert execution.kind_of(cpu, True, old) == ours, "ours does not"
