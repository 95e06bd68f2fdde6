"""What the daemon looks after: workers that say nothing or get nowhere, orphans, disks, files that were refused."""

import time

import structlog

from hadesd.config import Settings
from hadesd.storage import disk
from hadesd.supervisor import hang, room
from hadesd.supervisor import machine_words as w
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.history import History
from hadesd.supervisor.managed import Managed

LATE_TICK = 5.0
"""Seconds of our own absence (a suspended machine, a stopped daemon) after which no worker is blamed for silence."""

STUCK_SECONDS = 30.0
"""Seconds beyond the silence for which a worker is killed; one that still is there cannot be killed."""

DISK_SECONDS = 3.0
"""The runs' directories are looked at this often."""

log = structlog.get_logger()


class Watch:
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
        for managed in tuple(self._engine.runs.values()):
            if managed.unsaved:
                self._engine.save(managed)
            if managed.orphaned:
                self._look_for_orphan(managed)
            if managed.worker is not None:
                self._look_at_worker(managed, now, absent > LATE_TICK)
            if at_disk:
                self._look_at_disk(managed, now)
                managed.history.rest(now)

    @property
    def stuck(self) -> list[str]:
        """Runs whose worker was killed and is there all the same (a driver that hangs, say)."""
        heard_since = time.monotonic() - self._settings.silence - STUCK_SECONDS
        return [m.run.id for m in self._engine.runs.values() if m.worker is not None and m.heard_at < heard_since]

    def _look_at_worker(self, managed: Managed, now: float, we_were_away: bool) -> None:
        if we_were_away:
            managed.heard_at = managed.moved_at = now
        silent = now - managed.heard_at
        if silent > self._settings.silence:
            self._engine.apply(managed, w.Faulty(f"the worker gave no sign of life for {silent:.0f} s"))
        median = managed.history.seconds_per_generation
        if why := hang.verdict(managed.run.phase, now - managed.moved_at, median, self._settings):
            self._engine.apply(managed, w.Faulty(f"the worker hangs: {why}"))

    def _look_at_disk(self, managed: Managed, now: float) -> None:
        trouble = disk.trouble(managed.directory)
        if trouble != managed.trouble:
            log.warning("run directory", run=managed.run.id, trouble=trouble or "usable again")
            managed.trouble = trouble
            self._engine.publish(managed)
        if not managed.run.out_of_room or trouble or self._engine.stopping:
            return
        try:
            needed, free = room.needed(managed.directory), disk.free_bytes(managed.directory)
        except OSError as error:
            log.warning("cannot look at a full disk", run=managed.run.id, why=str(error))
            return
        if room.is_enough(needed, free, managed.free_when_full, now - managed.full_at):
            self._engine.apply(managed, w.RoomAgain())

    def _look_for_orphan(self, managed: Managed) -> None:
        if managed.worker is not None:
            managed.orphaned = False  # our own waits for the lock, and will say where the run stands
        elif not managed.is_locked():
            managed.orphaned = False
            self._engine.apply(managed, w.OrphanGone(History(managed.directory).generation))
