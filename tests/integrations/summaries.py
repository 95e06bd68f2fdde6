"""Summaries and metrics of runs, for tests that need no daemon."""

from pathlib import Path

import msgspec

from hades_protocol.messages import GenerationMetrics, RunSummary
from hades_protocol.run_state import RunState


def metrics(generation: int, mean: float = 0.5, evaluated: float | None = None) -> GenerationMetrics:
    """What a generation came to."""
    return GenerationMetrics(
        generation=generation,
        fitness_mean=mean,
        fitness_best=2.1,
        fitness_worst=None,
        fitness_std=0.3,
        best_so_far=2.1,
        sigma=0.1,
        episodes=10,
        unfinished=0,
        nan=0,
        env_steps=100,
        evaluated_mean=evaluated,
    )


def summary(run: str, directory: Path, generation: int) -> RunSummary:
    """A run that computes."""
    return RunSummary(
        id=run,
        state=RunState.RUNNING,
        env="CartPole-v1",
        method="hades-r",
        generation=generation,
        generations=100,
        directory=str(directory),
    )


def write_metrics(directory: Path, lines: list[GenerationMetrics]) -> None:
    """metrics.jsonl."""
    (directory / "metrics.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
