"""`python -m hadesd.cli.job PARENT VERB …`: a verb of `hadesd` as a child of the daemon.

At nice 10, as workers are, and gone with its parent: it has nothing to commit.
"""

import ctypes
import os
import signal
import sys

NICENESS = 10
PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that this process gets when its parent ends, however that ends."""


def main(arguments: list[str]) -> int:
    """Run the verb; the exit status."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if os.getppid() != int(arguments[0]):  # it ended before we asked to be told
        return -signal.SIGKILL % 256
    os.nice(NICENESS)
    from hadesd.cli.main import main as hadesd

    return hadesd(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
