"""The metrics of a run in memory, read from metrics.jsonl and fed by what its worker commits."""

import bisect
import math
import statistics
from array import array
from collections import deque
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec.structs import replace

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.files import tail_lines
from hadesd.supervisor.thinning import thin

METRICS_FILE = "metrics.jsonl"
TIMINGS_FILE = "timings.jsonl"
T = TypeVar("T", bound=msgspec.Struct)

log = structlog.get_logger()

NEWEST_SECONDS = 20
"""Generations whose median duration is shown as seconds a generation."""

INT_FIELDS = ("generation", "episodes", "unfinished", "nan", "env_steps")
FLOAT_FIELDS = (
    "fitness_mean",
    "fitness_best",
    "fitness_worst",
    "fitness_std",
    "best_so_far",
    "sigma",
    "evaluated_mean",
    "evaluated_sem",
)

EVALUATED_FROM = 16
"""Points from which the evaluations of the mean dataset take part in the thinning; below, the newest one stays."""


class History:
    """One column per metric: 104 bytes a generation. NaN in a column stands for null.

    Only the newest generation is read at first; the rest when somebody asks for it or a worker adds to it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded = False
        self._seconds: deque[float] = deque(maxlen=NEWEST_SECONDS)
        self._compiling = False  # the next generation is a worker's first: its duration is mostly compilation
        self._first_seconds: float | None = None
        self._columns: dict[str, array[Any]] = _empty()
        self.last: GenerationMetrics | None = None
        for line in self._tail(METRICS_FILE, 3):
            if metrics := _parse(line, GenerationMetrics):
                self.last = metrics
        self._read_timings(self.generation)

    @property
    def generation(self) -> int:
        """Newest generation that is known; 0 before the first."""
        return self.last.generation if self.last else 0

    @property
    def seconds_per_generation(self) -> float | None:
        """Median of the newest generations' durations; a worker's first, which compiles, only where it is alone."""
        return statistics.median(self._seconds) if self._seconds else self._first_seconds

    @property
    def is_steady(self) -> bool:
        """Whether seconds_per_generation says something about the generations to come."""
        return bool(self._seconds)

    def add(self, metrics: GenerationMetrics, timing: GenerationTiming) -> bool:
        """Take in a committed generation; False where it was there already."""
        if metrics.generation <= self.generation:
            return False
        self._load()
        self._append(metrics)
        if self._compiling:
            self._first_seconds, self._compiling = timing.seconds, False
        else:
            self._seconds.append(timing.seconds)
        return True

    def resync(self, generation: int) -> tuple[bool, list[tuple[GenerationMetrics, GenerationTiming]]]:
        """Hold exactly what is on disk up to a generation: where a worker stands after it started.

        Returns whether metrics beyond it were known and are void now, and the generations up to it that were
        not known: a worker that died between its commit and its message left them.
        """
        known = self.generation
        self._loaded = self._compiling = True
        self._read(generation)
        timings = self._read_timings(generation)
        first = bisect.bisect_right(self._columns["generation"], known)
        missed = [self._at(i) for i in range(first, len(self._columns["generation"]))]
        # A worker that dies between the two files leaves metrics without a timing: nobody knows how long it took.
        unknown = GenerationTiming(generation=0, seconds=0.0, committed_at=0.0)
        return known > generation, [
            (m, timings.get(m.generation, replace(unknown, generation=m.generation))) for m in missed
        ]

    def select(self, after: int, points: int, upto: int | None = None) -> tuple[int, tuple[GenerationMetrics, ...]]:
        """The number of generations known, and those after `after` and up to `upto`, thinned to `points`."""
        self._load()
        known = self._columns["generation"]
        start = bisect.bisect_right(known, after)
        end = len(known) if upto is None else max(start, bisect.bisect_right(known, upto))
        curves = [self._columns[name][start:end] for name in ("fitness_mean", "fitness_best")]
        evaluated = self._columns["evaluated_mean"][start:end]
        newest = next((i for i in range(end - start - 1, -1, -1) if not math.isnan(evaluated[i])), None)
        if newest is not None and points >= EVALUATED_FROM:
            curves.append(evaluated)
        always = () if newest is None else (newest,)
        return len(known), tuple(self._at(start + i) for i in thin(curves, 0, points, always))

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            self._read(self.generation)

    def _read(self, upto: int) -> None:
        self._columns = _empty()
        self.last = None
        try:
            with open(self._directory / METRICS_FILE, "rb") as file:
                for line in file:
                    metrics = _parse(line, GenerationMetrics)
                    if metrics and self.generation < metrics.generation <= upto:
                        self._append(metrics)
        except FileNotFoundError:
            return  # no generation was committed yet
        except OSError as error:
            log.error("cannot read metrics", directory=str(self._directory), why=str(error))

    def _read_timings(self, upto: int) -> dict[int, GenerationTiming]:
        """The newest timings by generation; their durations are what the median is taken of."""
        lines = (_parse(line, GenerationTiming) for line in self._tail(TIMINGS_FILE, NEWEST_SECONDS + 2))
        found = {timing.generation: timing for timing in lines if timing and timing.generation <= upto}
        self._seconds.clear()
        self._seconds.extend(timing.seconds for timing in found.values())
        return found

    def _tail(self, name: str, count: int) -> list[str]:
        """The last lines of a file. One that cannot be read must not end the daemon with all its other runs."""
        try:
            return tail_lines(self._directory / name, count)
        except OSError as error:
            log.error("cannot read a line file", file=str(self._directory / name), why=str(error))
            return []

    def _append(self, metrics: GenerationMetrics) -> None:
        for name in INT_FIELDS:
            self._columns[name].append(getattr(metrics, name))
        for name in FLOAT_FIELDS:
            value = getattr(metrics, name)
            self._columns[name].append(math.nan if value is None else value)
        self.last = metrics

    def _at(self, index: int) -> GenerationMetrics:
        values: dict[str, Any] = {name: column[index] for name, column in self._columns.items()}
        for name in FLOAT_FIELDS:
            if math.isnan(values[name]):
                values[name] = None
        return GenerationMetrics(**values)


def _empty() -> "dict[str, array[Any]]":
    columns: dict[str, array[Any]] = {name: array("q") for name in INT_FIELDS}
    columns.update({name: array("d") for name in FLOAT_FIELDS})
    return columns


def _parse(line: "str | bytes", kind: type[T]) -> T | None:
    """A line of a file that may end in the middle of one."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
