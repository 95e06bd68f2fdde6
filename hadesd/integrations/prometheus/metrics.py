"""What Prometheus is told: names, units and labels. They are stable; docs/integrations.md lists them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hades_protocol.messages import DaemonInfo, GenerationMetrics, GpuInfo, RunSummary
from hades_protocol.run_state import RunState
from hades_protocol.terminal import printable
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import tail

RUN_LABELS = ("run", "env", "method", "group")
GPU_LABELS = ("gpu", "uuid", "name")

RUN_GAUGES: tuple[tuple[str, str, Callable[[RunSummary], float | None]], ...] = (
    ("hades_run_generation", "Newest committed generation.", lambda run: run.generation),
    ("hades_run_generations", "Generations until the run is finished.", lambda run: run.generations),
    ("hades_run_fitness_mean", "Mean fitness of the newest generation's population.", lambda run: run.fitness_mean),
    ("hades_run_fitness_best", "Best fitness of the newest generation's population.", lambda run: run.fitness_best),
    ("hades_run_fitness_best_so_far", "Best fitness of any generation.", lambda run: run.best_so_far),
    (
        "hades_run_seconds_per_generation",
        "Median duration of the newest generations, in seconds.",
        lambda run: run.seconds_per_generation,
    ),
    ("hades_run_seconds_left", "Estimated seconds until the run is finished.", lambda run: run.seconds_left),
    (
        "hades_run_state_since_timestamp_seconds",
        "Unix time of the last change of state.",
        lambda run: run.changed_at,
    ),
)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon at one moment."""

    daemon: DaemonInfo
    runs: tuple[RunSummary, ...]
    gpus: tuple[GpuInfo, ...] = ()


class DaemonSilentError(Exception):
    """The daemon's event loop does not answer."""


class DaemonCollector(Collector):
    """Asks the daemon anew for every scrape, so a run that was removed is gone from the next one.

    read: the daemon now. Raises DaemonSilentError.
    """

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._evaluations = NewestEvaluations()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        reading = self._read()
        yield from _daemon(reading.daemon)
        yield from _runs(reading.runs)
        yield self._evaluated(reading.runs)
        yield from _gpus(reading.gpus)

    def _evaluated(self, runs: tuple[RunSummary, ...]) -> Metric:
        self._evaluations.keep({run.id for run in runs})
        text = "Return of fresh policies trained on the mean dataset, at the newest evaluation."
        family = GaugeMetricFamily("hades_run_evaluated_mean", text, labels=RUN_LABELS)
        for run in runs:
            found = self._evaluations.of(run)
            if found is not None and found.evaluated_mean is not None:
                family.add_metric(_labels(run), found.evaluated_mean)
        return family


def _daemon(info: DaemonInfo) -> Iterator[Metric]:
    about = GaugeMetricFamily("hades_daemon_info", "The daemon's version; always 1.", labels=("version",))
    about.add_metric((info.version,), 1)
    yield about
    uptime = max(0.0, time.time() - info.started_at)
    yield GaugeMetricFamily("hades_daemon_uptime_seconds", "Seconds since the daemon started.", value=uptime)
    yield GaugeMetricFamily("hades_daemon_slots", "Runs that may compute at the same time.", value=info.slots)


def _runs(runs: tuple[RunSummary, ...]) -> Iterator[Metric]:
    for name, text, value_of in RUN_GAUGES:
        family = GaugeMetricFamily(name, text, labels=RUN_LABELS)
        for run in runs:
            if (value := value_of(run)) is not None:
                family.add_metric(_labels(run), value)
        yield family
    state = GaugeMetricFamily("hades_run_state", "1 for the state that the run is in.", labels=(*RUN_LABELS, "state"))
    restarts = CounterMetricFamily("hades_run_restarts", "Crashes of the run's worker.", labels=RUN_LABELS)
    for run in runs:
        restarts.add_metric(_labels(run), run.restarts)
        for known in RunState:
            state.add_metric((*_labels(run), known.value), float(run.state == known))
    yield state
    yield restarts


def _gpus(gpus: tuple[GpuInfo, ...]) -> Iterator[Metric]:
    used = GaugeMetricFamily("hades_gpu_memory_used_bytes", "Memory in use, by anyone.", labels=GPU_LABELS)
    total = GaugeMetricFamily("hades_gpu_memory_total_bytes", "Memory that the GPU has.", labels=GPU_LABELS)
    busy = GaugeMetricFamily("hades_gpu_utilisation_ratio", "Share of time in use, 0 to 1.", labels=GPU_LABELS)
    runs = GaugeMetricFamily("hades_gpu_runs", "Runs that were given the GPU.", labels=GPU_LABELS)
    for gpu in gpus:
        labels = (str(gpu.index), printable(gpu.uuid), printable(gpu.name))
        used.add_metric(labels, gpu.memory_used)
        total.add_metric(labels, gpu.memory_total)
        runs.add_metric(labels, len(gpu.runs))
        if gpu.utilisation is not None:
            busy.add_metric(labels, gpu.utilisation)
    yield from (used, total, busy, runs)


def _labels(run: RunSummary) -> tuple[str, str, str, str]:
    return run.id, printable(run.env), run.method, printable(run.group)


LINES = 1000
LINE_BYTES = 512
"""More than a line of metrics has."""


class NewestEvaluations:
    """Remembers what it found for each run, so that a file is read again only after new generations."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, GenerationMetrics | None]] = {}

    def of(self, run: RunSummary) -> GenerationMetrics | None:
        """The newest committed generation that was evaluated; None where none is known."""
        at, found = self._found.get(run.id, (0, None))
        if run.generation == at:
            return found
        if found is not None and found.generation > run.generation:
            found = None  # the run went back
        found = _read(Path(run.directory), run.generation) or found
        self._found[run.id] = (run.generation, found)
        return found

    def keep(self, runs: set[str]) -> None:
        """Forget all other runs."""
        self._found = {run: found for run, found in self._found.items() if run in runs}


def _read(directory: Path, upto: int) -> GenerationMetrics | None:
    try:
        lines = tail(RunPaths(directory).metrics, GenerationMetrics, LINES, LINES * LINE_BYTES)
    except OSError:
        return None  # the run is being removed
    evaluated = (line for line in reversed(lines) if line.evaluated_mean is not None and line.generation <= upto)
    return next(evaluated, None)
