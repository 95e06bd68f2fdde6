"""Runs and groups side by side: a line each, or of a group whose settings vary a line for each combination.

Reads run directories, or asks a daemon that is elsewhere; needs no numpy.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from hades_protocol import commands, replies
from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.messages import GenerationTiming, Reference
from hades_protocol.sync_client import ControlClient
from hadesd.analysis import members, sweep_table
from hadesd.analysis.members import SEED, Average, Member, Row, average
from hadesd.analysis.sweep_table import SweptRun, short_names, value_text
from hadesd.compute.progress import UNREPORTED, Report
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import read_lines

By = Literal["generation", "steps", "hours"]
"""What a curve is drawn against: generations, environment steps, or hours of computing."""

Spread = Literal["seeds", "policies"]
"""What a standard error is over: the seeds of a line, or of one run the fresh policies of an evaluation."""


SEED_AND_END = (SEED, "evolution.generations", "evolution.target")
"""The seed, and the settings that decide when a run ends."""


class ComparedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A run, or the runs of a group that differ by the seed alone (or by their length, and where they are computed).

    Means and standard errors are over the runs; null where there is none (a standard error takes two).
    """

    label: str  # the run's name or id; the group's name, with the settings that vary in it
    group: str  # the group that was named; empty for a run
    env: str  # environment
    method: str  # hades-r, hades-f, es
    settings: dict[str, Any]  # the settings in which the lines differ, by dotted name
    seeds: int  # runs
    generation_lowest: int  # newest committed generation of the run that is least far
    generation_highest: int  # the same of the run that is farthest
    generations: int  # evolution.generations
    diverged: int  # runs whose newest generation has no finite fitness: they are in no mean of fitness
    fitness_mean: float | None  # mean fitness of the population in each run's newest generation
    fitness_sem: float | None  # its standard error
    top_mean: float | None  # highest mean fitness of the population that each run has had
    top_sem: float | None  # its standard error
    evaluated_mean: float | None  # return of policies trained on the mean dataset, at each run's newest evaluation
    evaluated_sem: float | None  # its standard error
    evaluated_over: Spread | None  # what that is over: the seeds, or of one run its fresh policies
    env_steps: float  # environment steps of a run so far
    hours: float | None  # of computing of a run so far; null where a daemon elsewhere has the runs
    states: dict[str, int]  # how many of the runs are in which state
    runs: tuple[SweptRun, ...]  # oldest first


class ComparisonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Runs and groups side by side."""

    environments: tuple[str, ...]  # of the lines; returns of different ones cannot be compared
    lines: tuple[ComparedLine, ...]  # in the order in which they were named
    file: str | None  # path of the picture or page that was written; null without --output


class Point(NamedTuple):
    """A point of a curve. n: runs that have this generation; sem: standard error over them, None for one."""

    generation: int
    x: float
    mean: float
    sem: float | None
    n: int


@dataclass(frozen=True)
class Line:
    """A run, or runs that differ by the seed. group: empty for a run that was named itself."""

    label: str
    group: str
    row: Row

    @property
    def env(self) -> str:
        """The environment of its runs."""
        return str(self.row.members[0].settings["env"])

    @property
    def seeds(self) -> int:
        """Number of its runs."""
        return len(self.row.members)

    @property
    def top(self) -> Average | None:
        """The highest mean fitness of the population that each run has had."""
        return average(
            max((m.fitness_mean for m in member.metrics if m.fitness_mean is not None), default=None)
            for member in self.row.members
        )

    @property
    def evaluated(self) -> tuple[Average | None, Spread | None]:
        """The newest evaluation of the mean dataset, and what its standard error is over."""
        if self.seeds > 1:
            found = self.row.evaluated
            return found, "seeds" if found is not None and found.sem is not None else None
        newest = next((m for m in reversed(self.row.members[0].metrics) if m.evaluated_mean is not None), None)
        if newest is None or newest.evaluated_mean is None:
            return None, None
        return Average(
            newest.evaluated_mean, newest.evaluated_sem
        ), "policies" if newest.evaluated_sem is not None else None

    @property
    def env_steps(self) -> float:
        """Environment steps so far, the mean over its runs."""
        return statistics.fmean(sum(m.env_steps for m in member.metrics) for member in self.row.members)

    @property
    def hours(self) -> float | None:
        """Hours of computing so far, the mean over its runs; None where that is not known."""
        spent = [member.seconds[-1] for member in self.row.members if member.seconds]
        return statistics.fmean(spent) / 3600.0 if spent else None


@dataclass(frozen=True)
class Comparison:
    """Lines in the order in which they were named. keys: the settings in which they differ, the seed aside."""

    lines: tuple[Line, ...]
    keys: tuple[str, ...]

    @property
    def environments(self) -> tuple[str, ...]:
        """Of the lines, each once."""
        return tuple(dict.fromkeys(line.env for line in self.lines))

    @property
    def references(self) -> tuple[Reference, ...]:
        """Levels to compare with, of the first run that has some; none where environments differ."""
        if len(self.environments) > 1:
            return ()
        found = (member.references for line in self.lines for member in line.row.members)
        return next((references for references in found if references), ())


class Chosen(NamedTuple):
    """What a word on the command line means: runs by id, and the group where it names one."""

    group: str
    runs: tuple[str, ...]


class Known(records.KnownRun, Protocol):
    """What is known of a run before it is read."""

    @property
    def group(self) -> str:
        """Name of its group; empty for none."""


def is_within(key: str) -> bool:
    """Whether runs that differ in this setting are one line: it is the seed, or decides only how many generations there
    are, or where they are computed and kept.
    """
    return key in SEED_AND_END or key.startswith(("checkpoints.", "resources."))


def choose(words: Iterable[str], known: Sequence[Known]) -> tuple[Chosen, ...]:
    """The runs that are meant by names of groups and runs, each once.

    Raises:
        NotFoundError: a word is neither a group nor a run, or fits several runs.
        UsageError: a word is both.
    """
    groups: dict[str, list[str]] = {}
    for run in known:
        groups.setdefault(run.group, []).append(run.id)
    out: dict[Chosen, None] = {}
    for word in words:
        called = next((run.id for run in known if word in (run.id, run.name)), None)
        if word and word in groups:
            if called is not None:
                raise UsageError(f"'{word}' is a group and the name of run {called}: rename the run, or give its id")
            out[Chosen(word, tuple(groups[word]))] = None
        else:
            out[Chosen("", (_run(word, known),))] = None
    return tuple(out)


def _run(word: str, known: Sequence[Known]) -> str:
    try:
        return records.find(word, known)
    except NotFoundError as error:
        raise NotFoundError(f"{error}; no group is called so") from None


def read(directory: Path, words: Iterable[str], report: Report = UNREPORTED) -> Comparison:
    """Runs and groups from a directory of runs, with their hours.

    Raises:
        HadesError: of `choose`.
    """
    found = {record.id: (record, spec) for record, spec in (records.scan(directory)[0] if directory.is_dir() else [])}
    chosen = choose(words, [record for record, _ in found.values()])

    def member(run: str) -> Member:
        read = members.read_run(directory / run, *found[run])
        timings = read_lines(RunPaths(directory / run).timings, GenerationTiming)
        return replace(read, seconds=_spent([m.generation for m in read.metrics], timings))

    return compare(chosen, {run: record.name for run, (record, _) in found.items()}, member, report)


def ask(client: ControlClient, words: Iterable[str], report: Report = UNREPORTED) -> Comparison:
    """The same as a daemon knows it, which does not tell the hours.

    Raises:
        HadesError: of `choose`, or the daemon does not answer.
    """
    snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
    chosen = choose(words, snapshot.runs)
    names = {run.id: run.name for run in snapshot.runs}
    return compare(chosen, names, lambda run: members.ask_for_run(client, run), report)


def _spent(generations: Sequence[int], timings: Iterable[GenerationTiming]) -> tuple[float, ...]:
    """Seconds of computing up to each generation; a generation without a line adds nothing. Both ascend."""
    out: list[float] = []
    total, waiting = 0.0, iter(timings)
    timing = next(waiting, None)
    if timing is None:
        return ()
    for generation in generations:
        while timing is not None and timing.generation <= generation:
            total += timing.seconds
            timing = next(waiting, None)
        out.append(total)
    return tuple(out)


def compare(
    chosen: Sequence[Chosen], names: dict[str, str], member: Callable[[str], Member], report: Report = UNREPORTED
) -> Comparison:
    """The lines. names: of the runs by id, empty for none. member: reads a run."""
    wanted = list(dict.fromkeys(run for one in chosen for run in one.runs))
    report.phase("runs read", len(wanted))
    read: dict[str, Member] = {}
    for run in wanted:
        read[run] = member(run)
        report.advance(len(read))
    lines: list[Line] = []
    for group, runs in chosen:
        if not group:
            (run,) = runs
            lines.append(Line(names[run] or run, "", Row({}, (read[run],))))
            continue
        table = sweep_table.tabulate(group, [read[run] for run in runs], is_within)
        titles = short_names(table.keys)
        for row in table.rows:
            values = ", ".join(f"{titles[key]} {value_text(row.chosen[key])}" for key in table.keys)
            lines.append(Line(f"{group}: {values}" if values else group, group, row))
    shown = _told_apart(lines)
    return Comparison(shown, sweep_table.varied([line.row.members[0] for line in shown]))


def _told_apart(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines of runs that have one name are called by id too."""
    labels = [line.label for line in lines]
    return tuple(
        replace(line, label=f"{line.label} ({line.row.members[0].id})")
        if not line.group and labels.count(line.label) > 1
        else line
        for line in lines
    )


