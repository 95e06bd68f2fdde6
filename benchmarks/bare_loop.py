"""The generation step in a bare loop: no daemon, no checkpoint, no report.

`python -m benchmarks.bare_loop SPEC.json GENERATIONS`
"""

import json
import statistics
import sys
import time

import jax
from jax.sharding import NamedSharding, PartitionSpec

from hades_protocol.run_spec import build_spec
from hadesd.distill.generation import compile_step, init_state
from hadesd.distill.sharding import make_mesh
from hadesd.worker.build import build, initial_chunk
from hadesd.worker.platform import prepare

WARM_UP = 5


def main(spec_file: str, generations: int) -> None:
    """Print the median seconds of a generation."""
    prepare()
    with open(spec_file) as file:
        spec = build_spec(json.load(file))
    problem, mean = build(spec)
    mesh = make_mesh(spec.resources.devices)
    step = compile_step(problem, mesh, initial_chunk(spec, mesh.devices.size, mesh.devices.flat[0].platform))
    state = jax.device_put(init_state(problem, mean), NamedSharding(mesh, PartitionSpec()))
    seconds = []
    for _ in range(WARM_UP + generations):
        started = time.perf_counter()
        state, metrics = step(state)
        jax.block_until_ready((state, metrics))
        seconds.append(time.perf_counter() - started)
    print(statistics.median(seconds[WARM_UP:]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
