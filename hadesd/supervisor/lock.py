"""One daemon per state directory: an exclusive flock, taken before any socket is bound."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from hades_protocol.errors import WrongStateError

ATTEMPTS = 6
PAUSE = 0.1
"""`hadesd stop` and `doctor` look at the lock by taking it for an instant: try again a few times."""


class DaemonLock:
    """Holds the lock until the process ends or `release` is called. The file names the holder."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            WrongStateError: another daemon holds it.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for attempt in range(ATTEMPTS):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == ATTEMPTS - 1:
                    holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
                    os.close(self._fd)
                    raise WrongStateError(
                        f"a daemon already runs for {path.parent} (pid {holder}): use it, or end it with 'hadesd stop'"
                    ) from None
                time.sleep(PAUSE)
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same, its holder has no name
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next daemon start."""
        os.close(self._fd)
