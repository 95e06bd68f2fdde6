"""Seconds a generation of the published code on its old stack, beside ours, in turn on this machine.

`python -m benchmarks.against_reference DIR [--python PY] [--rounds 4] [--generations 10] [--env hopper]`

DIR is a checkout of FLAIROx/behaviour-distillation, PY the Python of an environment with the packages that it was
written for (reference.md says how to make both). In each round the published code runs once, ours computes for about
as long, and the two swap places from round to round; only one computes at a time, at the same priority. Of its output
the "Lap time" of each generation is read; the first holds the compilation and is dropped. Both distil four pairs with
HaDES-F: population 64, one rollout of 1024 steps, 100 epochs, width 64, fixed normalisation.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import BRAX, Case
from benchmarks.children import HERE, Side, SideError, a_home
from benchmarks.record import commit, record
from hades_protocol.settings import parse_assignment

LAP = re.compile(r"Lap time: ([0-9.]+)s")
FITNESS = re.compile(r"Fitness: (-?[0-9.]+|nan)")
NICENESS = 10
"""As hades' workers have."""

PROGRAM = "distill_brax.py"
PROGRAM_SECONDS = 1800.0
START_SECONDS = 900.0

STUB = """\
def init(*args, **kwargs): return None
def log(*args, **kwargs): return None
def define_metric(*args, **kwargs): return None
summary = {}
"""
"""Stands in for the package wandb, which would send what it is told to a server."""

ASK_VERSIONS = """\
import json, sys
from importlib.metadata import version
names = ("jax", "jaxlib", "brax", "flax", "evosax", "numpy")
print(json.dumps({"python": sys.version.split()[0]} | {name: version(name) for name in names}))
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and record."""
    options = _parser().parse_args(arguments)
    program = options.directory / "policy_distillation" / PROGRAM
    if not program.is_file():
        raise SystemExit(f"{options.directory} is no checkout of the published code: it has no {program.name}")
    assignments = [parse_assignment(text) for text in options.set]
    with a_home("reference") as home, Side("ours", HERE, Case(options.env, "small").spec, home, assignments) as ours:
        (home / "wandb.py").write_text(STUB)
        started = ours.ready(START_SECONDS)
        ours.ask("round", generations=2)
        rounds = [_round(number, options, home, ours) for number in range(options.rounds)]
    ratios = [one["reference"] / one["ours"] for one in rounds]
    print(f"{options.env}: the published code takes {statistics.median(ratios):.2f} times as long (median)")
    record(
        "against_reference",
        {
            "env": options.env,
            "rounds": rounds,
            "ratios": ratios,
            "ratio": statistics.median(ratios),
            "start": started,
            "reference": {"commit": commit(options.directory), "versions": _versions(options.python)},
        },
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIR", type=Path, help="checkout of the published code")
    parser.add_argument("--python", default=sys.executable, help="of the old stack's environment")
    parser.add_argument("--rounds", type=int, default=4, help="rounds (4)")
    parser.add_argument("--generations", type=int, default=10, help="of the published code in a round (10)")
    parser.add_argument("--env", choices=BRAX, default="hopper", help="environment (hopper)")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting of ours")
    return parser


def _round(number: int, options: argparse.Namespace, home: Path, ours: Side) -> dict[str, Any]:
    """One run of theirs and a stretch of ours; seconds a generation of both."""
    found: dict[str, Any] = {}
    for who in ("reference", "ours") if number % 2 == 0 else ("ours", "reference"):
        if who == "reference":
            laps, fitness = _reference(options, home)
            found |= {"reference": statistics.median(laps), "laps": laps, "reference_fitness": fitness}
        else:
            answer = ours.ask("round", seconds=10.0)
            found |= {"ours": answer["seconds"], "ours_generations": answer["generations"]}
    load = os.getloadavg()[0]
    print(
        f"round {number + 1}: published {found['reference']:.2f} s, ours {found['ours']:.3f} s a generation: "
        f"{found['reference'] / found['ours']:.2f} times (load {load:.1f})",
        flush=True,
    )
    return found | {"load_average": load}


def _reference(options: argparse.Namespace, home: Path) -> tuple[list[float], list[float]]:
    """Run the published code once: seconds of its generations but the first, and the fitness of all.

    Raises:
        SideError: it failed, or said nothing that can be read.
    """
    root = options.directory.absolute()
    results = home / f"results-{time.monotonic_ns()}"
    settings = {"env": options.env, "dataset_size": 4, "popsize": 64, "generations": options.generations}
    settings |= {"rollouts": 1, "epochs": 100, "eval_envs": 1, "width": 64, "folder": results}
    command = ["nice", "-n", str(NICENESS), options.python, PROGRAM, "--overfit"]
    command += [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    path = os.pathsep.join(map(str, (root, home)))
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu", "WANDB_MODE": "disabled"}
    try:
        done = subprocess.run(
            command,
            cwd=root / "policy_distillation",
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise SideError(f"the published code did not end within {PROGRAM_SECONDS:.0f} s") from None
    laps = [float(text) for text in LAP.findall(done.stdout)]
    if done.returncode or len(laps) < 2:
        raise SideError(f"the published code ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return laps[1:], [float(text) for text in FITNESS.findall(done.stdout)]


def _versions(python: str) -> Any:
    done = subprocess.run([python, "-c", ASK_VERSIONS], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
