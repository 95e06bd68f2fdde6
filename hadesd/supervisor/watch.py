"""What the daemon looks after once a second: workers that say nothing, orphans, files that the disk refused."""

import time

from hadesd.settings import Settings
from hadesd.supervisor import machine_words as w
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.history import History
from hadesd.supervisor.managed import Managed

LATE_TICK = 5.0
"""Seconds of our own absence (a suspended machine, a stopped daemon) after which no worker is blamed for silence."""


class Watch:
    """Looks at every run; what it finds goes to the state machine."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._ticked_at = time.monotonic()

    def tick(self) -> None:
        """Once a second."""
        now = time.monotonic()
        absent, self._ticked_at = now - self._ticked_at, now
        for managed in tuple(self._engine.runs.values()):
            if managed.unsaved:
                self._engine.save(managed)
            if managed.orphaned:
                self._look_for_orphan(managed)
            if managed.worker is not None:
                self._look_at_worker(managed, now, absent > LATE_TICK)

    def _look_at_worker(self, managed: Managed, now: float, we_were_away: bool) -> None:
        if we_were_away:
            managed.heard_at = now
        silent = now - managed.heard_at
        if silent > self._settings.silence:
            self._engine.apply(managed, w.Faulty(f"the worker gave no sign of life for {silent:.0f} s"))

    def _look_for_orphan(self, managed: Managed) -> None:
        if managed.worker is not None:
            managed.orphaned = False  # our own waits for the lock, and will say where the run stands
        elif not managed.is_locked():
            managed.orphaned = False
            self._engine.apply(managed, w.OrphanGone(History(managed.directory).generation))
