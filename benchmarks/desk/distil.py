"""One row: a run of its own, stopped after its budget, and its mean dataset on fresh policies.

Or several runs, of which the best goes on: a search that is caught early stays caught, and shows it early.
"""

import datetime
import itertools
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.children import ROOT, SideError
from benchmarks.desk.results import Measured, Row, add, read
from benchmarks.home import TICKS, Home, process_stat
from benchmarks.record import commit, machine
from hades_protocol.messages import GenerationMetrics
from hades_protocol.run_spec import RunSpec
from hadesd.daemon.single_run import find_run
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import read_lines

T = TypeVar("T")

INITS, EPISODES, SEED = 16, 8, 1
"""Of the evaluation afterwards: fresh policies, episodes of each, and the root of its random numbers."""

HEAT_SECONDS, HEAT_SEEDS, HEAT_GENERATIONS = 60.0, 10, 10
"""Of heats: the budget of each; how far their seeds are apart, so that rows of neighbouring seeds share no heat; of how
many generations, the newest, the population's mean return decides."""

WITHOUT_END = 1_000_000_000
POLL_SECONDS = 0.2
MOST_POINTS = 60
FIRST = "first"
"""Where the run lies that another one is a fork of."""

CHECKPOINTED = 75
"""Exit code of `hadesd run` that SIGTERM stopped."""


@dataclass(frozen=True)
class Budget:
    """How long a row is distilled.

    cores: the budget is the CPU time that so many cores give in `seconds`, so that other work on the machine changes
    the time on the clock and not the row. None: seconds on the clock, for runs that compute on a GPU.
    """

    seconds: float
    cores: int | None

    def left(self, core_seconds: float, wall_seconds: float) -> float:
        """What is left of it after so much, in its own unit."""
        if self.cores is None:
            return self.seconds - wall_seconds
        return self.seconds * self.cores - core_seconds


def measure_missing(
    rows: Iterable[Row], seconds: float, place: Path, results: Path, tell: Callable[[Measured], None]
) -> None:
    """Measure the rows that `results` does not have with that budget on the cores that this process has.

    place: where the runs lie. tell: called with each as it is done.

    Raises:
        SideError: a command failed.
    """
    cores = len(os.sched_getaffinity(0))
    done = {(one.row, one.seconds) for one in read(results)}
    for row in rows:
        if (row, seconds) in done:
            continue
        heats = [f"best-of-{row.heats}"] if row.heats > 1 else []
        preset = [row.preset] if row.preset != "cpu" else []
        first = [f"after-{row.first}-{row.first_seconds:g}", *row.then] if row.first else []
        words = (f"{seconds:g}", row.env, row.method, str(row.seed), *preset, *heats, *row.sets, *first)
        directory = place / "-".join(words)
        directory.mkdir(parents=True, exist_ok=True)
        measured = measure(row, Budget(seconds, cores), directory)
        add(measured, results)
        tell(measured)


def measure(row: Row, budget: Budget, directory: Path) -> Measured:
    """Distil in `directory` until the budget is spent or the run has ended, and evaluate.

    A run that is there already is gone on with.

    Raises:
        SideError: a command failed.
    """
    home, others, total = _distil(row, budget, directory, directory.parent / "cache")
    metrics = _metrics(home)
    record, _ = records.load(_run(home)[0])
    # What the policy of a parent returned is nothing that a dataset did.
    begun = record.parent.generation if record.parent and row.first == "es" else 0
    own = [line for line in metrics[begun:] if line.evaluated_mean is not None]
    evaluations = [(line.generation, line.evaluated_mean or 0.0) for line in own]
    again = None
    if row.method == "es":
        value, sem = _evaluate_policy(metrics)
    else:
        value, sem = _evaluate_dataset(home, directory / "dataset.npz")
        if evaluations:
            again, _ = _evaluate_dataset(home, directory / "best.npz", "--best")
    before = sum(line.env_steps for other in others for line in _metrics(other))
    steps = list(itertools.accumulate((line.env_steps for line in metrics), initial=before))
    return Measured(
        row=row,
        seconds=budget.seconds,
        value=value,
        sem=sem,
        best=max([value, *(mean for _, mean in evaluations)]),
        best_again=again,
        generations=len(metrics),
        env_steps=steps[-1],
        cloning_steps=sum(_cloning_steps(_run(one)[0], directory) for one in (home, *others)),
        core_seconds=round(total["core"], 1),
        wall_seconds=round(total["wall"], 1),
        commit=commit(ROOT)["id"],
        machine=machine()["cpu"],
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        curve=[(steps[line.generation], line.fitness_mean or 0.0) for line in thin(metrics)],
        evaluations=[(steps[generation], mean) for generation, mean in thin(evaluations)],
    )


