"""The loop of a worker (hadesd.worker.runner) without its files: the same programs in the same order, the same bits."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from hades_protocol.errors import UsageError
from hades_protocol.messages import GenerationMetrics
from hades_protocol.run_spec import RunSpec
from hadesd.api.datasets import Dataset
from hadesd.compute import build, results
from hadesd.distill.generation import GenerationStep, MeanEvaluation, init_state
from hadesd.distill.problem import EvolutionState


class Search:
    """One distillation. execution: how it is computed, which with the settings decides the bits."""

    def __init__(self, spec: RunSpec) -> None:
        """Build what is computed.

        Raises:
            UsageError: settings that do not fit each other or this machine.
        """
        if spec.resources.hosts != 1:
            raise UsageError(
                f"resources.hosts is {spec.resources.hosts}, and this computes in one process: leave it out"
            )
        self._spec = spec
        self._problem, self._mean = build.build(spec)
        self._mesh, self.execution = build.placed(spec, self._problem)
        self._step = GenerationStep(self._problem, self._mesh, self.execution.chunk)
        self._evaluate = MeanEvaluation(self._problem, self._mesh) if spec.evaluation.mean_every else None

    def generations(self) -> Iterator[tuple[GenerationMetrics, Dataset]]:
        """Metrics and mean dataset of every generation, to the last one or to the target."""
        state = jax.device_put(init_state(self._problem, self._mean), NamedSharding(self._mesh, PartitionSpec()))
        for generation in range(1, self._spec.evolution.generations + 1):
            state, metrics = self._advance(state)
            host, metrics = jax.device_get((state, metrics))
            evaluated = self._evaluated(generation, state)
            line = results.metrics_of(self._spec, self._problem, generation, metrics, evaluated)
            yield line, self._dataset(host, generation)
            if results.reaches_target(self._spec, line):
                return

    def _advance(self, state: EvolutionState) -> tuple[EvolutionState, Any]:
        """One generation; after an exhausted memory with half the chunk, as a worker does."""
        while True:
            try:
                if not self._step.compiled:
                    self._step.compile(state)
                return self._step(state)
            except jax.errors.JaxRuntimeError as error:
                chunk = self.execution.chunk
                if "RESOURCE_EXHAUSTED" not in str(error) or chunk == 1:
                    raise
                self.execution = replace(self.execution, chunk=chunk // 2)
                self._step = GenerationStep(self._problem, self._mesh, chunk // 2)

    def _evaluated(self, generation: int, state: EvolutionState) -> Any:
        """The mean dataset's own evaluation where one is due, else None."""
        if self._evaluate is None:
            return None
        self._evaluate.prepare(state)
        due = generation % self._spec.evaluation.mean_every == 0 or generation == self._spec.evolution.generations
        return self._evaluate(state) if due else None

    def _dataset(self, state: EvolutionState, generation: int) -> Dataset:
        arrays, meta = results.mean_dataset(self._spec, self._problem, state, generation)
        return Dataset(
            arrays["states"],
            arrays["actions"],
            arrays.get("obs_mean"),
            arrays.get("obs_var"),
            json.loads(meta),
            f"the dataset of {self._spec.env} after generation {generation}",
        )
