"""What a curve can show: the fitness, or another number of each generation. Pure."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from hades_protocol.messages import GenerationMetrics, MarkKind
from hades_tui.state.history import RunHistory, Usage


class Quantity(StrEnum):
    """A number of each generation. The value is its name on the screen."""

    FITNESS = "fitness"
    EVALUATED = "mean dataset"
    SIGMA = "sigma"
    SECONDS = "time a generation"
    EPISODES = "episodes"
    NAN = "NaN candidates"
    MOVED = "dataset moved"
    CPU = "worker CPU"
    MEMORY = "worker memory"
    GPU = "GPU utilisation"


UNITS = {
    Quantity.FITNESS: "return",
    Quantity.EVALUATED: "return",
    Quantity.SIGMA: "units of states and actions",
    Quantity.SECONDS: "s",
    Quantity.EPISODES: "completed a generation",
    Quantity.NAN: "of the population",
    Quantity.MOVED: "units of states and actions a generation",
    Quantity.CPU: "cores",
    Quantity.MEMORY: "MiB",
    Quantity.GPU: "%",
}

RETURNS = (Quantity.FITNESS, Quantity.EVALUATED)
"""Those that references can be compared with."""

COUNTS = (Quantity.EPISODES, Quantity.NAN)
"""Those whose axis begins at 0."""

WHILE_WATCHED = (Quantity.MOVED, Quantity.CPU, Quantity.MEMORY, Quantity.GPU)
"""Those of which only the generations are known that were committed while this screen watched the run."""

MIB = 2.0**20

_OF_METRICS: dict[Quantity, Callable[[GenerationMetrics], float | None]] = {
    Quantity.FITNESS: lambda m: m.fitness_mean,
    Quantity.EVALUATED: lambda m: m.evaluated_mean,
    Quantity.SIGMA: lambda m: m.sigma,
    Quantity.EPISODES: lambda m: float(m.episodes),
    Quantity.NAN: lambda m: float(m.nan),
}
_OF_USAGE: dict[Quantity, Callable[[Usage], float | None]] = {
    Quantity.CPU: lambda usage: usage.cpu,
    Quantity.MEMORY: lambda usage: None if usage.memory is None else usage.memory / MIB,
    Quantity.GPU: lambda usage: None if usage.gpu is None else 100.0 * usage.gpu,
}


def named(quantity: Quantity) -> str:
    """Name and unit."""
    return f"{quantity.value} ({UNITS[quantity]})"


def values_of(quantity: Quantity, history: RunHistory, start: int = 0) -> list[float | None]:
    """The number of each point of a history from point `start` on; None where it is not known."""
    metrics = history.metrics[start:]
    if read := _OF_METRICS.get(quantity):
        return [read(m) for m in metrics]
    if quantity is Quantity.SECONDS:
        return _seconds(history, start)
    if quantity is Quantity.MOVED:
        return [history.moved.get(m.generation) for m in metrics]
    known = (history.usage.get(m.generation) for m in metrics)
    return [None if usage is None else _OF_USAGE[quantity](usage) for usage in known]


def on_axis(quantity: Quantity, values: Sequence[float]) -> list[float]:
    """What the axis shows besides the values: counts begin at 0, and nothing but a return is below it."""
    if quantity not in RETURNS and not any(values):
        return [0.0, 1.0]
    return [0.0] if quantity in COUNTS else []


def following(quantity: Quantity, history: RunHistory) -> Quantity:
    """The next quantity of which anything is known; the fitness always is."""
    cycle = list(Quantity)
    at = cycle.index(quantity)
    after = (cycle[(at + step) % len(cycle)] for step in range(1, len(cycle) + 1))
    return next(q for q in after if q is Quantity.FITNESS or any(y is not None for y in values_of(q, history)))


def _seconds(history: RunHistory, start: int) -> list[float | None]:
    """Time from the point before, a generation; not known across a pause or a crash, which a mark tells."""
    metrics, times = history.metrics, history.committed_at
    breaks = [mark.generation for mark in history.marks if mark.kind in (MarkKind.RESUME, MarkKind.FORK)]
    return [_between(metrics, times, i, breaks) for i in range(start, len(metrics))]


def _between(
    metrics: Sequence[GenerationMetrics], times: Sequence[float], i: int, breaks: Sequence[int]
) -> float | None:
    if i == 0 or times[i - 1] <= 0.0 or times[i] <= times[i - 1]:
        return None
    before, now = metrics[i - 1].generation, metrics[i].generation
    if any(before <= generation < now for generation in breaks):
        return None
    return (times[i] - times[i - 1]) / (now - before)
