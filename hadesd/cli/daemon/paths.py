"""hadesd paths: where this installation has its files and sockets."""

import argparse

from msgspec.structs import asdict

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.documents.daemon import PathsDocument
from hadesd.cli.output import print_json
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
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
    paths.find_sockets()
    found = PathsDocument(
        state=str(paths.state),
        control_socket=str(paths.control_socket),
        events_socket=str(paths.events_socket),
        daemon_log=str(paths.daemon_log),
        cache=str(paths.cache),
        config=str(paths.config_file),
        keys=str(paths.keys),
    )
    if args.json:
        print_json(found)
    else:
        for name, path in asdict(found).items():
            print(f"{name.replace('_', ' '):<15} {path}")
    return ExitCode.OK
