"""A distillation in the caller's own process, without a daemon and without files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.messages import GenerationMetrics
from hades_protocol.run_spec import RunSpec
from hadesd.api.datasets import Dataset
from hadesd.api.jax_process import start_jax
from hadesd.api.settings import as_spec

Callback = Callable[[GenerationMetrics, Dataset], object]
"""Called after every generation with its metrics and the mean dataset after it."""


@dataclass(frozen=True)
class Distilled:
    """What came of a distillation.

    dataset: the mean dataset after the last generation.
    best: the one with the highest evaluated return, of equal ones the newest, where evaluation.mean_every has it
        evaluated; else None.
    metrics: of every generation, the lines that a run keeps.
    spec: every setting.
    execution: how it was computed, which with the settings decides the bits.
    """

    dataset: Dataset
    best: Dataset | None
    metrics: tuple[GenerationMetrics, ...]
    spec: RunSpec
    execution: dict[str, Any]


def distil(spec: RunSpec | Mapping[str, Any], *, callback: Callback | None = None) -> Distilled:
    """Evolve a dataset until its last generation, here (paper, algorithm 1). The bits are those of a run.

    The first call in a process gives JAX a worker's environment: threads, devices, the cache of compiled programs and,
    of several GPUs, the least used one (CUDA_VISIBLE_DEVICES says another). Where JAX runs already, it stays as it is.

    Args:
        spec: of `settings`, or values that name at least the environment: {"env": "CartPole-v1", "dataset.pairs": 2}.
        callback: called after every generation, as callback(metrics, dataset). It may raise StopIteration to end the
            distillation there.

    Returns:
        The dataset, and the metrics of every generation.

    Raises:
        UsageError: settings that are not accepted; method es, which evolves no dataset; missing packages.
    """
    spec = as_spec(spec)
    if spec.method == "es":
        raise UsageError("method es evolves a policy and no dataset: use method='hades-r' or 'hades-f'")
    if callback is not None and not callable(callback):
        raise UsageError(f"callback is {callback!r}: it takes a function of metrics and a dataset")
    start_jax("hadesd.distil", spec)
    from hadesd.api.search import Search

    search = Search(spec)
    metrics: list[GenerationMetrics] = []
    best: tuple[float, Dataset] | None = None
    for line, dataset in search.generations():
        metrics.append(line)
        if line.evaluated_mean is not None and (best is None or line.evaluated_mean >= best[0]):
            best = (line.evaluated_mean, dataset)
        try:
            if callback is not None:
                callback(line, dataset)
        except StopIteration:
            break
    return Distilled(dataset, best[1] if best else None, tuple(metrics), spec, search.execution.describe())
