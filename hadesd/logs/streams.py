"""Logs of the daemon and of the workers: one JSON object a line, and a full disk never ends who writes them."""

import io
import json
import logging
import os
import threading
from pathlib import Path
from typing import TextIO

import structlog

from hades_protocol.messages import LogLevel
from hadesd.logs import rotation


class FaultTolerantStream(io.TextIOBase):
    """A text stream to a file descriptor that outlives a full or failing disk.

    What cannot be written is counted and dropped; the first text that can be written again comes after a line
    that says how many there were. Each text is one write, so lines of several threads do not mix.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._lock = threading.RLock()  # a finaliser may warn in the middle of a write
        self._lost = 0
        self._reason = ""
        self._broken_line = False

    def fileno(self) -> int:
        """The file descriptor."""
        return self._fd

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write, or count it as lost; the number of characters that were handed in."""
        with self._lock:
            if self._lost and not self._put(self._loss_notice()):
                self._lost += 1
                return len(text)
            self._lost = 0 if self._put(text) else 1
        return len(text)

    def _put(self, text: str) -> bool:
        data = text.encode(errors="backslashreplace")
        if self._broken_line:
            data = b"\n" + data
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._reason = error.strerror or str(error)
            return False
        if written < len(data):  # the last of the room: the line ends in the middle
            self._broken_line, self._reason = True, "no room for the rest of a line"
            return False
        self._broken_line = False
        return True

    def _loss_notice(self) -> str:
        fields: structlog.typing.EventDict = {
            "level": "warning",
            "event": "log lines lost",
            "lines": self._lost,
            "why": self._reason,
        }
        stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", fields)
        return json.dumps(stamped) + "\n"


def configure(stream: TextIO, level: LogLevel = "info") -> None:
    """Send every log line of this process to a stream, as JSON with a UTC time."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def get_logger(**context: object) -> structlog.typing.FilteringBoundLogger:
    """A logger that adds these fields to each of its lines."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**context)
    return logger


class BoundedStream(FaultTolerantStream):
    """Appends to a log file of this process, and rotates it when it has become large."""

    def __init__(self, path: Path) -> None:
        """Open the file, readable for its owner alone.

        Raises:
            OSError: it cannot be opened.
        """
        super().__init__(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.fchmod(self.fileno(), 0o600)
        self._path = path

    def write(self, text: str) -> int:
        """Write, after a rotation where one is due; the number of characters that were handed in."""
        rotation.rotate_open(self._path, self.fileno())
        return super().write(text)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self.fileno())
        super().close()
