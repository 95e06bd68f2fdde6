"""hadesd doctor: what is installed, what works, and what to do about the rest."""

import argparse
import os
import sys

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.output import print_json, use_colour
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb

MARKS = {"ok": ("ok", "32"), "note": ("note", "33"), "problem": ("PROBLEM", "31")}


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "doctor",
        "check the installation, the directories, the daemon and the devices; exit code 1 where there is a problem",
        "hadesd doctor\nhadesd doctor --no-jax --json",
    )
    parser.add_argument("--no-jax", action="store_true", help="do not start JAX to list its devices (1 to 10 s)")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the findings as they come."""
    from hadesd.cli.checks import all_checks

    colour = use_colour(sys.stdout)
    findings = []
    for finding in all_checks(Paths(), dict(os.environ), probe_jax=not args.no_jax):
        findings.append(finding)
        if args.json:
            continue
        word, code = MARKS[finding.level]
        mark = f"\x1b[{code}m{word:7}\x1b[0m" if colour else f"{word:7}"
        print(f"{mark}  {finding.name}: {finding.text}" + (f"\n         {finding.advice}" if finding.advice else ""))
    bad = any(finding.level == "problem" for finding in findings)
    if args.json:
        print_json({"schema": 1, "ok": not bad, "findings": findings})
    return ExitCode.RUN_FAILED if bad else ExitCode.OK
