"""hadesd cancel."""

import argparse

from hades_protocol import commands
from hadesd.cli.change import add_change, carry_out
from hadesd.cli.parsing import Parser, Subparsers


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    return add_change(subparsers, "cancel", "end a run; its last commit stays, and resume would go on from it")


def run(args: argparse.Namespace) -> int:
    """Ask the daemon."""
    return carry_out(args, commands.Cancel)
