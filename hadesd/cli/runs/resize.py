"""hadesd resize: other sizes for a run that goes on."""

import argparse
from typing import Any

from hades_protocol import commands, replies
from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_state import WITH_WORKER
from hades_protocol.settings import set_dotted
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run, add_verb
from hadesd.cli.runs.spec_changes import document, report_changes

EXAMPLES = """\
hadesd resize @ --pairs 8 --dry-run
hadesd resize @ --pairs 8 --population 256
hadesd resize @ --environments 8"""

SIZES = {
    "population": ("evolution.population", int, "P", "candidates a generation"),
    "pairs": ("dataset.pairs", int, "D", "state-action pairs: more are copies, fewer are those that matter most"),
    "inits": ("policy.inits", int, "K", "policy initialisations a candidate is evaluated on (hades-r)"),
    "environments": ("evaluation.environments", int, "E", "environments per policy"),
    "gpus": ("resources.gpus", str, "G", "GPUs: auto, a number, or indices such as 0,2"),
    "devices": ("resources.devices", int, "N", "devices that share the population on a CPU (0: all)"),
}
"""Flag -> setting, type, placeholder, help."""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "resize",
        "change the size of a run from its next generation on; nothing that it has learned is lost",
        EXAMPLES,
    )
    add_run(parser)
    for flag, (_, kind, placeholder, text) in SIZES.items():
        parser.add_argument(f"--{flag}", type=kind, metavar=placeholder, help=text)
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and do nothing")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the daemon for it and say from when on it holds."""
    values: dict[str, Any] = {}
    for flag, (setting, *_) in SIZES.items():
        if (value := getattr(args, flag)) is not None:
            set_dotted(values, setting, value)
    if not values:
        raise UsageError(f"no size is given: use {', '.join(f'--{flag}' for flag in SIZES)}")
    with ControlClient(Paths()) as client:
        result: replies.ChangeResult = client.request(
            commands.Resize, run=args.run, changes=values, dry_run=args.dry_run
        )
    if args.json:
        print_json(document(result))
    if result.run is None:
        say("would change:")
    elif result.run.state in WITH_WORKER:
        say(f"{result.run.id} is resized when its generation is committed; a new worker then goes on:")
    else:
        say(f"{result.run.id} ({result.run.state}) is resized when it goes on after generation {result.generation}:")
    report_changes(result)
    return 0
