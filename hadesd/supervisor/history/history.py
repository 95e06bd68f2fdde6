"""The metrics of a run in bounded memory, read from metrics.jsonl and fed by what its worker commits.

In memory is the curve as a whole, downsampled such that no spike is lost; a part of it that somebody looks at closely
is read from the file, which is in ascending order.
"""

import bisect
import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from hades_protocol.downsample import downsample_metrics
from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.logs.warning import warn
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import read_lines, tail
from hadesd.storage.resume_records import newest_resume_records
from hadesd.supervisor.history import curve_cache
from hadesd.supervisor.history.metric_columns import Columns, Point

NEWEST_SECONDS = 20
"""Generations whose median duration is shown as seconds a generation."""

CACHE_EVERY = 20_000
"""Generations after which the downsampled curve is written down: less than a tenth of a second to read again."""

NEWEST_LINES = 8
"""Of metrics.jsonl, in which the newest that can be read is looked for."""

BATCH = 4096
"""Generations that are read at once."""

IDLE_SECONDS = 600.0
"""After so long without a question or a commit a curve leaves the memory: a daemon's runs add up over weeks."""

FINE_ENOUGH = 600
"""Points in memory with which a part of the curve need not be read from the file: a screen has not many more dots."""

T = TypeVar("T", GenerationMetrics, GenerationTiming)
L = TypeVar("L")


class Selection(NamedTuple):
    """`total`: generations known. `points`: those asked for, downsampled."""

    total: int
    points: tuple[Point, ...]


class History:
    """The curve of one run.

    Only the newest generation is read at first; the rest when somebody asks for it or a worker adds to it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths = RunPaths(directory)
        self._loaded = False
        self._used_at = 0.0  # monotonic time of the last question or commit
        self._seconds: deque[float] = deque(maxlen=NEWEST_SECONDS)
        self._compiling = False  # the next generation is a worker's first: its duration is mostly compilation
        self._first_seconds: float | None = None
        self._columns = Columns()
        self._cached = 0  # newest generation that the cache has
        newest = _tail(self._paths.metrics, GenerationMetrics, NEWEST_LINES)
        self.last: GenerationMetrics | None = newest[-1] if newest else None
        self._read_seconds(self.generation)

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
        self._append(metrics, timing.committed_at)
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
        self._load()
        if void := known > generation:
            self._go_back(generation)
        self._compiling = True
        self._read_seconds(generation)
        missed = [] if void else list(self._read(known, generation))
        for metrics, timing in missed:
            self._append(metrics, timing.committed_at)
        return void, missed

    def select(self, after: int, points: int, upto: int | None = None) -> Selection:
        """The generations after `after` and up to `upto`, downsampled to `points`."""
        self._load()
        end = self.generation if upto is None else min(upto, self.generation)
        wanted = end - after if end - after <= points else min(points, FINE_ENOUGH)
        if self._columns.count(after, end) < wanted and (closely := self._closely(after, end, points)):
            return Selection(self.generation, tuple(closely))
        return Selection(self.generation, tuple(self._columns.select(after, end, points)))

    def rest(self, now: float) -> None:
        """Leave the memory where nobody has asked for a while; the files have it all. now: monotonic time."""
        if self._loaded and now - self._used_at > IDLE_SECONDS:
            self._loaded, self._columns, self._cached = False, Columns(), 0

    # Between memory and files --------------------------------------------------------------------------------

    def _load(self) -> None:
        self._used_at = time.monotonic()
        if self._loaded:
            return
        self._loaded = True
        if self.last is None:
            return
        if (cached := curve_cache.read(self._directory)) is not None and self._is_ours(cached):
            self._columns = cached
            self._cached = cached.generations[-1]
        for batch in _batches(self._points(self._cached, self.generation, self._columns.steps)):
            self._columns.extend(batch)
        self._cache()

    def _is_ours(self, cached: Columns) -> bool:
        """Whether the files still say what they said when the cache was written."""
        metrics, *_ = cached.at(len(cached) - 1)
        generation = metrics.generation
        return list(read_lines(self._paths.metrics, GenerationMetrics, generation - 1, generation)) == [metrics]

    def _cache(self) -> None:
        if self.generation - self._cached >= CACHE_EVERY:
            self._cached = self.generation
            curve_cache.write(self._directory, self._columns)

    def _append(self, metrics: GenerationMetrics, committed_at: float) -> None:
        self._columns.append((metrics, self._columns.steps + metrics.env_steps, committed_at))
        self.last = metrics
        self._cache()

    def _go_back(self, generation: int) -> None:
        columns = self._columns
        columns.cut(generation)
        kept = columns.generations[-1] if columns.generations else 0
        columns.extend(list(self._points(kept, generation, columns.steps)))  # what was left out just before
        self.last = columns.at(len(columns) - 1)[0] if columns.generations else None
        if self._cached > generation:
            self._cached = 0
            curve_cache.remove(self._directory)

    def _closely(self, after: int, upto: int, points: int) -> list[Point]:
        """A part of the curve from the files."""
        i = bisect.bisect_right(self._columns.generations, after) - 1
        start, steps = (0, 0) if i < 0 else (self._columns.generations[i], self._columns.at(i)[1])
        part = [point for point in self._points(start, upto, steps) if point[0].generation > after]
        return [part[i] for i in downsample_metrics([point[0] for point in part], points)]

    def _points(self, after: int, upto: int, steps: int) -> Iterator[Point]:
        """Points of generations in (after, upto]. steps: environment steps of all generations up to `after`."""
        for metrics, timing in self._read(after, upto):
            steps += metrics.env_steps
            yield metrics, steps, timing.committed_at

    def _read(self, after: int, upto: int) -> Iterator[tuple[GenerationMetrics, GenerationTiming]]:
        """What the files say of generations in (after, upto].

        A worker that dies between the two files leaves metrics without a timing: nobody knows how long it took.
        """
        timings = read_lines(self._paths.timings, GenerationTiming, after, upto)
        timing = next(timings, None)
        for metrics in read_lines(self._paths.metrics, GenerationMetrics, after, upto):
            while timing is not None and timing.generation < metrics.generation:
                timing = next(timings, None)
            if timing is not None and timing.generation == metrics.generation:
                yield metrics, timing
            else:
                yield metrics, GenerationTiming(generation=metrics.generation, seconds=0.0, committed_at=0.0)

    def _read_seconds(self, upto: int) -> None:
        """The newest durations, of which the median is taken: a daemon that starts says what the one before said."""
        found = [t for t in _tail(self._paths.timings, GenerationTiming, 2 * NEWEST_SECONDS) if t.generation <= upto]
        resumes = _lines(self._paths.resumes, lambda: newest_resume_records(self._directory, 2 * NEWEST_SECONDS))
        compiled = {resume.generation + 1 for resume in resumes} | {1}
        self._seconds.clear()
        self._seconds.extend(timing.seconds for timing in found if timing.generation not in compiled)
        if found and not self._seconds:
            self._first_seconds = found[-1].seconds


def _batches(points: Iterator[Point]) -> Iterator[list[Point]]:
    while batch := list(itertools.islice(points, BATCH)):
        yield batch


def _tail(path: Path, kind: type[T], count: int) -> list[T]:
    """The last lines of a file."""
    return list(_lines(path, lambda: tail(path, kind, count)))


def _lines(path: Path, read: Callable[[], Sequence[L]]) -> Sequence[L]:
    """Lines of a file. One that cannot be read must not end the daemon with all its other runs."""
    try:
        return read()
    except OSError as error:
        warn("cannot read a line file", file=str(path), why=str(error))
        return ()