def _cloning_steps(run: Path, place: Path) -> int:
    """Gradient steps of all policies that a run has trained, and before them its parent, somewhere below `place`."""
    record, spec = records.load(run)
    trained = 0 if spec.method == "es" else spec.evolution.population * spec.inits * spec.cloning.epochs
    generations = len(list(read_lines(RunPaths(run).metrics, GenerationMetrics)))
    if record.parent is None:
        return trained * generations
    (parent,) = place.rglob(f"runs/{record.parent.run}")
    return trained * (generations - record.parent.generation) + _cloning_steps(parent, place)


def _distil(row: Row, budget: Budget, directory: Path, cache: Path) -> tuple[Home, list[Home], dict[str, float]]:
    """Spend the budget: the home of the run to evaluate, those of the heats that it beat, and what all have spent."""
    if row.first:
        begun = replace(row, method=row.first, first="", first_seconds=0.0, then=())
        (directory / FIRST).mkdir(exist_ok=True)
        parent, others, before = _distil(begun, replace(budget, seconds=row.first_seconds), directory / FIRST, cache)
        home, left = Home(directory / "run", cache=cache), replace(budget, seconds=budget.seconds - row.first_seconds)
        spent = _compute(home, row, left, directory / "spent.json", parent)
        return home, others, {unit: before[unit] + spent[unit] for unit in spent}
    if row.heats == 1:
        home = Home(directory / "run", cache=cache)
        return home, [], _compute(home, row, budget, directory / "spent.json")
    heats = []
    for number in range(row.heats):
        place = directory / f"heat-{number}"
        place.mkdir(exist_ok=True)
        one = replace(row, seed=row.seed + number * HEAT_SEEDS)
        heats.append((Home(place / "run", cache=cache), one, place / "spent.json"))
    spent = [_compute(home, one, replace(budget, seconds=HEAT_SECONDS), file) for home, one, file in heats]
    decision = directory / "best.txt"  # the best goes on, so whoever asks later would compare it as it is then
    if not decision.exists():
        decision.write_text(str(max(range(row.heats), key=lambda number: _standing(heats[number][0]))))
    best = int(decision.read_text())
    left = budget.seconds - (row.heats - 1) * HEAT_SECONDS
    home, one, file = heats[best]
    spent[best] = _compute(home, one, replace(budget, seconds=left), file)
    others = [heat[0] for number, heat in enumerate(heats) if number != best]
    return home, others, {unit: sum(each[unit] for each in spent) for unit in spent[best]}


def _standing(home: Home) -> float:
    """The population's mean return over the newest generations."""
    newest = [line.fitness_mean for line in _metrics(home)[-HEAT_GENERATIONS:] if line.fitness_mean is not None]
    return statistics.mean(newest)


