"""Make a golden run directory beside this file: `python -m tests.golden.make` (one minute).

A real daemon and worker compute the run and pause it. tests/integration/test_golden.py goes on with it.
"""

import shutil
import sys
from pathlib import Path

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home, a_home, until

GOLDEN = Path(__file__).parent
GROUP = "golden"
PAUSED_AT, GENERATIONS = 3, 6

ENVIRONMENT = {
    "PJRT_NPROC": "4",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_cpu_max_isa=SSE4_2",
}
"""Of the workers. Every x86-64 CPU then computes the same bits: no instruction of newer ones is used."""

SPEC = {
    "env": "CartPole-v1",
    "physics": "vmap",  # machine code differs between CPUs
    "method": "hades-r",
    "seed": 3,
    "dataset": {"pairs": 2},
    "evolution": {"population": 8, "generations": GENERATIONS, "sigma": 0.3, "shaping": "ranks"},
    "cloning": {"epochs": 4},
    "policy": {"width": 8, "depth": 1, "inits": 2},
    # A generation takes long enough to be paused in.
    "evaluation": {
        **{"environments": 2, "steps": 20_000, "normalisation": "none"},
        **{"mean_every": 2, "mean_inits": 2, "mean_environments": 2},
    },
    "checkpoints": {"keep_newest": 2, "keep_every": 0},
    "resources": {"devices": 1},
}


def make(home: Home) -> Path:
    """Compute the run in a home and pause it after PAUSED_AT generations; its directory there."""
    home.environ.update(ENVIRONMENT)
    daemon = home.daemon()
    run = home.ask(commands.Start, spec=SPEC, group=GROUP).id
    until(lambda: home.show(run).generation == PAUSED_AT - 1, "it has committed generations")
    home.ask(commands.Pause, run=run)
    paused = home.reaches(run, RunState.PAUSED)
    if paused.generation != PAUSED_AT:
        raise SystemExit(f"{run} was paused after generation {paused.generation}, not {PAUSED_AT}: make it again")
    daemon.terminate()
    daemon.wait(60)
    return home.paths.runs / run


def main() -> None:
    """Make the directory, in the place of the one that is there."""
    with a_home() as home:
        directory = make(home)
        for old in GOLDEN.glob("*/run.json"):
            shutil.rmtree(old.parent)
        shutil.copytree(directory, GOLDEN / directory.name)
    sys.stdout.write(f"{GOLDEN / directory.name}\n")


if __name__ == "__main__":
    main()
