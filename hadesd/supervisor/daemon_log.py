"""daemon.log: appended to by the one daemon, and bounded."""

import os
from pathlib import Path

from hadesd import logfiles
from hadesd.log import PatientStream


class BoundedStream(PatientStream):
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
        logfiles.rotate_open(self._path, self.fileno())
        return super().write(text)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self.fileno())
        super().close()
