"""Runs that are compared: what is read of each, and of several that differ by seed.

Reads run directories, or asks a daemon that is elsewhere; needs no numpy.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hades_protocol import commands, replies
from hades_protocol.downsample import MIN_POINTS
from hades_protocol.messages import GenerationMetrics, Reference
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hades_protocol.run_state import RunState
from hades_protocol.sync_client import ControlClient
from hadesd.storage import records
from hadesd.storage.locks import is_run_locked
from hadesd.storage.metric_lines import read_metrics
from hadesd.storage.references import read_references

SEED = "seed"


@dataclass(frozen=True)
class Average:
    """Mean over seeds, and its standard error (None for one seed)."""

    mean: float
    sem: float | None


@dataclass(frozen=True)
class Member:
    """A run.

    settings: every one, by dotted name. references: levels to compare it with. seconds: of computing up to each of the
    metrics; empty where that was not asked for or is not known.
    """

    id: str
    settings: dict[str, Any]
    state: RunState
    metrics: tuple[GenerationMetrics, ...]
    references: tuple[Reference, ...] = ()
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """A combination of the varied settings, and its runs, which differ by seed."""

    chosen: dict[str, Any]
    members: tuple[Member, ...]

    @property
    def finished(self) -> int:
        """Seeds whose every generation is committed."""
        return sum(member.state == RunState.FINISHED for member in self.members)

    @property
    def reach(self) -> tuple[int, int]:
        """Lowest and highest newest generation of its runs."""
        newest = [member.metrics[-1].generation if member.metrics else 0 for member in self.members]
        return min(newest), max(newest)

    @property
    def generations(self) -> int:
        """Generations that were asked for."""
        return max(int(member.settings["evolution.generations"]) for member in self.members)

    @property
    def fitness(self) -> Average | None:
        """Mean fitness of the population in each run's newest generation."""
        return average(member.metrics[-1].fitness_mean for member in self.members if member.metrics)

    @property
    def diverged(self) -> int:
        """Runs whose newest generation has no finite fitness: they are in no mean."""
        return sum(bool(member.metrics) and member.metrics[-1].fitness_mean is None for member in self.members)

    @property
    def best(self) -> float | None:
        """Highest fitness that any candidate of any of its runs has had."""
        found = [m.metrics[-1].best_so_far for m in self.members if m.metrics]
        return max((value for value in found if value is not None), default=None)

    @property
    def evaluated(self) -> Average | None:
        """What fresh policies return that are trained on the mean dataset, at each run's newest evaluation."""
        newest = (
            next((m.evaluated_mean for m in reversed(member.metrics) if m.evaluated_mean is not None), None)
            for member in self.members
        )
        return average(newest)

    @property
    def states(self) -> dict[str, int]:
        """How many of its runs are in which state."""
        counted = Counter(member.state for member in self.members)
        return {state.value: counted[state] for state in RunState if counted[state]}


def average(values: Iterable[float | None]) -> Average | None:
    """Mean and standard error of the values that there are; None without any."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    sem = statistics.stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
    return Average(statistics.fmean(known), sem)


def groups_on_disk(directory: Path) -> list[str]:
    """The group of every run that is in one, oldest run first."""
    found = records.scan(directory)[0] if directory.is_dir() else []
    return [record.group for record, _ in found if record.group]


def read_group(directory: Path, group: str) -> list[Member]:
    """The runs of a group in a directory of runs, oldest first; empty where there is none."""
    found = records.scan(directory)[0] if directory.is_dir() else []
    return [read_run(directory / record.id, record, spec) for record, spec in found if record.group == group]


def read_run(directory: Path, record: records.RunRecord, spec: RunSpec) -> Member:
    """A run from its directory."""
    return Member(
        id=record.id,
        settings=flat(spec_to_dict(spec)),
        state=_state(directory, record),
        metrics=tuple(read_metrics(directory)),
        references=read_references(directory),
    )


def ask_for_group(client: ControlClient, group: str) -> list[Member]:
    """The runs of a group, oldest first, as the daemon knows them; empty where there is none.

    Raises:
        HadesError: the daemon does not answer.
    """
    snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
    return [ask_for_run(client, run.id) for run in snapshot.runs if run.group == group]


def ask_for_run(client: ControlClient, run: str) -> Member:
    """A run as the daemon knows it.

    Raises:
        HadesError: the daemon does not answer, or has no such run.
    """
    shown: replies.ShowResult = client.request(commands.Show, run=run)
    levels: replies.HistoryResult = client.request(commands.History, run=run, points=MIN_POINTS)
    return Member(run, flat(shown.spec), shown.run.state, tuple(client.generations(run)), levels.references)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


def _state(directory: Path, record: records.RunRecord) -> RunState:
    """The state as far as the disk knows it."""
    if record.outcome is not None:
        return RunState(record.outcome.kind)
    if is_run_locked(directory):
        return RunState.RUNNING
    return {"pause": RunState.PAUSED, "cancel": RunState.CANCELLED}.get(record.desired, RunState.QUEUED)
