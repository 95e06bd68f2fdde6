"""A run as the daemon holds it: the record on disk, the machine's state, its metrics and its worker."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from hades_protocol.messages import DatasetSnapshot, RunSummary, SlurmJobInfo
from hades_protocol.run_spec import RunSpec
from hades_protocol.run_state import WITH_WORKER, WorkerPhase
from hadesd.storage import disk
from hadesd.storage.checkpoint_index import CheckpointIndex
from hadesd.storage.locks import is_run_locked
from hadesd.storage.records import RunRecord
from hadesd.supervisor.diagnosis import Symptom
from hadesd.supervisor.history.history import History
from hadesd.supervisor.lifecycle.state import Run, from_record
from hadesd.supervisor.lifecycle.transitions import restore
from hadesd.supervisor.scheduling.nvml import Gpu


class WorkerHandle(Protocol):
    """What the supervisor does with a worker process."""

    @property
    def pid(self) -> int | None:
        """Id of the process; None where it is on another machine."""

    @property
    def slurm_job(self) -> SlurmJobInfo | None:
        """The job that it is; None for a process of this machine."""

    @property
    def waits_for(self) -> str:
        """Why it does not compute yet; empty where it does."""

    def halt(self, discard: bool) -> None:
        """Ask it to commit its generation and to exit. discard: a first generation is not wanted any more."""

    def kill(self) -> None:
        """SIGKILL."""


StartWorker = Callable[[Path, Mapping[str, str], Callable[[bytes], None], Callable[[int], None]], WorkerHandle]
"""Run directory, environment, on_message, on_exit -> the worker. Raises OSError."""


class ManagedRun:
    """The one mutable thing about a run. Only the supervisor changes it."""

    def __init__(self, directory: Path, record: RunRecord, spec: RunSpec, run: Run, history: History) -> None:
        self.directory = directory
        self.record = record
        self.spec = spec
        self.run = run
        self.history = history
        self.checkpoint_index = CheckpointIndex(directory)
        self.worker: WorkerHandle | None = None
        self.gpus: tuple[Gpu, ...] = ()  # of its worker, or of its last one: a resize goes on where it was
        self.last_heartbeat_at = 0.0  # monotonic time of the worker's last sign of life
        self.last_progress_at = 0.0  # and when it last committed a generation or entered another phase
        self.full_at = 0.0  # monotonic time at which it found a disk full
        self.free_when_full = 0  # and the bytes that were free then
        self.directory_problem = ""  # why its directory cannot be used
        self.symptom: Symptom | None = None  # what is wrong with the search itself
        self.dataset: DatasetSnapshot | None = None
        self.waits_for = ""
        self.orphaned = self.is_locked()  # a worker that an earlier daemon started is still there
        self.shown: RunSummary | None = None  # as last published
        self.has_job = False  # whether an earlier daemon submitted a job that may be there still
        self.unsaved = ""  # why the disk refused run.json, which is older than `record` then

    @classmethod
    def from_disk(cls, directory: Path, record: RunRecord, spec: RunSpec, now: float) -> "ManagedRun":
        """A run as it stands before any worker is started for it. now: Unix time."""
        history = History(directory)
        return cls(directory, record, spec, restore(from_record(record, spec, history.generation), now), history)

    def note_full_disk(self) -> None:
        """Remember how much was free when the run found its disk full: perhaps bytes are not what is missing."""
        self.full_at = time.monotonic()
        try:
            self.free_when_full = disk.free_bytes(self.directory)
        except OSError:  # the directory is gone since, which the monitor will say
            self.free_when_full = 0

    def is_locked(self) -> bool:
        """Whether some worker, of this daemon or of one before, holds the run's lock. Yes where nobody can tell now."""
        try:
            return is_run_locked(self.directory)
        except OSError:  # it is asked again: of an orphan every second, of a removal by whoever wants it
            return True


def summarise(managed_run: ManagedRun) -> RunSummary:
    """The run on one line."""
    run, spec, last = managed_run.run, managed_run.spec, managed_run.history.last
    seconds = managed_run.history.seconds_per_generation
    left = None
    steady = managed_run.history.is_steady and run.phase != WorkerPhase.COMPILING  # how long that takes, nobody knows
    if seconds is not None and steady and run.state in WITH_WORKER:
        left = seconds * max(0, run.generations - run.generation)
    orphan = "the worker of the daemon before still finishes its generation" if managed_run.orphaned else ""
    directory_problem = "" if managed_run.directory_problem in run.reason else managed_run.directory_problem
    worker = managed_run.worker
    waits_for = managed_run.waits_for or (worker.waits_for if worker is not None else "")
    texts = (orphan, directory_problem, waits_for, run.reason, str(managed_run.symptom or ""))
    return RunSummary(
        id=run.id,
        state=run.state,
        env=spec.env,
        method=spec.method,
        preset=managed_run.record.preset,
        seed=spec.seed,
        pairs=spec.dataset.pairs,
        population=spec.evolution.population,
        generation=run.generation,
        generations=run.generations,
        fitness_mean=last.fitness_mean if last else None,
        fitness_best=last.fitness_best if last else None,
        best_so_far=last.best_so_far if last else None,
        seconds_per_generation=seconds,
        seconds_left=left,
        phase=run.phase,
        reason="; ".join(text for text in texts if text),
        restarts=run.restarts,
        created_at=managed_run.record.created_at,
        changed_at=run.changed_at,
        worker_pid=run.worker_pid,
        slurm_job=worker.slurm_job if worker is not None else None,
        parent=managed_run.record.parent,
        directory=str(managed_run.directory),
        group=managed_run.record.group,
        name=managed_run.record.name,
        tags=managed_run.record.tags,
        priority=run.priority,
        note=managed_run.record.note,
        waits_for_room=run.disk_full,
        gpus=tuple(gpu.index for gpu in managed_run.gpus) if run.state in WITH_WORKER else (),
    )


def without_progress(summary: RunSummary) -> RunSummary:
    """The summary less what changes with every generation: what RunChanged is sent for."""
    return replace(
        summary,
        generation=0,
        fitness_mean=None,
        fitness_best=None,
        best_so_far=None,
        seconds_per_generation=None,
        seconds_left=None,
    )
