"""Looks at workers that are silent or hang, at orphans, at disks, and at files that could not be written."""

import time

import structlog

from hades_protocol.run_state import WorkerPhase
from hadesd.config import Settings
from hadesd.storage import disk
from hadesd.supervisor import disk_room
from hadesd.supervisor.dispatcher import is_job
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.hang import hang_reason
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
        if why := hang_reason(managed_run.run.phase, now - managed_run.last_progress_at, median, self._settings):
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
            needed, free = disk_room.bytes_needed(managed_run.directory), disk.free_bytes(managed_run.directory)
        except OSError as error:
            log.warning("cannot look at a full disk", run=managed_run.run.id, why=str(error))
            return
        if disk_room.is_enough(needed, free, managed_run.free_when_full, now - managed_run.full_at):
            self._engine.apply(managed_run, events.DiskSpaceFreed())

    def _check_orphan(self, managed_run: ManagedRun) -> None:
        if managed_run.worker is not None:
            managed_run.orphaned = False  # our own waits for the lock, and will say where the run stands
        elif not managed_run.is_locked():
            managed_run.orphaned = False
            self._engine.apply(managed_run, events.OrphanExited(History(managed_run.directory).generation))
