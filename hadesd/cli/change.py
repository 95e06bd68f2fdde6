"""What pause, resume and cancel have in common."""

import argparse
import time

from hades_protocol import commands
from hades_protocol.control import ControlClient
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run, add_verb

POLL_SECONDS = 0.1
ON_THE_WAY = (RunState.PAUSING, RunState.CANCELLING)


def add_change(subparsers: "Subparsers[Parser]", verb: str, summary: str) -> Parser:
    """The arguments of a verb that changes a run."""
    parser = add_verb(subparsers, verb, summary, f"hadesd {verb} @\nhadesd {verb} @ --json")
    add_run(parser)
    if verb != "resume":
        parser.add_argument(
            "--no-wait", action="store_true", help="do not wait until the worker has committed and exited"
        )
    add_json(parser)
    return parser


def carry_out(args: argparse.Namespace, kind: type[commands.Mutation]) -> int:
    """Ask for the change and, unless told otherwise, wait until it is done."""
    with ControlClient(Paths()) as client:
        summary: RunSummary = client.request(kind, run=args.run)
        if summary.state in ON_THE_WAY and not getattr(args, "no_wait", True):
            say(f"{summary.id} {summary.state}: its worker finishes the generation and commits")
            while summary.state in ON_THE_WAY:
                time.sleep(POLL_SECONDS)
                summary = client.request(commands.Show, run=summary.id).run
    if args.json:
        print_json(summary)
    else:
        reason = f" ({summary.reason})" if summary.reason else ""
        say(f"{summary.id} is {summary.state} after generation {summary.generation}{reason}")
    return 0
