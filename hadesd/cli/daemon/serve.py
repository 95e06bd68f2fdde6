"""hadesd serve: the daemon in the foreground."""

import argparse
import sys

from hades_protocol.paths import Paths
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.output import say
from hadesd.cli.parsing import Parser, Subparsers, add_patience, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "serve",
        "run the daemon in the foreground; Ctrl-C, SIGTERM and SIGUSR1 stop it after its workers have committed",
        "hadesd serve\nhadesd serve --slots 1 --grace 120\nhadesd serve --listen tcp://0.0.0.0:7421",
    )
    parser.add_argument(
        "--slots", type=int, metavar="N", help="runs that compute at the same time (default: two a GPU, 2 on a CPU)"
    )
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        help="tcp://HOST:PORT for clients on other machines, who need a key ('hadesd keys'); events: the port after it",
    )
    add_patience(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM, Ctrl-C or `hadesd stop`."""
    from hadesd.config import load_settings
    from hadesd.daemon.serve import serve

    require_daemon_extra("serve")
    paths = Paths()
    flags = {name: getattr(args, name) for name in ("slots", "grace", "heartbeat_timeout", "log_level", "listen")}
    settings = load_settings(paths.config_file, flags)

    return serve(paths, settings, say if sys.stderr.isatty() else lambda line: None)
