"""Gives way to other people's processes: a shared box stays pleasant for those at its terminals."""

import contextlib
import errno
import os
import time
from pathlib import Path

NICENESS = 10

AUTOGROUP = Path("/proc/self/autogroup")
"""sched(7): Linux shares the CPU between sessions first, and a process's nice value counts within its session only."""

AUTOGROUP_RETRY_SECONDS = 2.0
"""It is tried for so long: without privileges a machine's autogroups may be changed ten times a second in all."""


def give_way() -> None:
    """Compute at nice 10 from here on, with all that this process starts; its session too, where it leads it."""
    nice = os.nice(NICENESS)
    if os.getsid(0) != os.getpid():
        return  # others are in the session: whoever leads it decides
    deadline = time.monotonic() + AUTOGROUP_RETRY_SECONDS
    with contextlib.suppress(OSError):  # no autogroups here, or none that may be changed: nice is what there is
        while not _set_autogroup(nice) and time.monotonic() < deadline:
            time.sleep(0.05)


def _set_autogroup(nice: int) -> bool:
    """Whether the kernel took it; False where it does not yet.

    Raises:
        OSError: it never will.
    """
    try:
        AUTOGROUP.write_text(str(nice))
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        return False
    return True
