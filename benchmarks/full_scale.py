"""The paper's own setting, as long as there is time for: what somebody with a GPU runs first.

    python -m benchmarks.full_scale hopper                                     # HaDES-R, an hour
    python -m benchmarks.full_scale humanoid --method hades-f --seconds 36000 --seed 1

It distils with the preset `published` (2048 candidates, width 512, 64 pairs, 2000 generations), stops after the budget
or its last generation, evaluates the mean dataset, and prints the row that `python -m benchmarks.desk` would: return,
environment steps, and how many environment steps the published run took to the same return. It can be interrupted: the
same command goes on. The row is kept in benchmarks/desk/results.jsonl.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.desk import distil, table
from benchmarks.desk.published import curves
from benchmarks.desk.results import FILE, Row, add
from hadesd.spec import environments


def main(arguments: list[str] | None = None) -> int:
    """Distil, evaluate, print and keep."""
    options = _parser().parse_args(arguments)
    env = environments.find(options.env).name
    row = Row(env, options.method, options.seed, "published", tuple(options.set))
    directory = options.directory or Path(tempfile.gettempdir()) / f"hades-full-{env}-{row.method}-{row.seed}"
    directory.mkdir(parents=True, exist_ok=True)
    measured = distil.measure(row, distil.Budget(options.seconds, cores=None), directory)
    add(measured, options.results)
    curve = curves().get(env, {}).get(row.method)
    print(
        f"{env}, {table.NAMES[row.method]}, seed {row.seed}, {len(os.sched_getaffinity(0))} cores, {measured.machine}"
    )
    print(f"return            {table.number(measured.value)} ± {table.number(measured.sem)}")
    print(f"generations       {measured.generations}, {measured.wall_seconds:.0f} s on the clock")
    print(f"environment steps {measured.env_steps:.2e}")
    if curve is not None:
        share = table.ratio(measured.value, measured.env_steps, curve)
        print(
            f"published         {table.number(curve.final)} after {curve.env_steps[-1]:.1e} steps; to ours: {share} x"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env", help="environment, e.g. hopper")
    parser.add_argument("--method", default="hades-r", choices=list(table.NAMES), help="(hades-r)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="budget on the clock (3600)")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting, over the preset")
    parser.add_argument("--directory", type=Path, help="where the run lies (hades-full-… in the temporary directory)")
    parser.add_argument("--results", type=Path, default=FILE, help="where the row is kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
