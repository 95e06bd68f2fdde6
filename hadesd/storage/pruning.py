"""Retention on request: the checkpoints that a changed rule no longer keeps, of runs without a worker."""

from pathlib import Path
from typing import NamedTuple

from hades_protocol.run_spec import Retention
from hadesd.storage.atomic import sync_directory
from hadesd.storage.checkpoints import discard, flush, flush_lines, read_fitness, retained
from hadesd.storage.layout import RunPaths
from hadesd.storage.usage import tree_bytes


class PruningPlan(NamedTuple):
    """Generations with their checkpoints' bytes: those that stay and those that go."""

    stay: dict[int, int]
    go: dict[int, int]


def plan(directory: Path, rule: Retention) -> PruningPlan:
    """What a rule makes of the checkpoints of a run that are there now."""
    checkpoints = RunPaths(directory).checkpoints
    fitness = read_fitness(checkpoints) if checkpoints.is_dir() else {}
    sizes = {generation: tree_bytes(checkpoints / str(generation)) for generation in sorted(fitness)}
    stay = retained(fitness, rule)
    return PruningPlan(
        {g: size for g, size in sizes.items() if g in stay}, {g: s for g, s in sizes.items() if g not in stay}
    )


def prune(directory: Path, rule: Retention) -> PruningPlan:
    """Remove what the rule does not keep. The caller holds the run's lock.

    Raises:
        OSError: a checkpoint could not be removed; the others stay.
    """
    decided = plan(directory, rule)
    checkpoints = RunPaths(directory).checkpoints
    if decided.go:
        # A worker flushes only some: what stays must be safe from a power cut before what was safe is removed.
        flush_lines(directory)
        flush(checkpoints / str(max(decided.stay)))
        sync_directory(checkpoints)
    for generation in decided.go:
        discard(checkpoints, generation)
    return decided
