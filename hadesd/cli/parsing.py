"""argparse with the manners of this program: one line for an error, an example in every help text."""

import argparse
import sys
from typing import NoReturn

from hades_protocol.errors import ExitCode

RUN_HELP = "run: its id, a unique prefix of it or of its last part, or @ for the newest"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of repeating the usage."""

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit code 2."""
        more = "" if message.endswith("?") else f"; see '{self.prog} --help'"
        print(f"{self.prog}: {message}{more}", file=sys.stderr)
        sys.exit(ExitCode.USAGE)


Subparsers = argparse._SubParsersAction
"""What add_parser of a verb's module gets. (argparse has no public name for it.)"""


def add_verb(subparsers: "Subparsers[Parser]", name: str, summary: str, examples: str) -> Parser:
    """A verb's parser: its description is the summary, its help ends with examples that run as printed."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_run(parser: Parser) -> None:
    """The positional argument that names a run."""
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)


def add_run_or_group(parser: Parser, required: bool = True) -> None:
    """RUN or --group G; not both, and one of them where that is required."""
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    which.add_argument("--group", metavar="G", help="all runs of a group (of a sweep, say) instead of one")


def add_json(parser: Parser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def positive_seconds(text: str) -> float:
    """A --timeout."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds") from None
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def add_patience(parser: Parser) -> None:
    """Options for how long a daemon waits for its workers, and what it writes down."""
    parser.add_argument(
        "--grace", type=float, metavar="S", help="seconds that workers get to commit when the daemon stops (60)"
    )
    parser.add_argument(
        "--heartbeat-timeout",
        type=float,
        metavar="S",
        help="seconds without a heartbeat before a worker is restarted (60)",
    )
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (info)")
