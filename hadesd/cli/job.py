"""`python -m hadesd.cli.job PARENT VERB …`: a verb of `hadesd` as a child of the daemon.

At nice 10, as workers are, and gone with its parent: it has nothing to commit.
"""

import signal
import sys

from hadesd import parent
from hadesd.niceness import give_way


def main(arguments: list[str]) -> int:
    """Run the verb; the exit status."""
    if not parent.end_with(int(arguments[0])):
        return -signal.SIGKILL % 256
    give_way()
    from hadesd.cli.main import main as hadesd

    return hadesd(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
