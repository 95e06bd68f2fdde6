"""argparse as this program uses it: one line for an error, examples in every help text."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.run_state import RunState

RUN_HELP = "run: its id or name, a unique prefix of the id or of its last part, or @ for the newest"

GENERATION_DIGITS = 18
"""So that a generation fits into 64 bits."""


UNKNOWN = "unrecognized arguments: "
"""How argparse begins its words on arguments that are left over."""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and does not repeat the usage.

    advise: of a verb that knows what arguments may mean that are near to no option; the end of the sentence, or nothing
    takes_options: options of ours whose value is options of another program, which argparse takes for ours
    """

    advise: Callable[[list[str]], str] | None = None
    takes_options: tuple[str, ...] = ()

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse does, with `--slurm --time=1` read as `--slurm=--time=1`."""
        return super().parse_known_args(
            _joined(list(sys.argv[1:] if args is None else args), self.takes_options), namespace
        )

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and exit with code 2."""
        if message.startswith(UNKNOWN):
            message += self._advice(message.removeprefix(UNKNOWN).split())
        more = "" if message.endswith("?") else f"; see '{self.prog} --help'"
        print(f"{self.prog}: {message}{more}", file=sys.stderr)
        sys.exit(ExitCode.USAGE)

    def _advice(self, left_over: list[str]) -> str:
        from hadesd.cli.hints import nearest_option

        found = nearest_option(left_over[0], self._option_string_actions)
        return found or (self.advise(left_over) if self.advise else "")


def _joined(args: list[str], options: tuple[str, ...]) -> list[str]:
    """Each of those options in one piece with the argument after it."""
    out: list[str] = []
    for arg in args:
        if out and out[-1] in options:
            out[-1] += f"={arg}"
        else:
            out.append(arg)
    return out


Subparsers = argparse._SubParsersAction
"""What add_parser of a verb's module gets. (argparse has no public name for it.)"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps the description to the terminal; examples stay as they are, to be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def add_verb(subparsers: "Subparsers[Parser]", name: str, summary: str, examples: str) -> Parser:
    """A verb's parser: its description is the summary, its help ends with examples that run as printed."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )


def add_run(parser: Parser) -> None:
    """Add the positional argument that names a run."""
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)


def split_generation(text: str) -> tuple[str, int | None]:
    """RUN[@GEN] as run and generation: hopper@150, @@150 (of the newest run), hopper, @.

    Raises:
        UsageError: what follows the @ is no generation.
    """
    head, sep, tail = text.rpartition("@")
    if not sep or tail == "":
        return text, None
    if not (tail.isascii() and tail.isdigit() and len(tail) <= GENERATION_DIGITS):
        raise UsageError(f"'{text}': after @ comes a generation, e.g. {head or '@'}@50")
    return head or "@", int(tail)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse an integer option out of its range.

    Raises:
        UsageError: it is.
    """
    if not low <= value <= high:
        raise UsageError(f"--{name} is {value}: it takes an integer from {low} to {high}")


def add_run_or_group(parser: Parser, required: bool = True) -> None:
    """Add RUN and --group G, which exclude each other; one of them is needed where `required`."""
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    which.add_argument("--group", metavar="G", help="all runs of a group (of a sweep, say) instead of one")


def add_runs_or_group(parser: Parser) -> None:
    """Add RUN... and --group G, which exclude each other; one of them is needed."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("runs", metavar="RUN", nargs="*", default=[], help=f"{RUN_HELP}; several are taken in turn")
    which.add_argument("--group", metavar="G", help="all runs of a group (of a sweep, say) instead")


def add_tag_filter(parser: Parser) -> None:
    """Add --tag, which leaves the runs that have all of the tags."""
    parser.add_argument(
        "--tag", metavar="T", action="append", default=[], dest="tags", help="the runs with a tag; repeatable: with all"
    )


def states_of(*known: RunState) -> Callable[[str], tuple[RunState, ...]]:
    """A parser of lists such as finished,failed; known: the states that they may hold."""

    def states(text: str) -> tuple[RunState, ...]:
        for word in text.split(","):
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return tuple(RunState(word) for word in text.split(","))

    return states


def add_json(parser: Parser) -> None:
    """Add the --json option."""
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def positive_seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds") from None
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def add_patience(parser: Parser) -> None:
    """Add the options for how long a daemon waits for its workers, and what it logs."""
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
