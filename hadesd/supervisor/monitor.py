"""Looks at workers that are silent or hang, at orphans, at disks, and at files that could not be written."""

import time
from pathlib import Path

import structlog

from hades_protocol.run_state import WorkerPhase
from hadesd.config import Settings
from hadesd.storage import disk
from hadesd.storage.checkpoints import generations
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.dispatcher import is_job
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.history.history import History
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.run import ManagedRun

LATE_TICK = 5.0
"""Gap in seconds between two ticks (a suspended machine, say) after which heartbeat deadlines are reset."""

STUCK_SECONDS = 30.0
"""Seconds beyond heartbeat_timeout; a worker that still is there then cannot be killed."""

DISK_SECONDS = 3.0
"""The runs' directories are looked at this often."""

log = structlog.get_logger()


COMMITS = frozenset({WorkerPhase.EVALUATING, WorkerPhase.FINISHING})
"""Phases in which generation after generation is committed; all others come before the first."""


def verdict(phase: WorkerPhase, seconds: float, median: float | None, settings: Settings) -> str:
    """Why a worker counts as hung, in words; empty where it does not.

    seconds: since it last committed a generation or entered another phase. median: of its newest generations'
    durations in seconds; None before the first.
    """
    if not settings.hang_factor or phase in (WorkerPhase.WAITING_FOR_LOCK, WorkerPhase.WAITING_IN_SLURM):
        return ""  # it waits for as long as it takes
    if phase not in COMMITS or median is None:
        return f"still {phase} after {seconds:.0f} s" if seconds > settings.hang_start else ""
    if seconds <= max(settings.hang_floor, settings.hang_factor * median):
        return ""
    times = seconds / max(median, 1e-3)
    return f"no generation for {seconds:.0f} s, {times:.0f} times the median of {median:.3g} s"


CHECKPOINTS_TO_FIT = 4
"""How many of its newest checkpoints a run must have room for before it goes on."""

SPARE = 8 * disk.MIB
"""And for how many bytes besides: lines, datasets, logs, run.json."""

PATIENCE = 60.0
"""Seconds until another attempt where bytes are not what was missing: a quota, or a limit on the number of files."""


def needed(directory: Path) -> int:
    """Bytes that have to be free before a run goes on."""
    checkpoints = RunPaths(directory).checkpoints
    newest = max(generations(checkpoints), default=None)
    files = (checkpoints / str(newest)).rglob("*") if newest is not None else ()
    return CHECKPOINTS_TO_FIT * sum(file.stat().st_size for file in files if file.is_file()) + SPARE


def is_enough(needed: int, free: int, free_when_full: int, waited: float) -> bool:
    """Whether it is worth another attempt.

    free_when_full: bytes that were free when the run stopped. waited: seconds since then.
    """
    return free >= needed and (free_when_full < needed or waited >= PATIENCE)


class RunMonitor:
    """Looks at every run; what it finds goes to the state machine."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._ticked_at = time.monotonic()
        self._disk_at = 0.0

    def tick(self) -> None:
        """Once a second."""
        now = time.monotonic()
        absent, self._ticked_at = now - self._ticked_at, now
        at_disk = now - self._disk_at >= DISK_SECONDS
        if at_disk:
            self._disk_at = now
        for managed_run in tuple(self._engine.runs.values()):
            if managed_run.unsaved:
                self._engine.save(managed_run)
            if managed_run.orphaned:
                self._check_orphan(managed_run)
            if managed_run.worker is not None:
                self._check_worker(managed_run, now, absent > LATE_TICK)
            if at_disk:
                self._check_disk(managed_run, now)
                managed_run.history.rest(now)

    @property
    def stuck(self) -> list[str]:
        """Runs whose worker was killed and is there all the same (a driver that hangs, say).

        Slurm's jobs are not among them: where Slurm is silent they cannot be ended, and the workers here go on.
        """
        alive_before = time.monotonic() - self._settings.heartbeat_timeout - STUCK_SECONDS
        here = (m for m in self._engine.runs.values() if m.worker is not None and not is_job(m))
        return [m.run.id for m in here if m.last_heartbeat_at < alive_before]

    def _check_worker(self, managed_run: ManagedRun, now: float, was_absent: bool) -> None:
        if was_absent:
            managed_run.last_heartbeat_at = managed_run.last_progress_at = now
        silent = now - managed_run.last_heartbeat_at
        # Of a job without a worker Slurm says whether it is alive, as often as it is asked.
        waits = managed_run.run.phase == WorkerPhase.WAITING_IN_SLURM
        if silent > self._settings.heartbeat_timeout and not waits:
            self._engine.apply(managed_run, events.WorkerFault(f"the worker gave no sign of life for {silent:.0f} s"))
        median = managed_run.history.seconds_per_generation
        if why := verdict(managed_run.run.phase, now - managed_run.last_progress_at, median, self._settings):
            self._engine.apply(managed_run, events.WorkerFault(f"the worker hangs: {why}"))

    def _check_disk(self, managed_run: ManagedRun, now: float) -> None:
        directory_problem = disk.directory_problem(managed_run.directory)
        if directory_problem != managed_run.directory_problem:
            log.warning("run directory", run=managed_run.run.id, directory_problem=directory_problem or "usable again")
            managed_run.directory_problem = directory_problem
            self._engine.publish(managed_run)
        if not managed_run.run.disk_full or directory_problem or self._engine.stopping:
            return
        try:
            bytes_needed, free = needed(managed_run.directory), disk.free_bytes(managed_run.directory)
        except OSError as error:
            log.warning("cannot look at a full disk", run=managed_run.run.id, why=str(error))
            return
        if is_enough(bytes_needed, free, managed_run.free_when_full, now - managed_run.full_at):
            self._engine.apply(managed_run, events.DiskSpaceFreed())

    def _check_orphan(self, managed_run: ManagedRun) -> None:
        if managed_run.worker is not None:
            managed_run.orphaned = False  # our own waits for the lock, and will say where the run stands
        elif not managed_run.is_locked():
            managed_run.orphaned = False
            self._engine.apply(managed_run, events.OrphanExited(History(managed_run.directory).generation))
