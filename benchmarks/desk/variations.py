"""What one setting is worth at equal cost: sizes of the dataset, and the inner loop.

    taskset -c 0 python -m benchmarks.desk.variations sizes --seeds 101 &   # a core for each seed
    taskset -c 1 python -m benchmarks.desk.variations sizes --seeds 102
    python -m benchmarks.desk.variations inner-loop --seeds 101,102
    python -m benchmarks.desk.variations --write                            # the tables and pictures of docs/desk.md

A row is measured as in the table (`python -m benchmarks.desk`), with the preset `cpu` and one setting changed. Rows are
kept in benchmarks/desk/variations.jsonl; those that are there are not measured again.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import ROOT
from benchmarks.desk import distil
from benchmarks.desk.results import FILE, Measured, Row, read
from benchmarks.desk.table import PAGE, replace_table, with_error
from hadesd.analysis.members import Average, average
from hadesd.analysis.pictures import style
from hadesd.spec.sweep import parse_values

RESULTS = FILE.with_name("variations.jsonl")


@dataclass(frozen=True)
class Study:
    """One question: environments, and by a short name each the settings that are tried over the preset's.

    seconds: budget of a row, on all cores that it has. picture: in docs/.
    """

    envs: tuple[str, ...]
    settings: dict[str, tuple[str, ...]]
    seconds: float
    picture: str


SIZES = (2, 4, 8, 16, 64)
STUDIES = {
    "sizes": Study(
        ("hopper", "walker2d", "halfcheetah"),
        {f"{pairs} pairs": (f"dataset.pairs={pairs}",) for pairs in SIZES},
        seconds=60.0,
        picture="sizes.png",
    ),
    "inner-loop": Study(
        ("hopper", "Pendulum-v1"),
        {
            "the preset": (),
            "25 epochs": ("cloning.epochs=25",),
            "50 epochs": ("cloning.epochs=50",),
            "200 epochs": ("cloning.epochs=200",),
            "400 epochs": ("cloning.epochs=400",),
            "rate 0.001": ("cloning.learning_rate=0.001",),
            "rate 0.02": ("cloning.learning_rate=0.02",),
            "SGD, rate 0.5": ("cloning.optimizer=sgd", "cloning.learning_rate=0.5"),
            "no clipping": ("cloning.clip_norm=0",),
            "width 16": ("policy.width=16",),
            "width 256": ("policy.width=256",),
        },
        seconds=30.0,
        picture="inner_loop.png",
    ),
}


def main() -> int:
    """Measure what is missing of a study, or write what is there."""
    options = _parser().parse_args()
    if options.write:
        for name in STUDIES:
            write(name, read(options.results))
        return 0
    study = STUDIES[options.study]
    place = options.directory or Path(tempfile.gettempdir()) / "hades-desk-variations"
    seeds = parse_values("seed", options.seeds)
    rows = (
        Row(env, "hades-r", seed, sets=sets) for seed in seeds for sets in study.settings.values() for env in study.envs
    )
    distil.measure_missing(rows, study.seconds, place, options.results, _tell)
    return 0


def _tell(one: Measured) -> None:
    sets = " ".join(one.row.sets)
    print(f"{one.row.env:12s} seed {one.row.seed} {sets}: {one.value:.4g} ± {one.sem:.2g}", flush=True)


def returns(study: Study, measured: Iterable[Measured]) -> dict[str, dict[str, Average]]:
    """Setting -> environment -> mean over seeds of the returns, where something is measured."""
    ones = [one for one in measured if one.seconds == study.seconds]
    found: dict[str, dict[str, Average]] = {}
    for name, sets in study.settings.items():
        for env in study.envs:
            by_seed = {one.row.seed: one.value for one in ones if one.row.env == env and one.row.sets == sets}
            if (mean := average(by_seed.values())) is not None:
                found.setdefault(name, {})[env] = mean
    return found


def markdown(study: Study, found: dict[str, dict[str, Average]]) -> str:
    """The table: a row for each setting, a column for each environment."""
    lines = [f"| | {' | '.join(study.envs)} |", f"| --- {'| --- ' * len(study.envs)}|"]
    for name, by_env in found.items():
        cells = [with_error(by_env[env].mean, by_env[env].sem) if env in by_env else "-" for env in study.envs]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(name: str, measured: Iterable[Measured]) -> None:
    """The table of a study between its marks in the page, and its picture; nothing where nothing is measured yet."""
    study = STUDIES[name]
    found = returns(study, measured)
    if not found:
        return
    replace_table(PAGE, name, markdown(study, found))
    draw(study, found)


def draw(study: Study, found: dict[str, dict[str, Average]]) -> Path:
    """A panel for each environment, a point with its standard error for each setting."""
    figure = style.figure(3.4 * len(study.envs), 0.9 + 0.24 * len(found))
    for axes, env in zip(figure.subplots(1, len(study.envs), squeeze=False, sharey=True).flat, study.envs, strict=True):
        for place, by_env in enumerate(found.values()):
            if (value := by_env.get(env)) is not None:
                axes.errorbar([value.mean], [place], xerr=[value.sem or 0.0], color=style.BLUE, marker="o")
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.set_title(env, fontsize="small")
    figure.supxlabel("return of fresh policies")
    path = ROOT / "docs" / study.picture
    style.save(figure, path)
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", choices=STUDIES, default="sizes", help="what is measured (sizes)")
    parser.add_argument("--seeds", default="101,102", help="A..B, or with commas (101,102)")
    parser.add_argument("--directory", type=Path, help="where the runs lie (in the temporary directory)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where rows are kept")
    parser.add_argument("--write", action="store_true", help="write tables and pictures from what is measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
