"""hadesd paths: where this installation has its files and sockets."""

import argparse

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.output import print_json
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "paths",
        "print where runs, sockets, log and settings are; 'hades-tui attach --host' asks for it through ssh",
        "hadesd paths\nhadesd paths --json",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print them; whether they exist is no question."""
    paths = Paths()
    found = {
        "state": paths.state,
        "control_socket": paths.control_socket,
        "events_socket": paths.events_socket,
        "daemon_log": paths.daemon_log,
        "cache": paths.cache,
        "config": paths.config_file,
        "keys": paths.keys,
    }
    if args.json:
        print_json({"schema": 1, **{name: str(path) for name, path in found.items()}})
    else:
        for name, path in found.items():
            print(f"{name.replace('_', ' '):<15} {path}")
    return ExitCode.OK
