"""Log lines that any client can cause: so many a minute are written, the others are counted."""

import time
from collections.abc import Callable
from typing import Any

import structlog

LINES = 20
SECONDS = 60.0

log = structlog.get_logger()


class RateLimitedLogger:
    """Writes at most LINES lines in SECONDS; the first one after that says how many there were besides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._written = 0
        self._held = 0

    def info(self, event: str, **fields: Any) -> None:
        """Write a line, or count it."""
        if self._admits():
            log.info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """As info."""
        if self._admits():
            log.warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """As info."""
        if self._admits():
            log.error(event, **fields)

    def _admits(self) -> bool:
        now = self._clock()
        if now - self._since >= SECONDS:
            if self._held:
                log.info("lines not written, there were too many", lines=self._held, seconds=round(now - self._since))
            self._since, self._written, self._held = now, 0, 0
        if self._written >= LINES:
            self._held += 1
            return False
        self._written += 1
        return True
