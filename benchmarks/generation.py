"""Seconds a generation of seven environments in three sizes, alone or beside another commit or other settings.

`python -m benchmarks.generation [--cases hopper:small,CartPole-v1] [--rounds 5] [--set k=v]
    [--against COMMIT] [--against-set k=v] [--returns]`

Every side is a process of its own, which builds and computes a generation as a run's worker does (same environment,
priority, compiled programs). With two sides both are kept alive and asked in turn, in each round the other one first,
one computing at a time: what counts is the ratio of each round, and its median. "Ready" is from its start until two
generations are done, with empty caches (one for each side; `--home DIR` keeps them for the next time).

`--returns` also compares what is computed: the population's mean fitness over generations and seeds. Both sides
evaluate the same populations with the same random numbers, in every generation from the state of the first side, so
that each difference stands for itself; they agree where the mean difference is within two standard errors.
"""

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import cases
from benchmarks.children import HERE, Side, SideError, Tree, a_home, tree_at
from benchmarks.record import commit, record
from hades_protocol.settings import parse_assignment

START_SECONDS = 900.0
"""A first compilation takes no longer, on any machine."""

APART = 1_000_000
"""Generations between the seeds of --returns: the random numbers of a generation follow from its number."""

Assignments = Sequence[tuple[str, Any]]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and record."""
    options = _parser().parse_args(arguments)
    chosen = cases.parse(options.cases.split(","))
    with contextlib.ExitStack() as stack:
        home = options.home or stack.enter_context(a_home("generation"))
        sides = [("here", HERE, _assignments(options.set))]
        if options.against or options.against_set:
            other = stack.enter_context(tree_at(options.against)) if options.against else HERE
            sides.append(("other", other, _assignments([*options.set, *options.against_set])))
        print(_heading(sides, options), flush=True)
        described = [
            {"name": name, "commit": commit(tree.root), "set": dict(assignments)} for name, tree, assignments in sides
        ]
        figures = {case.name: _measured(case, sides, home, options) for case in chosen}
    record("generation", {"sides": described, "cases": figures})
    return 1 if any("error" in found for found in figures.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(cases.DEFAULT), help="ENV:SIZE, ENV or all, with commas")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each side in a round, two generations at least")
    parser.add_argument("--against", metavar="COMMIT", help="measure this commit in turn with this tree")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting for every side")
    parser.add_argument("--against-set", metavar="K=V", action="append", default=[], help="for the other side alone")
    parser.add_argument("--returns", action="store_true", help="compare the population's mean fitness too")
    parser.add_argument("--generations", type=int, default=5, help="--returns: generations of each seed (5)")
    parser.add_argument("--seeds", type=int, default=4, help="--returns: seeds (4)")
    parser.add_argument("--home", type=Path, help="keep the compilation caches there")
    return parser


def _assignments(texts: list[str]) -> list[tuple[str, Any]]:
    return [parse_assignment(text) for text in texts]


def _heading(sides: Sequence[tuple[str, Tree, Assignments]], options: argparse.Namespace) -> str:
    words = [
        " ".join([tree.name, *(f"{name}={value}" for name, value in assignments)]) for _, tree, assignments in sides
    ]
    return f"seconds a generation, median of {options.rounds} rounds: {' / '.join(words)}"


def _measured(
    case: cases.Case, sides: Sequence[tuple[str, Tree, Assignments]], home: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One case; a side that fails ends it alone."""
    try:
        with _started(case, sides, home) as (running, started):
            found: dict[str, Any] = {"start": started} | rounds(running, options.rounds, options.seconds)
            if options.returns and len(running) == 2:
                found["returns"] = returns(running, home / "state.npz", options.generations, options.seeds)
            found["memory"] = {side.name: side.ask("memory") for side in running}
    except SideError as error:
        print(f"{case.name}: {error}", flush=True)
        return {"error": str(error)}
    print(_line(case.name, found), flush=True)
    return found


@contextlib.contextmanager
def _started(
    case: cases.Case, sides: Sequence[tuple[str, Tree, Assignments]], home: Path
) -> Iterator[tuple[list[Side], dict[str, Any]]]:
    """The sides, each started and compiled while the others wait."""
    with contextlib.ExitStack() as stack:
        running, started = [], {}
        for name, tree, assignments in sides:
            side = stack.enter_context(Side(name, tree, case.spec, home / name, assignments))
            started[name] = side.ready(START_SECONDS)
            running.append(side)
        yield running, started


def rounds(sides: Sequence[Side], count: int, seconds: float) -> dict[str, Any]:
    """Ask the sides in turn; the seconds a generation of each round, their medians, and the ratios of two sides."""
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in sides:
        side.ask("round", generations=2)  # caches and clocks are warm afterwards
    for number in range(count):
        for side in sides if number % 2 == 0 else reversed(sides):
            taken[side.name].append(side.ask("round", seconds=seconds)["seconds"])
    out: dict[str, Any] = {
        "seconds": {name: statistics.median(values) for name, values in taken.items()},
        "rounds": taken,
    }
    if len(sides) == 2:
        ours, theirs = (taken[side.name] for side in sides)
        ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
        out |= {"ratios": ratios, "ratio": statistics.median(ratios)}
    return out


def returns(sides: Sequence[Side], file: Path, generations: int, seeds: int) -> dict[str, Any]:
    """The population's mean fitness of both sides, generation by generation from the same state."""
    ours, theirs = sides
    pairs, differing = [], set[str]()
    for seed in range(seeds):
        for side in sides:
            side.ask("restart", generation=seed * APART)
        for _ in range(generations):
            ours.ask("save", file=str(file))
            differing |= set(theirs.ask("load", file=str(file))["differing"])
            pairs.append([side.ask("round", generations=1)["fitness"][0][0] for side in sides])
    differences = [own - other for own, other in pairs]
    error = statistics.stdev(differences) / len(differences) ** 0.5
    mean = statistics.mean(differences)
    return {
        "pairs": pairs,
        "means": [statistics.mean(column) for column in zip(*pairs, strict=True)],
        "difference": mean,
        "standard_error": error,
        "within_two_errors": abs(mean) <= 2 * error,
        "leaves_that_differed": sorted(differing, key=int),
    }


def _line(name: str, found: dict[str, Any]) -> str:
    seconds = " / ".join(f"{value:.4f}" for value in found["seconds"].values())
    memory = " / ".join(f"{value['peak_rss'] / 2**20:.0f}" for value in found["memory"].values())
    ready = " / ".join(f"{value['seconds']:.0f}" for value in found["start"].values())
    physics = " / ".join(value["physics"] for value in found["start"].values())
    out = f"{name:>28}: {seconds} s"
    if "ratio" in found:
        out += f"; ratio {found['ratio']:.2f} ({' '.join(f'{ratio:.2f}' for ratio in found['ratios'])})"
    out += f"; {physics}; ready in {ready} s; peak {memory} MiB"
    if fitness := found.get("returns"):
        verdict = "agree" if fitness["within_two_errors"] else "DIFFER"
        out += (
            f"; fitness {' / '.join(f'{mean:.2f}' for mean in fitness['means'])}, difference "
            f"{fitness['difference']:.3g} ± {fitness['standard_error']:.2g} ({len(fitness['pairs'])} pairs): {verdict}"
        )
    return out


if __name__ == "__main__":
    sys.exit(main())