def curve(line: Line, by: By = "generation") -> list[Point]:
    """Mean fitness of the population over the runs that have a generation; x is the mean of theirs.

    Without hours of a run its points are left out by hours.
    """
    found: dict[int, list[tuple[float, float]]] = {}
    for member in line.row.members:
        for x, metrics in zip(_places(member, by), member.metrics, strict=False):
            value = metrics.fitness_mean
            if value is not None and math.isfinite(value):
                found.setdefault(metrics.generation, []).append((x, value))
    out = []
    for generation, pairs in sorted(found.items()):
        averaged = average(value for _, value in pairs)
        assert averaged is not None
        x = float(generation) if by == "generation" else statistics.fmean(x for x, _ in pairs)
        out.append(Point(generation, x, averaged.mean, averaged.sem, len(pairs)))
    return out


def _places(member: Member, by: By) -> list[float]:
    if by == "generation":
        return [float(metrics.generation) for metrics in member.metrics]
    if by == "hours":
        return [seconds / 3600.0 for seconds in member.seconds]
    total, out = 0, []
    for metrics in member.metrics:
        total += metrics.env_steps
        out.append(float(total))
    return out


def leaving(points: Sequence[Point]) -> list[tuple[int, int]]:
    """Where runs of a line have ended: indices of the first point with fewer runs, with the number that is left.

    A generation that one run alone lacks, since its line is damaged, is no end.
    """
    left, out = 0, []
    for i in range(len(points) - 1, -1, -1):
        if points[i].n > left:
            if left:
                out.append((i + 1, left))
            left = points[i].n
    return out[::-1]


def normalised(lines: Sequence[Line], curves: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """The curves with 0 at the lowest and 1 at the highest mean of all lines in the same environment."""
    reach: dict[str, tuple[float, float]] = {}
    for line, points in zip(lines, curves, strict=True):
        means = [point.mean for point in points]
        low, high = reach.get(line.env, (math.inf, -math.inf))
        reach[line.env] = (min([low, *means]), max([high, *means]))
    out = []
    for line, points in zip(lines, curves, strict=True):
        low, high = reach[line.env]
        size = (high - low) or 1.0
        out.append(
            [
                point._replace(mean=(point.mean - low) / size, sem=None if point.sem is None else point.sem / size)
                for point in points
            ]
        )
    return out


TITLES = ("RUN OR GROUP", "ENV", "N", "GENERATION", "MEAN", "BEST MEAN", "MEAN DATASET", "STEPS", "HOURS", "STATE")


def cells(line: Line, number: sweep_table.Number) -> tuple[str, ...]:
    """A line of the table, below TITLES. number: writes a fitness."""
    low, high = line.row.reach
    return (
        line.label,
        line.env,
        str(line.seeds),
        (f"{low}" if low == high else f"{low}–{high}") + f"/{line.row.generations}",
        sweep_table.fitness_text(line.row, number),
        sweep_table.average_text(line.top, number),
        sweep_table.average_text(line.evaluated[0], number),
        f"{line.env_steps:.3g}",
        "–" if line.hours is None else f"{line.hours:.3g}",
        ", ".join(f"{count} {state}" for state, count in line.row.states.items()),
    )


def text(comparison: Comparison, number: sweep_table.Number) -> str:
    """The table for a terminal."""
    rows = [TITLES, *(cells(line, number) for line in comparison.lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(TITLES))]
    last = len(TITLES) - 1
    return "\n".join(
        "  ".join(
            cell if i == last else cell.ljust(widths[i]) if i < 2 else cell.rjust(widths[i])
            for i, cell in enumerate(row)
        )
        for row in rows
    )


def spread_text(comparison: Comparison) -> str:
    """What stands behind ± in the table."""
    if all(line.seeds == 1 for line in comparison.lines):
        return "± is the standard error over fresh policies"
    several = "± is the standard error over seeds"
    return several + ("; of a single run over fresh policies" if any(x.seeds == 1 for x in comparison.lines) else "")


def document(comparison: Comparison, file: Path | None) -> ComparisonDocument:
    """The comparison for a script."""
    lines = tuple(_document(line, comparison.keys) for line in comparison.lines)
    return ComparisonDocument(
        environments=comparison.environments, lines=lines, file=None if file is None else str(file)
    )


def _document(line: Line, keys: Sequence[str]) -> ComparedLine:
    low, high = line.row.reach
    evaluated, over = line.evaluated
    fitness, top = line.row.fitness, line.top
    first = line.row.members[0].settings
    return ComparedLine(
        label=line.label,
        group=line.group,
        env=line.env,
        method=str(first["method"]),
        settings={key: first.get(key) for key in keys},
        seeds=line.seeds,
        generation_lowest=low,
        generation_highest=high,
        generations=line.row.generations,
        diverged=line.row.diverged,
        fitness_mean=None if fitness is None else fitness.mean,
        fitness_sem=None if fitness is None else fitness.sem,
        top_mean=None if top is None else top.mean,
        top_sem=None if top is None else top.sem,
        evaluated_mean=None if evaluated is None else evaluated.mean,
        evaluated_sem=None if evaluated is None else evaluated.sem,
        evaluated_over=over,
        env_steps=line.env_steps,
        hours=line.hours,
        states=line.row.states,
        runs=tuple(SweptRun(id=one.id, seed=int(one.settings[SEED]), state=one.state) for one in line.row.members),
    )
