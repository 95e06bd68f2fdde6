"""The picture that a verb draws with -o FILE; one that exists stays, unless --force is given."""

import argparse
from pathlib import Path

from hades_protocol.errors import UsageError
from hadesd.cli.output import refuse_existing
from hadesd.cli.parsing import Parser


def add_picture(parser: Parser, what: str) -> None:
    """Add -o and --force. what: the help of -o."""
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=what)
    parser.add_argument("--force", action="store_true", help="replace a picture that exists")


def check_picture(args: argparse.Namespace) -> None:
    """What can be said of the picture before anything is computed for it.

    Raises:
        UsageError: --force without a picture, another suffix than .png or .svg, no such directory, or it exists.
    """
    if args.output is None:
        if args.force:
            raise UsageError("--force is about the picture: say where with -o FILE")
        return
    from hadesd.analysis.pictures.style import check_path

    check_path(args.output)
    refuse_existing(args.output, args.force, "another name with -o")
