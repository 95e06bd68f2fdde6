"""The best dataset so far, by its own evaluation: what a user ships."""

import math
from pathlib import Path

from hades_protocol.messages import GenerationMetrics
from hadesd.compute import results
from hadesd.storage import metric_lines
from hadesd.storage.atomic import write_atomically
from hadesd.storage.layout import RunPaths


class Best:
    """best.npz: the mean dataset with the highest evaluated return (or accuracy) so far, of equal ones the newest.

    Where many evaluations reach the highest return that there is, the search has gone on between them.
    It is written after its generation's checkpoint, so a crash in between is mended from that checkpoint.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.generation = directory, 0
        self._value = -math.inf

    def recall(self, generation: int) -> None:
        """Find the generation of the file, and whether the newest one, of which the checkpoint is, is as good.

        A file of a later generation, as after a fallback, comes again. Without a file (a fork of a run whose best came
        later) the next evaluation is the best: a level that no file reaches would be of no use to anybody.
        """
        written = results.generation_of(RunPaths(self.directory).best)
        self.generation, self._value = 0, -math.inf
        for line in metric_lines.read_metrics(self.directory):
            if line.generation in (written, generation) or line.generation < generation < written:
                self.improved_by(line)

    def improved_by(self, line: GenerationMetrics) -> bool:
        """Whether no generation so far is better; if so it is remembered."""
        value = line.evaluated_mean
        if value is None or value < self._value:
            return False
        self.generation, self._value = line.generation, value
        return True

    def write(self, dataset: bytes) -> None:
        """Replace the file, and have it on the disk; dataset: the content of an npz.

        Nothing makes it anew after a power cut: the next worker may go on from a later generation.
        """
        write_atomically(RunPaths(self.directory).best, dataset)
