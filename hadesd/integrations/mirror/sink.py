"""A generation as the mirrors show it: names and numbers, the same for each of them. Pure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.storage.layout import RunPaths

SCALARS = {
    "fitness/mean": "fitness_mean",
    "fitness/best": "fitness_best",
    "fitness/worst": "fitness_worst",
    "fitness/std": "fitness_std",
    "fitness/best_so_far": "best_so_far",
    "fitness/evaluated_mean": "evaluated_mean",
    "fitness/evaluated_sem": "evaluated_sem",
    "search/sigma": "sigma",
    "search/nan_candidates": "nan",
    "episodes/completed": "episodes",
    "episodes/unfinished": "unfinished",
    "episodes/env_steps": "env_steps",
}
"""Names in a mirror, and the fields of GenerationMetrics."""

SECONDS = "time/seconds_per_generation"


class Point(msgspec.Struct, frozen=True):
    """A committed generation. `timing`: null where nobody knows it (a daemon elsewhere, before the mirror ran)."""

    metrics: GenerationMetrics
    timing: GenerationTiming | None = None


def scalars(point: Point) -> dict[str, float]:
    """The numbers of a generation by name; what is null is left out."""
    found = {name: getattr(point.metrics, field) for name, field in SCALARS.items()}
    out = {name: float(value) for name, value in found.items() if value is not None}
    if point.timing is not None and point.timing.committed_at > 0:
        out[SECONDS] = point.timing.seconds
    return out


class Target(Protocol):
    """One run in a mirror."""

    @property
    def newest(self) -> int:
        """The newest generation that is there; 0 for none. All before it are there as well."""

    def holds(self, metrics: GenerationMetrics) -> bool:
        """Whether the newest generation is there with these numbers."""

    def write(self, points: list[Point]) -> None:
        """Add generations, in order, the first of them after the newest."""

    def cut(self, generation: int) -> None:
        """Void what is after a generation: it will come again."""

    def close(self) -> None:
        """Nothing more comes for now."""


class Timings:
    """timings.jsonl of a run on this machine, read once from front to back."""

    def __init__(self, directory: Path) -> None:
        self._lines = _read(RunPaths(directory).timings)
        self._ahead: GenerationTiming | None = None

    def upto(self, generation: int) -> dict[int, GenerationTiming]:
        """Those up to a generation that were not returned before."""
        found: dict[int, GenerationTiming] = {}
        timing = self._ahead or next(self._lines, None)
        while timing is not None and timing.generation <= generation:
            found[timing.generation] = timing
            timing = next(self._lines, None)
        self._ahead = timing
        return found


def _read(path: Path) -> Iterator[GenerationTiming]:
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield msgspec.json.decode(line, type=GenerationTiming)
    except (OSError, msgspec.DecodeError):
        return  # no such file, or it ends here: times of commit are not worth more
