"""A process that must not outlive the one that started it, however that ends. Linux's prctl(2)."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> bool:
    """Have the kernel send SIGKILL to this process when its parent ends. parent: its id, from before it was asked.

    False where it has ended already.

    Raises:
        OSError: the system refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return os.getppid() == parent
