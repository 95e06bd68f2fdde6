"""hadesd fork: a new run that goes on from a checkpoint of another one."""

import argparse
from typing import Any

import msgspec

from hades_protocol import commands, replies
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb, split_generation
from hadesd.cli.runs.labels import add_labels, labels, tell_of_namesakes
from hadesd.cli.runs.spec_changes import document, nested, report_changes

EXAMPLES = """\
hadesd fork @ --set evolution.generations=200 --set evolution.sigma=0.05 --dry-run
hadesd fork @ --set evolution.generations=200 --set evolution.sigma=0.05
hadesd fork @@50 --set seed=7 --set evolution.generations=100 --name seed-7 --follow
hadesd fork @ --set method=hades-r --set evolution.generations=300  # of method es: pairs of what its policy does"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "fork",
        "start a new run from a kept checkpoint of another one, with changed settings; the other one is left alone",
        EXAMPLES,
    )
    parser.add_argument(
        "run", metavar="RUN[@GEN]", help="run (id, prefix, or @ for the newest) and generation (default: its newest)"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], dest="assignments", help="one setting; repeatable"
    )
    add_labels(parser, "put the new run into a group")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and do nothing")
    parser.add_argument("--follow", action="store_true", help="show progress until the run ends; Ctrl-C detaches")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the daemon for it and say what the fork is."""
    name, generation = split_generation(args.run)
    paths = Paths()
    wanted: dict[str, Any] = {"generation": generation, "changes": nested(args.assignments)}
    wanted |= msgspec.structs.asdict(labels(args))
    with ControlClient(paths) as client:
        result: replies.ChangeResult = client.request(commands.Fork, run=name, dry_run=args.dry_run, **wanted)
        if result.run is not None:
            tell_of_namesakes(client, result.run)
    if args.json:
        print_json(document(result))
    if result.run is None:
        say(f"would fork {name} after generation {result.generation}" + (" unchanged" if not result.changes else ":"))
        report_changes(result)
        return 0
    if not args.json:
        print(result.run.id, flush=True)
    parent = result.run.parent
    say(f"{result.run.id}: forked from {parent.run if parent else name} after generation {result.generation}")
    report_changes(result)
    if args.follow:
        from hadesd.cli.runs.follow import follow

        return follow(paths, result.run.id)
    return 0
