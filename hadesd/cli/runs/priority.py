"""hadesd priority: the place of runs in the queue."""

import argparse

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hadesd.cli.gpu_options import priority
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_runs_or_group, add_verb
from hadesd.cli.runs.bulk import change


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "priority",
        "start queued runs before or after others; a run that computes goes on",
        "hadesd priority @ 10\nhadesd priority k3f9 x7p2 -5 --json\nhadesd priority --group sizes 10",
    )
    add_runs_or_group(parser)
    parser.add_argument(
        "priority", metavar="N", type=priority, help="-1000 to 1000; the higher starts first (default 0)"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the daemon to change the priority of each run."""
    return change(args, commands.Priority, _tell, priority=args.priority)


def _tell(summary: RunSummary) -> str:
    reason = f": {summary.reason}" if summary.reason else ""
    return f"{summary.id} has priority {summary.priority}; it is {summary.state}{reason}"
