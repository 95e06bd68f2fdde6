"""The population shared by one, two and four devices: real workers, virtual CPU devices.

What a device computes does not depend on the others, but XLA may round a candidate differently in a batch of another
size, and sum a mean over them in another order. They agree within ROUNDING; the second run here does so to the bit.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.run_spec import RunSpec
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny

pytestmark = pytest.mark.optimised

ROUNDING = 1e-4
"""Relative, of fitness and pairs after three generations; docs/results.md says what was measured."""


def computed(directory: Path, spec: RunSpec, devices: int) -> tuple[list[dict[str, Any]], dict[str, np.ndarray], int]:
    """Metrics, pairs and chunk of that run on so many devices."""
    run = wp.make_run(directory / f"on-{devices}", spec)
    flags = f"--xla_force_host_platform_device_count={devices}"
    assert wp.finish(run, timeout=240, XLA_FLAGS=flags) == ExitCode.OK, (run / "worker.log").read_text()[-2000:]
    manifest = json.loads((run / f"checkpoints/{spec.evolution.generations}/hades.json").read_text())
    assert manifest["devices"] == devices
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    with np.load(run / "dataset.npz") as dataset:
        return lines, {name: dataset[name] for name in ("states", "actions")}, manifest["chunk"]


@pytest.mark.timeout(900)
def test_two_and_four_devices_agree_with_one(tmp_path: Path) -> None:
    spec = tiny(evolution={"generations": 3})
    lines, pairs, chunk = computed(tmp_path, spec, 1)
    assert np.abs(pairs["states"]).max() > 0.01, "the pairs have moved"
    for devices in (2, 4):
        others, other_pairs, other_chunk = computed(tmp_path, spec, devices)
        assert other_chunk == chunk / devices, "the population is shared"
        for line, other in zip(lines, others, strict=True):
            assert other == pytest.approx(line, rel=ROUNDING)
        for name, values in pairs.items():
            np.testing.assert_allclose(other_pairs[name], values, rtol=ROUNDING, atol=1e-6)


@pytest.mark.timeout(600)
def test_with_the_same_chunk_they_agree_to_the_bit(tmp_path: Path) -> None:
    spec = tiny(env="Pendulum-v1", evolution={"generations": 3}, resources={"chunk": 2})
    lines, pairs, _ = computed(tmp_path, spec, 1)
    others, other_pairs, _ = computed(tmp_path, spec, 4)
    assert others == lines
    assert all(np.array_equal(other_pairs[name], values) for name, values in pairs.items())
