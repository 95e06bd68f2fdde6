"""What is done to runs in one process: a worker's whole life and verbs of the command line, each in half a second.

What a worker compiles is compiled once and kept; all else is the worker's own code.
"""

import contextlib
import functools
import io
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from hades_protocol.errors import HadesError
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hades_protocol.run_state import WorkerPhase
from hadesd.cli.main import main
from hadesd.compute.jax_setup import prepare
from hadesd.storage import records
from hadesd.storage.checkpoints import generations, read_manifest
from hadesd.storage.layout import LOCK, RESUMES, RunPaths
from hadesd.storage.resume_records import read_resume_records
from hadesd.worker import checkpoints, faults, runner
from hadesd.worker.channel import Channel
from hadesd.worker_protocol import Committed, Resumed

Results = dict[str, bytes | str]
"""What is compared, by name."""

Heard = Callable[[str, int], None]
"""Told of what a worker reports: "committed", "durable" or "resumed", and the generation."""


class _FastClock:
    """A clock on which every second checkpoint is due to be flushed, however fast they come."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 0.55 * checkpoints.DURABLE_SECONDS
        return self._now


def set_up() -> None:
    """From now on, what a Runner compiles for the same settings is compiled once, and every second checkpoint flushed.

    To be called once in a process, before anything else.
    """
    prepare()
    checkpoints.time = _FastClock()
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    build = runner.build.build
    problems: dict[str, object] = {}

    def built(spec: RunSpec, *forms: str) -> object:
        key = repr((msgspec.structs.replace(spec, checkpoints=RunSpec(env=spec.env).checkpoints), forms))
        if key not in problems:
            problems[key] = build(spec, *forms)
        return problems[key]

    def by_identity(make: Callable[..., object]) -> Callable[..., object]:
        made: dict[object, object] = {}
        held: list[object] = []  # so that no identity is used twice

        @functools.wraps(make)
        def once(problem: object, *rest: object) -> object:
            key = (id(problem), *(id(value) if hasattr(value, "shape") else value for value in rest))
            if key not in made:
                held.append((problem, rest))
                made[key] = make(problem, *rest)
            return made[key]

        return once

    runner.build.build = built
    runner.init_state = by_identity(runner.init_state)
    runner.GenerationStep, runner.MeanEvaluation = map(by_identity, (runner.GenerationStep, runner.MeanEvaluation))


class Ears(Channel):
    """A channel whose supervisor listens, and asks the worker to halt after a generation."""

    def __init__(self, heard: Heard, halt_after: int | None = None) -> None:
        super().__init__(None)
        self._heard, self._halt_after = heard, halt_after
        self.durable: Callable[[], int | None] = lambda: None

    def phase(self, name: WorkerPhase, generation: int) -> None:
        if self._halt_after is not None and name == WorkerPhase.EVALUATING and generation > self._halt_after:
            self._ask("asked to halt")  # on the thread that computes: always after the same generation

    def report(self, message: msgspec.Struct) -> None:
        if isinstance(message, Committed):
            self._heard("committed", message.metrics.generation)
            self._heard("durable", self.durable() or 0)
        elif isinstance(message, Resumed):
            self._heard("resumed", message.generation)


def worker(directory: Path, heard: Heard = lambda what, generation: None, halt_after: int | None = None) -> str:
    """A worker's life on a run; how it ended, as `hadesd.worker.__main__` says it."""
    channel = Ears(heard, halt_after)
    try:
        spec = records.load(directory)[1]
        life = runner.Runner(directory, spec, channel)
        channel.durable = lambda: life.store._durable
        generation = life.run()
    except HadesError as error:
        return f"failed: {error}"
    except Exception as error:  # noqa: BLE001 — as the worker's own main
        found = faults.ending(error, directory)
        return f"{found.outcome}: {found.reason}" if found else f"crashed: {error!r}"
    return "finished" if generation >= spec.evolution.generations else "checkpointed"


def hadesd(*arguments: str) -> tuple[int, str]:
    """A verb; its exit code and what it said on stderr."""
    error = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error):
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
    return code, error.getvalue().strip()


def make_run(directory: Path, spec: RunSpec) -> None:
    """A run directory with its run.json, as a daemon makes it."""
    directory.mkdir(parents=True, mode=0o700)
    record = records.RunRecord(schema=1, id=directory.name, created_at=0.0, spec=spec_to_dict(spec))
    records.save(directory, record)


def results(directory: Path) -> Results:
    """What has to be the same, to the bit, whatever happened to the run on its way."""
    paths = RunPaths(directory)
    names = {path.name for path in directory.iterdir()} - {LOCK, RESUMES}
    found: Results = {"files": " ".join(sorted(names))}
    for path in (paths.metrics, paths.dataset, paths.best):
        if path.exists():
            found[path.name] = path.read_bytes()
    for generation in generations(paths.checkpoints):
        manifest = read_manifest(paths.checkpoint(generation))
        found[f"checkpoint {generation}"] = manifest.sha256 if manifest else ""
    found["seams"] = "; ".join(sorted(_seams(directory)))
    return found


def _seams(directory: Path) -> set[str]:
    """What the worker says of resumes that were not bit-exact."""
    records = read_resume_records(directory)
    return {f"{record.text} at {record.generation}" for record in records if not record.bit_exact}
