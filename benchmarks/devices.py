"""How far the same run agrees on one, two and four devices (virtual ones of the CPU): real workers, a few generations.

`python -m benchmarks.devices`
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from hades_protocol.run_spec import RunSpec
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny

GENERATIONS = 10
CLASSIC = {"policy": {"width": 32, "depth": 2, "inits": 2}, "evaluation": {"environments": 2, "steps": 100}}
BRAX = {"policy": {"width": 32, "depth": 2, "inits": 2}, "evaluation": {"environments": 1, "steps": 50}}
SECTIONS = {"CartPole-v1": CLASSIC, "Pendulum-v1": CLASSIC, "inverted_pendulum": BRAX}

Result = tuple[np.ndarray, np.ndarray]
"""Mean and best fitness of every generation, and the pairs."""


def main() -> int:
    """Print the largest relative differences from one device."""
    print(
        f"population 16, {GENERATIONS} generations; largest difference from one device, relative to the largest value"
    )
    with tempfile.TemporaryDirectory(prefix="hades-bench-") as directory:
        for env, sections in SECTIONS.items():
            for chunk in (0, 2):
                evolution = {"population": 16, "generations": GENERATIONS}
                spec = tiny(env=env, evolution=evolution, resources={"chunk": chunk}, **sections)
                here = Path(directory) / f"{env}-{chunk}"
                alone = _computed(here, spec, 1)
                for devices in (2, 4):
                    fitness, pairs = (
                        float(np.abs(other - own).max() / np.abs(own).max())
                        for own, other in zip(alone, _computed(here, spec, devices), strict=True)
                    )
                    words = "chunk 2 on each" if chunk else "a chunk of its own"
                    print(f"{env}, {devices} devices, {words}: fitness {fitness:.1e}, pairs {pairs:.1e}", flush=True)
    return 0


def _computed(directory: Path, spec: RunSpec, devices: int) -> Result:
    run = wp.make_run(directory / str(devices), spec)
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    status = wp.finish(run, timeout=600, PJRT_NPROC="4", **flags)
    if status:
        raise SystemExit(f"{run} ended with {status}:\n{(run / 'worker.log').read_text()[-2000:]}")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    fitness = np.array([[line["fitness_mean"], line["fitness_best"]] for line in lines])
    with np.load(run / "dataset.npz") as dataset:
        return fitness, dataset["states"]


if __name__ == "__main__":
    sys.exit(main())
