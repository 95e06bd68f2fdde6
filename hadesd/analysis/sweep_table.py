"""A group of runs as a table: a row for each combination of the settings that vary, seeds taken together."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hades_protocol.run_state import RunState
from hadesd.analysis.members import SEED, Average, Member, Row

CHOOSING = ("env", "method", "preset", "evolution.strategy")
"""Settings that bring others with them: what follows from these alone was not varied on its own account."""

Number = Callable[[float | None], str]


class SweptRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a group."""

    id: str  # the run
    seed: int  # setting seed
    state: RunState  # as far as its directory says


class SweepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A combination of the settings that vary, with the runs that have it: they differ by seed.

    Means and standard errors are over seeds; null where there is none (a standard error takes two).
    """

    settings: dict[str, Any]  # the settings that vary, by dotted name
    seeds_done: int  # runs of which every generation is committed
    seeds_total: int  # runs
    generation_lowest: int  # newest committed generation of the run that is least far
    generation_highest: int  # the same of the run that is farthest
    generations: int  # evolution.generations
    diverged: int  # runs whose newest generation has no finite fitness: they are in no mean of fitness
    fitness_mean: float | None  # mean fitness of the population in each run's newest generation
    fitness_sem: float | None  # its standard error
    evaluated_mean: float | None  # return of policies trained on the mean dataset, at each run's newest evaluation
    evaluated_sem: float | None  # its standard error
    best: float | None  # highest fitness of any candidate of any of the runs
    states: dict[str, int]  # how many of the runs are in which state
    runs: tuple[SweptRun, ...]  # oldest first


class SweepTableDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A group of runs as a table."""

    group: str  # name of the group
    keys: tuple[str, ...]  # settings that vary, the seed aside, by dotted name
    rows: tuple[SweepRow, ...]  # numbers ascend; texts in the order in which they first came


@dataclass(frozen=True)
class SweepTable:
    """keys: the settings that vary, the seed aside, in the order of the columns."""

    group: str
    keys: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def numeric_keys(self) -> list[str]:
        """Varied settings of which every value is a number."""
        return [key for key in self.keys if all(is_number(row.chosen[key]) for row in self.rows)]


