"""How long runs will probably take, from what earlier ones with the same sizes took on this machine."""

import statistics
from collections.abc import Iterable
from typing import NamedTuple

from hades_protocol.messages import GenerationTiming, HistoryKind
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hadesd.cli.output import duration, rate
from hadesd.spec.cost import seconds_like
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import tail

NEWEST = 50
"""Generations whose median counts."""

FEWEST = 5
"""Fewer say nothing: a worker's first one compiles."""


ANOTHER = (HistoryKind.RESIZE, HistoryKind.FORKED)


class Measured(NamedTuple):
    """A run that was computed here. seconds: median of its newest generations."""

    id: str
    spec: RunSpec
    seconds: float


def measured(paths: Paths) -> list[Measured]:
    """Runs whose generations were timed on this machine, newest first; none where the daemon is elsewhere."""
    if paths.connect or not paths.runs.is_dir():
        return []
    found = []
    for record, spec in reversed(records.scan(paths.runs)[0]):
        # What it took with other sizes, or its parent with other settings, is no measure of these.
        since = max((entry.generation for entry in record.history if entry.what in ANOTHER), default=0)
        timings = tail(RunPaths(paths.runs / record.id).timings, GenerationTiming, NEWEST)
        timings = [timing for timing in timings if timing.generation > since + 1]
        if len(timings) >= FEWEST:
            found.append(Measured(record.id, spec, statistics.median(one.seconds for one in timings)))
    return found


def of_run(spec: RunSpec, known: Iterable[Measured]) -> str:
    """A sentence about one run; empty where nothing is known."""
    for one in known:
        if (seconds := seconds_like(spec, one.spec, one.seconds)) is not None:
            return f"about {duration(seconds)}, if it goes as {one.id} did ({rate(one.seconds)} s a generation)"
    return ""


def of_runs(specs: Iterable[RunSpec], known: Iterable[Measured]) -> str:
    """A sentence about several runs together; empty where nothing is known of any."""
    known, wanted = list(known), list(specs)
    found = []
    for spec in wanted:
        guesses = (seconds_like(spec, one.spec, one.seconds) for one in known)
        found.append(next((seconds for seconds in guesses if seconds is not None), None))
    sure = [seconds for seconds in found if seconds is not None]
    if not sure:
        return ""
    part = "" if len(sure) == len(wanted) else f" for the {len(sure)} of {len(wanted)} runs whose like were computed"
    return f"about {duration(sum(sure))} of computing{part}, by the pace of earlier runs here"
