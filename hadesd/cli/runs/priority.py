"""hadesd priority: a run's place in the queue."""

import argparse

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.gpu_options import priority
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "priority",
        "start a queued run before or after others; a run that computes goes on",
        "hadesd priority @ 10\nhadesd priority @ -5 --json",
    )
    add_run(parser)
    parser.add_argument(
        "priority", metavar="N", type=priority, help="-1000 to 1000; the higher starts first (default 0)"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the daemon to change the priority, and print the run."""
    with ControlClient(Paths()) as client:
        summary: RunSummary = client.request(commands.Priority, run=args.run, priority=args.priority)
    if args.json:
        print_json(summary)
    else:
        reason = f": {summary.reason}" if summary.reason else ""
        say(f"{summary.id} has priority {summary.priority}; it is {summary.state}{reason}")
    return 0
