"""hadesd note: what people write on a run."""

import argparse

from hades_protocol import commands
from hades_protocol.errors import UsageError
from hades_protocol.messages import RunSummary
from hades_protocol.names import check_note
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "note",
        "write a note on a run, in place of the one before, or print it",
        "hadesd note @ 'baseline for the paper; do not remove'\nhadesd note @\nhadesd note @ --clear",
    )
    add_run(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("text", metavar="TEXT", nargs="?", help="one line; without it the note is printed")
    what.add_argument("--clear", action="store_true", help="take the note away")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write or clear the note, or print it."""
    text = None if args.text is None else check_note(args.text)
    if text == "":
        raise UsageError("the note is empty: give a text, or take the present one away with --clear")
    with ControlClient(Paths()) as client:
        if text is None and not args.clear:
            summary: RunSummary = client.request(commands.Show, run=args.run).run
        else:
            summary = client.request(commands.Note, run=args.run, text=text or "")
    if args.json:
        print_json(summary)
    elif text is not None or args.clear:
        say(f"{summary.id}: note {'taken away' if args.clear else 'written'}")
    elif summary.note:
        print(summary.note)
    else:
        say(f"{summary.id} has no note")
    return 0