def is_number(value: Any) -> bool:
    """Whether a setting's value has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_seed(key: str) -> bool:
    """Whether runs that differ in this setting alone are one combination: `hadesd retain` changes checkpoints."""
    return key == SEED or key.startswith("checkpoints.")


def tabulate(group: str, members: Sequence[Member], within: Callable[[str], bool] = is_seed) -> SweepTable:
    """The members by combination; numbers ascend, words stand in the order in which they first came.

    within: whether a setting may differ within a combination.
    """
    keys = varied(members, within)
    grouped: dict[str, list[Member]] = {}
    for member in members:
        grouped.setdefault(json.dumps([member.settings.get(key) for key in keys]), []).append(member)
    rows = [Row({key: own[0].settings.get(key) for key in keys}, tuple(own)) for own in grouped.values()]
    first_seen: dict[str, dict[str, int]] = {key: {} for key in keys}
    for row in rows:
        for key in keys:
            first_seen[key].setdefault(json.dumps(row.chosen[key]), len(first_seen[key]))

    def place(row: Row) -> list[float]:
        values = [(key, row.chosen[key]) for key in keys]
        return [v if is_number(v) else first_seen[key][json.dumps(v)] for key, v in values]

    return SweepTable(group, keys, tuple(sorted(rows, key=place)))


def varied(members: Sequence[Member], within: Callable[[str], bool] = is_seed) -> tuple[str, ...]:
    """The settings that differ between the members, less those of `within` and less what follows from others.

    A preset gives other methods and environments other settings. Those that are the same wherever environment,
    method, preset and strategy are the same were not varied on their own account.
    """
    every = list(dict.fromkeys(key for member in members for key in member.settings))
    differing = [key for key in every if not within(key) and len({_json_of(member, key) for member in members}) > 1]
    kept: list[str] = []
    for key in [*(key for key in CHOOSING if key in differing), *(key for key in differing if key not in CHOOSING)]:
        deciding = [known for known in kept if known in CHOOSING]
        values: dict[tuple[str, ...], set[str]] = {}
        for member in members:
            values.setdefault(tuple(_json_of(member, known) for known in deciding), set()).add(_json_of(member, key))
        if any(len(found) > 1 for found in values.values()):
            kept.append(key)
    return tuple(kept)


def _json_of(member: Member, key: str) -> str:
    return json.dumps(member.settings.get(key))


def fitness_text(row: Row, number: Number) -> str:
    """Mean fitness with its error, and over how many of the runs it is where some have diverged."""
    shown, total = average_text(row.fitness, number), len(row.members)
    return f"{shown} ({total - row.diverged} of {total})" if row.diverged else shown


def text(table: SweepTable, number: Number) -> str:
    """The table for a terminal; `number` writes a fitness."""
    titles = short_names(table.keys)
    rows = [[*(titles[key] for key in table.keys), "SEEDS", "GENERATION", "MEAN", "BEST", "MEAN DATASET", "STATE"]]
    for row in table.rows:
        low, high = row.reach
        rows.append(
            [
                *(value_text(row.chosen[key]) for key in table.keys),
                f"{row.finished}/{len(row.members)}",
                (f"{low}" if low == high else f"{low}–{high}") + f"/{row.generations}",
                fitness_text(row, number),
                number(row.best),
                average_text(row.evaluated, number),
                ", ".join(f"{count} {state}" for state, count in row.states.items()),
            ]
        )
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(cell if i == last else cell.rjust(widths[i]) for i, cell in enumerate(line)) for line in rows
    )


def average_text(value: Average | None, number: Number) -> str:
    """A mean with its standard error; a dash for none."""
    if value is None:
        return "–"
    return number(value.mean) + ("" if value.sem is None else f" ± {value.sem:.2g}")


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Dotted names -> their last parts, where these differ."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {key: key.rpartition(".")[2] if last[key.rpartition(".")[2]] == 1 else key for key in keys}


def value_text(value: Any) -> str:
    """A setting's value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value)


def document(table: SweepTable) -> SweepTableDocument:
    """The table for a script."""
    return SweepTableDocument(group=table.group, keys=table.keys, rows=tuple(_row(row) for row in table.rows))


def _row(row: Row) -> SweepRow:
    low, high = row.reach
    fitness, evaluated = row.fitness, row.evaluated
    return SweepRow(
        settings=row.chosen,
        seeds_done=row.finished,
        seeds_total=len(row.members),
        generation_lowest=low,
        generation_highest=high,
        generations=row.generations,
        diverged=row.diverged,
        fitness_mean=None if fitness is None else fitness.mean,
        fitness_sem=None if fitness is None else fitness.sem,
        evaluated_mean=None if evaluated is None else evaluated.mean,
        evaluated_sem=None if evaluated is None else evaluated.sem,
        best=row.best,
        states=row.states,
        runs=tuple(SweptRun(id=one.id, seed=int(one.settings[SEED]), state=one.state) for one in row.members),
    )


CSV_COLUMNS = (
    "seeds_done",
    "seeds_total",
    "generation_lowest",
    "generation_highest",
    "generations",
    "diverged",
    "fitness_mean",
    "fitness_sem",
    "evaluated_mean",
    "evaluated_sem",
    "best",
)


def csv_text(table: SweepTable) -> str:
    """The table as CSV (RFC 4180, but lines end with a plain newline); settings under their dotted names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*table.keys, *CSV_COLUMNS, "states", "runs"])
    for row in document(table).rows:
        states = " ".join(f"{state}:{count}" for state, count in row.states.items())
        settings = [value_text(row.settings[key]) for key in table.keys]
        values = [getattr(row, column) for column in CSV_COLUMNS]
        writer.writerow([*settings, *values, states, " ".join(run.id for run in row.runs)])
    return out.getvalue()
