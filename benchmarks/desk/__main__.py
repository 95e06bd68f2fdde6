"""What two cores distil: a table of every environment, method and seed, and the plot of it.

    python -m benchmarks.desk --seconds 300 --seeds 0..2                        # measures; can be interrupted
    python -m benchmarks.desk --seconds 60 --envs hopper,ant --methods hades-r  # a part of it
    python -m benchmarks.desk --table                                           # writes docs/desk.md and docs/desk.png

A row is a run of its own (`hadesd run --env ENV --method METHOD --preset cpu --seed SEED`), stopped after the CPU time
that all cores give in so many seconds. Its mean dataset is then exported and evaluated: 16 fresh policies (HaDES-F: its
own initialisation), 8 episodes each, seed 1. With --heats N, N runs of other seeds begin in its place, a minute each,
and the one whose population does best has the rest of the budget. With --first es:600, direct neuroevolution has the
first 600 seconds, and then a fork of it with METHOD and --then the rest. Rows are kept in
benchmarks/desk/results.jsonl; those that are there are not measured again.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.desk import distil, table
from benchmarks.desk.results import ENVIRONMENTS, FILE, METHODS, Measured, Row
from hadesd.spec.sweep import parse_values


def main() -> int:
    """Measure what is missing, or write the table."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the run ends, too
    if options.table:
        print(table.write(options.results))
        return 0
    place = options.directory or Path(tempfile.gettempdir()) / "hades-desk"
    distil.measure_missing(_rows(options), options.seconds, place, options.results, _tell)
    return 0


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    """Seed by seed, so that an interrupted table has every environment."""
    for seed in parse_values("seed", options.seeds):
        for env in options.envs.split(","):
            for method in options.methods.split(","):
                row = Row(env, method, seed, options.preset, tuple(options.set), options.heats)
                if options.first is not None:
                    first, seconds = options.first.split(":")
                    row = replace(row, first=first, first_seconds=float(seconds), then=tuple(options.then))
                yield row


def _tell(one: Measured) -> None:
    row, value = one.row, f"{one.value:.4g} ± {one.sem:.2g}"
    steps, clock = f"{one.env_steps:.3g} steps", f"{one.wall_seconds:.0f} s on the clock"
    print(f"{row.env:26s} {row.method:8s} seed {row.seed}: {value}, {steps}   ({clock})", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="budget of a row (300)")
    parser.add_argument("--envs", default=",".join(ENVIRONMENTS), help="with commas (all)")
    parser.add_argument("--methods", default=",".join(METHODS), help="with commas (all)")
    parser.add_argument("--seeds", default="0..2", help="A..B, or with commas (0..2)")
    parser.add_argument("--heats", type=int, default=1, metavar="N", help="runs that begin, for a minute each (1)")
    parser.add_argument(
        "--first", metavar="METHOD:S", help="a run that comes first, for so many seconds; then its fork"
    )
    parser.add_argument("--then", metavar="K=V", action="append", default=[], help="a setting of that fork")
    parser.add_argument("--preset", default="cpu", help="cpu (default) or published")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting, over the preset")
    parser.add_argument("--directory", type=Path, help="where the runs lie (hades-desk in the temporary directory)")
    parser.add_argument("--results", type=Path, default=FILE, help="where rows are kept")
    parser.add_argument("--table", action="store_true", help="write docs/desk.md and its plot from what is measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
