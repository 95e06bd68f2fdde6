"""The newest evaluation of a run's mean dataset, from the end of metrics.jsonl: the summary does not carry it."""

from pathlib import Path

import msgspec

from hades_protocol.messages import GenerationMetrics, RunSummary
from hadesd.storage.atomic import tail_lines
from hadesd.supervisor.history.history import METRICS_FILE

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
        lines = tail_lines(directory / METRICS_FILE, LINES, LINES * LINE_BYTES)
    except OSError:
        return None  # the run is being removed
    for line in reversed(lines):
        try:
            metrics = msgspec.json.decode(line, type=GenerationMetrics)
        except msgspec.DecodeError:
            continue  # the last line of a file that is being written
        if metrics.evaluated_mean is not None and metrics.generation <= upto:
            return metrics
    return None
