"""hadesd resume."""

import argparse

from hades_protocol import commands
from hadesd.cli.change import add_change, carry_out
from hadesd.cli.parsing import Parser, Subparsers


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    return add_change(
        subparsers, "resume", "queue a paused, failed or cancelled run again; it goes on from its last commit"
    )


def run(args: argparse.Namespace) -> int:
    """Ask the daemon."""
    return carry_out(args, commands.Resume)
