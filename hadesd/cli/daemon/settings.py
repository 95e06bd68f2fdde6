"""hadesd settings: every setting of a run."""

import argparse
import sys
import textwrap
from typing import Any

from hades_protocol.terminal import coloured
from hadesd.cli.documents.daemon import SettingsDocument
from hadesd.cli.output import print_json, use_colour
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "settings",
        "list every setting of a run with its range, default and meaning",
        "hadesd settings\nhadesd settings evolution\nhadesd settings --json",
    )
    parser.add_argument("part", nargs="?", default="", metavar="PART", help="only names that contain this")
    parser.add_argument("--daemon", action="store_true", help="the daemon's settings, for config.toml, instead")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the settings whose name contains PART."""
    from hades_protocol.errors import NotFoundError
    from hades_protocol.run_spec import RunSpec
    from hades_protocol.settings import leaves, nearest
    from hadesd.config import Settings

    known = leaves(Settings if args.daemon else RunSpec)
    found = [leaf for leaf in known.values() if args.part in leaf.name]
    if not found:
        hint = nearest(args.part, known, otherwise="without a word all are listed")
        raise NotFoundError(f"no setting's name contains '{args.part}'; {hint}")
    if args.json:
        print_json(SettingsDocument(settings=tuple(found)))
        return 0
    colour = use_colour(sys.stdout)
    for leaf in found:
        default = "" if leaf.name == "env" else f"; default {_shown(leaf.default)}"
        name = coloured(leaf.name, "1") if colour else leaf.name
        print(f"{name}\n    {leaf.accepts}{default}")
        if leaf.description:
            print(textwrap.fill(leaf.description, 100, initial_indent="    ", subsequent_indent="    "))
        if leaf.paper:
            print(f"    paper: {leaf.paper}")
    return 0


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if value == "" else str(value)