def _compute(home: Home, row: Row, budget: Budget, file: Path, parent: Home | None = None) -> dict[str, float]:
    """Compute until the budget is spent, then have the run commit and end: seconds of CPU and on the clock, in all.

    file: keeps what was spent, also where this is interrupted. parent: the home of the run that it is a fork of.
    """
    before = json.loads(file.read_text()) if file.exists() else {"core": 0.0, "wall": 0.0}
    core, wall = before["core"], before["wall"]
    if budget.left(core, wall) <= 0:
        return {"core": core, "wall": wall}
    begin: tuple[str, ...] = ("--env", row.env, "--preset", row.preset, "--seed", str(row.seed))
    sets = _settings(row)
    if parent is not None:
        begin, sets = ("--fork", str(parent.directory)), list(row.then)
    command = [
        *home.command("run", "--directory", str(home.directory), "--method", row.method, *begin),
        *(part for text in sets for part in ("--set", text)),
    ]
    began = time.monotonic()
    output = home.directory.with_name("output.log")
    with output.open("ab") as log:
        process = subprocess.Popen(command, env=home.environment, stdout=log, stderr=log)
        spent = 0.0
        try:
            while process.poll() is None and budget.left(core + spent, wall + time.monotonic() - began) > 0:
                time.sleep(POLL_SECONDS)
                spent = max(spent, cpu_seconds(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait()
            total = {"core": core + spent, "wall": wall + time.monotonic() - began}
            file.write_text(json.dumps(total))
    if code not in (0, CHECKPOINTED):
        raise SideError(f"{' '.join(command)} ended with {code}: see {output}")
    return total


def _settings(row: Row) -> list[str]:
    sets = list(row.sets)
    if row.preset == "cpu":
        sets += [f"evolution.generations={WITHOUT_END}", "checkpoints.keep_every=0"]
    if row.method == "es":
        sets += ["evaluation.mean_every=50", f"evaluation.mean_environments={INITS * EPISODES}"]
    return sets


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and everything that it started, also of what has ended since."""
    fields: dict[int, list[str]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields[int(directory.name)] = process_stat(int(directory.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return sum(sum(map(int, fields[one][11:15])) / TICKS for one in _family(pid, fields))


def _family(pid: int, fields: dict[int, list[str]]) -> Iterator[int]:
    if pid in fields:
        yield pid
        for child in [one for one, values in fields.items() if int(values[1]) == pid]:
            yield from _family(child, fields)


def _run(home: Home) -> tuple[Path, RunSpec]:
    found = find_run(home.directory / "runs")
    if found is None:
        raise SideError(f"no run in {home.directory}")
    record, spec = found
    return home.directory / "runs" / record.id, spec


def _metrics(home: Home) -> list[GenerationMetrics]:
    return list(read_lines(RunPaths(_run(home)[0]).metrics, GenerationMetrics))


def _evaluate_dataset(home: Home, file: Path, *options: str) -> tuple[float, float]:
    """Return of fresh policies on the mean dataset, exported into a file so, and its standard error."""
    file.unlink(missing_ok=True)
    home.hadesd("export", "@", *options, "-o", str(file))
    arguments = ["--inits", str(INITS), "--episodes", str(EPISODES), "--seed", str(SEED), "--json"]
    found: Any = json.loads(home.hadesd("evaluate", str(file), *arguments))["returns"]
    return found["mean"], found["sem"]


def _evaluate_policy(metrics: list[GenerationMetrics]) -> tuple[float, float]:
    """Return of the mean policy as the run measured it last, on as many episodes."""
    last = [line for line in metrics if line.evaluated_mean is not None][-1]
    return last.evaluated_mean or 0.0, last.evaluated_sem or 0.0


def thin(points: list[T]) -> list[T]:
    """At most MOST_POINTS of them, evenly spaced on a logarithmic axis, first and last among them."""
    if len(points) <= MOST_POINTS:
        return points
    ratio = len(points) ** (1 / (MOST_POINTS - 1))
    chosen = sorted({min(len(points) - 1, round(ratio**i) - 1) for i in range(MOST_POINTS)} | {len(points) - 1})
    return [points[index] for index in chosen]
