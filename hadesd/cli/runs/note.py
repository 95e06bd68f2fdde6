"""hadesd note: what people write on runs."""

import argparse

from hades_protocol import commands
from hades_protocol.errors import UsageError
from hades_protocol.messages import RunSummary
from hades_protocol.names import check_note
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb
from hadesd.cli.runs.bulk import change


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "note",
        "write a note on a run, in place of the one before, or print it",
        "hadesd note @ 'baseline for the paper; do not remove'\n"
        "hadesd note @\n"
        "hadesd note k3f9 x7p2 --text 'the slow two'\n"
        "hadesd note --group sizes --clear",
    )
    parser.add_argument("words", metavar="RUN", nargs="*", help=f"{RUN_HELP}; then the text: without one it is printed")
    parser.add_argument("--group", metavar="G", help="all runs of a group (of a sweep, say) instead")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--text", metavar="TEXT", help="one line, for all of several runs")
    what.add_argument("--clear", action="store_true", help="take the note away")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write or clear the note, or print it."""
    args.runs = _runs(args)
    if args.clear:
        return change(args, commands.Note, lambda summary: f"{summary.id}: note taken away", text="")
    if args.text is not None:
        if not (text := check_note(args.text)):
            raise UsageError("the note is empty: give a text, or take the present one away with --clear")
        return change(args, commands.Note, lambda summary: f"{summary.id}: note written", text=text)
    return _print(args)


def _runs(args: argparse.Namespace) -> list[str]:
    """The runs that are named; of two words alone the second is the text.

    Raises:
        UsageError: no run, or words that cannot all be runs.
    """
    words: list[str] = args.words
    if bool(words) == (args.group is not None):
        raise UsageError("name the runs, or say --group G")
    if len(words) == 1 or args.text is not None or args.clear:
        return words
    if len(words) > 2:
        raise UsageError(f"{len(words)} words: write TEXT in quotes, or on several runs with --text TEXT")
    if words:
        args.text = words.pop()
    return words


def _print(args: argparse.Namespace) -> int:
    if args.group is not None:
        raise UsageError("to a group belong --text TEXT or --clear; 'hadesd status --group G' shows its notes")
    with ControlClient(Paths()) as client:
        summary: RunSummary = client.request(commands.Show, run=args.runs[0]).run
    if args.json:
        print_json(summary)
    elif summary.note:
        print(summary.note)
    else:
        say(f"{summary.id} has no note")
    return 0
