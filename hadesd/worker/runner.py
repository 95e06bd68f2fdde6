"""The loop of a worker: step -> metrics line -> checkpoint -> dataset -> report, commands at generation boundaries.

While generation g + 1 computes, a thread commits generation g. A generation is reported only once it is
committed, so whatever a client has seen is on disk.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import structlog
from jax.sharding import NamedSharding, PartitionSpec

from hades_protocol.errors import HadesError
from hades_protocol.formatting import count_of
from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hades_protocol.run_state import WorkerPhase
from hadesd.compute import build, migration, results
from hadesd.compute.execution import Execution, version_differences
from hadesd.distill.generation import GenerationStep, MeanEvaluation, init_state
from hadesd.distill.problem import EvolutionState
from hadesd.logs import rotation
from hadesd.storage import metric_lines
from hadesd.storage.checkpoints import Description, Manifest
from hadesd.storage.layout import RunPaths, damaged_lines
from hadesd.storage.resume_records import ResumeKind, append_resume_record
from hadesd.worker.best_dataset import Best
from hadesd.worker.channel import Channel
from hadesd.worker.checkpoints import CheckpointStore
from hadesd.worker.group import Leader
from hadesd.worker.start import Header, Start, packed
from hadesd.worker_protocol import Committed, LogMessage, Resumed

log = structlog.get_logger()

DATASET_SECONDS = 1.0
"""Datasets are sent to the supervisor no more often than this."""


class Runner:
    """One run, from its newest checkpoint to its last generation, to its target, or to a halt.

    target_reached: what is said of it where evolution.target has ended the run; empty where it has not.
    """

    def __init__(self, directory: Path, spec: RunSpec, channel: Channel, group: Leader | None = None) -> None:
        self.directory, self.spec, self.channel, self.group = directory, spec, channel, group
        self.paths = RunPaths(directory)
        self.store = CheckpointStore(self.paths.checkpoints, spec.checkpoints)
        physics, cloning = build.forms_to_go_on_with(spec, self.store.newest_manifest())
        if group is not None:
            with channel.idle():
                group.rendezvous(msgspec.msgpack.encode(Header(physics, cloning)))
        channel.phase(WorkerPhase.COMPILING, 0)  # an environment's machine code
        with channel.idle():
            self.problem, self.mean = build.build(spec, physics, cloning)
        self.mesh, self.execution = build.placed(spec, self.problem)
        if note := build.form_note(self.problem):
            log.warning("physics", detail=note)
        self._settings = spec_to_dict(spec)
        self._versions = results.versions_of(spec)
        self._evaluate = (
            MeanEvaluation(self.problem, self.mesh, self.execution.devices) if spec.evaluation.mean_every else None
        )
        self._best = Best(directory)
        self._sent_dataset_at = 0.0
        self._committed_at = time.monotonic()
        self.target_reached = ""
        self._cpu_seconds = time.process_time()

    def run(self) -> int:
        """Compute until the run is finished or asked to halt; the generation that is committed."""
        state, generation = self._restore()
        total = self.spec.evolution.generations
        pending: Future[None] | None = None
        self._step = GenerationStep(self.problem, self.mesh, self.execution.chunk, self.group)
        if self.group is not None:
            begun = Start(generation, packed(state), self.execution, self._versions)
            self.group.broadcast(msgspec.msgpack.encode(begun))
        self.channel.nothing_committed(generation == 0)
        self._committed_at, self._cpu_seconds = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(1, "commit") as committer:
            while generation < total and not self.target_reached and not self.channel.halting:
                try:
                    if not self._step.compiled:
                        self._compile(state, generation, pending)
                        continue  # it may have been asked to halt meanwhile
                    state, host, metrics = self._advance(state)
                except jax.errors.JaxRuntimeError as error:
                    self._halve_chunk(error, generation)
                    continue
                generation += 1
                if self.group is not None and self.group.halt:
                    self.channel.ask_to_halt(self.group.halt)
                self._prepare_later_programs(state)
                if pending is not None:
                    pending.result()
                line = results.metrics_of(
                    self.spec, self.problem, generation, metrics, self._evaluated(generation, state)
                )
                self._look_at_target(line)
                self.channel.nothing_committed(False)
                pending = committer.submit(self._commit, generation, host, line)
                self.channel.phase(WorkerPhase.EVALUATING, generation + 1)
            self.channel.phase(WorkerPhase.FINISHING, generation)
            if pending is not None:
                pending.result()
        self.store.settle()
        if self.group is not None:
            self.group.end()
            self.group.close()
        return generation

    def _look_at_target(self, line: GenerationMetrics) -> None:
        if results.reaches_target(self.spec, line):
            value = line.evaluated_mean if self.spec.evaluation.mean_every else line.fitness_mean
            self.target_reached = f"{value:.5g} reaches evolution.target, {self.spec.evolution.target:g}"

    def _compile(self, state: EvolutionState, generation: int, pending: Future[None] | None) -> None:
        """Compile the step of a generation, once what was computed before is committed."""
        if pending is not None:
            pending.result()
        self.channel.phase(WorkerPhase.COMPILING, generation + 1)
        with self.channel.idle():
            self._step.compile(state)
        self.channel.phase(WorkerPhase.EVALUATING, generation + 1)

    def _advance(self, state: EvolutionState) -> tuple[EvolutionState, EvolutionState, Any]:
        """One generation: the state on the devices, the same on the host, and the metrics."""
        after, metrics = self._step(state)
        host, metrics = jax.device_get((after, metrics))
        return after, host, metrics

    def _prepare_later_programs(self, state: EvolutionState) -> None:
        """Have what later generations need compiled beside the first ones, which are on disk by then."""
        self._step.prepare(state)
        if self._evaluate is not None:
            self._evaluate.prepare(state)

    def _evaluated(self, generation: int, state: EvolutionState) -> np.ndarray | None:
        """The mean dataset's own evaluation, where one is due: every so often, and after the last generation."""
        every, last = self.spec.evaluation.mean_every, self.spec.evolution.generations
        if self._evaluate is None or (generation % every and generation != last):
            return None
        if self._evaluate.compiling:
            self.channel.phase(WorkerPhase.COMPILING, generation)
        found = np.asarray(self._evaluate(state))
        self.channel.phase(WorkerPhase.EVALUATING, generation)
        return found

    def _restore(self) -> tuple[EvolutionState, int]:
        """The state to go on from, on the devices, with the line files cut to it."""
        self.channel.phase(WorkerPhase.RESTORING, 0)
        found = self.store.restore_newest(self._shape)
        warnings: list[str] = []
        resized = same_method = False
        if found is None:
            self.channel.phase(WorkerPhase.COMPILING, 0)  # of what measures the constants of normalisation
            with self.channel.idle():
                state, generation = init_state(self.problem, self.mean), 0
        else:
            state, manifest, warnings = found
            generation = manifest.generation
            for text in warnings:
                append_resume_record(self.directory, generation, ResumeKind.FALLBACK, text, bit_exact=True)
            same_method = manifest.method == self.spec.method
            warnings += self._join(manifest)
            state, resized = self._migrate(manifest, state)
        warnings += self._cut_lines(generation)
        if self._evaluate is not None and same_method:  # what a policy returned is no level for datasets
            self._best.recall(generation)
        if generation:
            _, dataset = self._dataset(generation, jax.device_get(state))
            self._write_dataset(dataset, best=self._best.generation == generation and not resized)
        if same_method:
            # The worker before may have ended before it could say so.
            for line in metric_lines.read_lines(self.paths.metrics, GenerationMetrics, generation - 1, generation):
                self._look_at_target(line)
        for text in warnings:
            log.warning("resume", detail=text)
            self.channel.report(LogMessage(level="warning", text=text))
        log.info("ready", generation=generation, **self.execution.describe())
        self.channel.report(Resumed(generation=generation, warnings=tuple(warnings)))
        return jax.device_put(state, NamedSharding(self.mesh, PartitionSpec())), generation

    def _cut_lines(self, generation: int) -> list[str]:
        """Cut the line files to a generation; what is damaged or missing in them."""
        warnings = []
        metrics = metric_lines.cut(self.paths.metrics, GenerationMetrics, generation)
        timings = metric_lines.cut(self.paths.timings, GenerationTiming, generation)
        for path, cut in ((self.paths.metrics, metrics), (self.paths.timings, timings)):
            if cut.damaged:
                warnings.append(
                    f"{count_of(cut.damaged, 'line')} of {path.name} cannot be read: kept in {damaged_lines(path).name}"
                )
        if metrics.last < generation:
            name = self.paths.metrics.name
            warnings.append(f"{name} ends at generation {metrics.last}, the checkpoint is of generation {generation}")
        return warnings

    def _join(self, manifest: Manifest) -> list[str]:
        """Compare this process with the one that wrote the checkpoint; the differences that end bit-exactness."""
        generation = manifest.generation
        # The chunk that fitted the memory before is the one to go on with: another one may round differently.
        written = Execution.of_manifest(manifest)
        self.execution = replace(self.execution, chunk=self._chunk(manifest, written))
        differences = self.execution.differences(written) + version_differences(manifest, self.spec)
        if manifest.method != self.spec.method:
            differences = []  # it begins a computation, and goes on with none
        text = "; ".join(differences) or f"resumed after generation {generation}"
        append_resume_record(self.directory, generation, ResumeKind.RESUME, text, bit_exact=not differences)
        return [f"not bit-exact from generation {generation} on: {text}"] if differences else []

    def _shape(self, manifest: Manifest) -> EvolutionState:
        return migration.shape_of(self.spec, manifest.spec(), self.problem, self.mean)

    def _chunk(self, manifest: Manifest, written: Execution) -> int:
        """The chunk to go on with: that of the checkpoint, or where it was made for something else, what fits now."""
        saved_spec, own = manifest.spec(), self.execution
        sizes = [(s.method, s.evolution.population, s.resources.chunk) for s in (saved_spec, self.spec)]
        if sizes[0] == sizes[1] and (written.devices, written.platform) == (own.devices, own.platform):
            return written.chunk
        halved = written.chunk < build.initial_chunk(saved_spec, written.devices, written.platform, written.physics)
        return min(written.chunk, own.chunk) if halved and written.platform == own.platform else own.chunk

    def _migrate(self, manifest: Manifest, state: EvolutionState) -> tuple[EvolutionState, bool]:
        """The state for today's settings, and whether it was resized for them."""
        generation, saved_spec = manifest.generation, manifest.spec()
        same_method = manifest.method == self.spec.method
        if saved_spec != self.spec:
            self.channel.phase(WorkerPhase.RESIZING if same_method else WorkerPhase.DRAWING, generation)
        state, text = migration.migrate_state(
            self.spec, saved_spec, self.problem, self.mesh, self.execution.chunk, state
        )
        if text:
            kind = ResumeKind.RESIZE if same_method else ResumeKind.METHOD
            append_resume_record(self.directory, generation, kind, text, bit_exact=True)
            log.info("resized" if kind == ResumeKind.RESIZE else "pairs drawn", generation=generation, detail=text)
        return state, bool(text)

    def _halve_chunk(self, error: jax.errors.JaxRuntimeError, generation: int) -> None:
        """Go on with half the chunk after an exhausted memory.

        Raises:
            JaxRuntimeError: it is another error, or one candidate at a time is already too much.
        """
        chunk = self.execution.chunk
        if "RESOURCE_EXHAUSTED" not in str(error) or chunk == 1:
            raise error
        if self.group is not None:
            raise HadesError(
                f"out of memory with {chunk} candidates at a time per device, and hosts cannot change that by "
                f"themselves: resume it with --set resources.chunk={chunk // 2}"
            )
        self.execution = replace(self.execution, chunk=chunk // 2)
        text = f"out of memory with {chunk} candidates at a time per device: going on with {chunk // 2}"
        log.warning("chunk", detail=text)
        append_resume_record(self.directory, generation, ResumeKind.CHUNK, text, bit_exact=False)
        self.channel.report(LogMessage(level="warning", text=text))
        self._step = GenerationStep(self.problem, self.mesh, self.execution.chunk)

    def _commit(self, generation: int, state: EvolutionState, line: GenerationMetrics) -> None:
        """Metrics line, checkpoint, dataset, timing, report: in this order, on the commit thread."""
        metric_lines.append(self.paths.metrics, line)
        description = Description(
            generation=generation,
            fitness_mean=line.fitness_mean,
            env=self.spec.env,
            method=self.spec.method,
            settings=self._settings,
            versions=self._versions,
            **self.execution.describe(),
        )
        arrays, dataset = self._dataset(generation, state)
        self.store.save(state, description, dataset)
        self._write_dataset(dataset, best=self._best.improved_by(line))
        now = time.monotonic()
        cpu = time.process_time()
        timing = GenerationTiming(
            generation=generation,
            seconds=round(now - self._committed_at, 6),
            committed_at=round(time.time(), 3),
            cpu_seconds=round(cpu - self._cpu_seconds, 6),
        )
        self._committed_at, self._cpu_seconds = now, cpu
        metric_lines.append(self.paths.timings, timing)
        rotation.rotate_open(self.paths.worker_log, 1, 2)
        shown = None
        last = generation == self.spec.evolution.generations or results.reaches_target(self.spec, line)
        if arrays and (last or now - self._sent_dataset_at >= DATASET_SECONDS):
            shown = results.snapshot_of(self.spec, generation, arrays)
            self._sent_dataset_at = now
        self.channel.report(Committed(metrics=line, timing=timing, dataset=shown))

    def _dataset(self, generation: int, state: EvolutionState) -> tuple[dict[str, np.ndarray], bytes]:
        """The mean dataset's arrays, and the npz of them; both empty for method es."""
        arrays, meta = results.mean_dataset(self.spec, self.problem, state, generation)
        return arrays, results.dataset_bytes(arrays, meta) if arrays else b""

    def _write_dataset(self, dataset: bytes, best: bool) -> None:
        """Replace dataset.npz and, where it is the best so far, best.npz."""
        if not dataset:
            return
        results.replace_dataset(self.paths.dataset, dataset)
        if best:
            self._best.write(dataset)
