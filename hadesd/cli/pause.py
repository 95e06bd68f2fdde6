"""hadesd pause."""

import argparse

from hades_protocol import commands
from hadesd.cli.change import add_change, carry_out
from hadesd.cli.parsing import Parser, Subparsers


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    return add_change(
        subparsers,
        "pause",
        "commit the generation and end the worker, which frees its device; resume goes on from there",
    )


def run(args: argparse.Namespace) -> int:
    """Ask the daemon."""
    return carry_out(args, commands.Pause)
