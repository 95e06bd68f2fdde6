"""`make bench`: the figures of docs/results.md that are measured in minutes, one benchmark after the other.

`python -m benchmarks [--against COMMIT] [--only generation,starts] [--rounds 3]`

With another commit, generations and starts of both are measured in turn. Every benchmark can be called alone, with
more choices: `python -m benchmarks.generation --help`. Not here, for they take longer or need more: `devices`,
`fuzz_storm`, `long_life`, `screen`, `against_reference` (reference.md), `gpu_check.sh` (docs/gpu.md), `desk` (what two
cores distil) and `full_scale` (the paper's own setting).
"""

import argparse
import sys
import time
from collections.abc import Callable

from benchmarks import generation, overhead, physics_gate, start_up, starts

MINUTES = {"start_up": 0.1, "physics_gate": 8.0, "generation": 7.0, "starts": 5.0, "overhead": 4.0}
"""On two cores, with three rounds and one side."""

TWO_SIDED = ("generation", "starts")


def main() -> int:
    """Run what was asked for; the first code that is not 0."""
    options = _parser().parse_args()
    chosen = [name for name in MINUTES if name in options.only.split(",")]
    against = ["--against", options.against] if options.against else []
    rounds = ["--rounds", str(options.rounds)]
    calls: dict[str, Callable[[], int]] = {
        "start_up": start_up.main,
        "physics_gate": lambda: physics_gate.main([]),
        "generation": lambda: generation.main([*against, *rounds]),
        "starts": lambda: starts.main([*against, *rounds]),
        "overhead": lambda: overhead.main(rounds),
    }
    minutes = sum(MINUTES[name] * (2 if against and name in TWO_SIDED else 1) for name in chosen)
    print(f"{', '.join(chosen)}: about {max(1, round(minutes))} minutes on two quiet cores", flush=True)
    code = 0
    for name in chosen:
        began = time.monotonic()
        code = calls[name]() or code
        print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="COMMIT", help="measure this commit in turn with this tree")
    parser.add_argument("--only", default=",".join(MINUTES), help=f"with commas, of {', '.join(MINUTES)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (3)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
