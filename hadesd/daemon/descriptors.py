"""File descriptors of this process: as many as the system grants, and how many are left."""

import os
import resource

MOST = 2**19
"""So many are asked for at most: programs that close every descriptor that they might have inherit the limit."""


def raise_limit() -> None:
    """Raise the soft limit to the hard one: the soft one, mostly 1024, is meant for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """How many this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else soft


def free() -> int:
    """How many more this process may open; 0 also where it cannot open the list of those that it has."""
    try:
        return limit() - len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
