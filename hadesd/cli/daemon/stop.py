"""hadesd stop: the daemon commits what runs and exits."""

import argparse
import time

from hades_protocol import commands
from hades_protocol.errors import UnreachableError
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import say
from hadesd.cli.parsing import Parser, Subparsers, add_verb, positive_seconds
from hadesd.cli.progress import Progress
from hadesd.storage.locks import is_locked

POLL_SECONDS = 0.1


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "stop",
        "stop the daemon: its workers commit first, and the next daemon goes on where they were",
        "hadesd stop\nhadesd stop --timeout 300",
    )
    parser.add_argument(
        "--timeout", type=positive_seconds, metavar="S", default=None, help="give up waiting after S seconds"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the daemon to stop and wait until its process has ended."""
    paths = Paths()
    with ControlClient(paths) as client:
        info: DaemonInfo = client.request(commands.Stop)
    if paths.connect:  # its lock is on the other machine
        say(f"daemon {info.pid} was asked to stop; its workers commit first")
        return 0
    deadline = None if args.timeout is None else time.monotonic() + args.timeout
    with Progress("waiting until the workers have committed"):
        while is_locked(paths.lock):
            if deadline is not None and time.monotonic() > deadline:
                raise UnreachableError(
                    f"the daemon (pid {info.pid}) still waits for its workers after {args.timeout:g} s: "
                    "'hadesd status' shows which; it ends by itself"
                )
            time.sleep(POLL_SECONDS)
    say(f"daemon {info.pid} stopped; 'hadesd serve' or the next 'hadesd start' goes on with its runs")
    return 0
