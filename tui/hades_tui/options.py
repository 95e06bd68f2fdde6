"""The options of `hades-tui`. Nothing slow is imported here, so that help appears at once."""

import argparse
import os
import sys
from importlib.metadata import version
from typing import NoReturn

from hades_protocol.errors import ExitCode

DESCRIPTION = "Watch the runs of a hades daemon. Leaving the screen never touches a run."

CODES = """\
exit codes: 0 ok, 2 usage, 3 no such run, 4 no daemon answers, 5 protocol mismatch, 130 Ctrl-C
environment: HADES_HOME (where the daemon lives), HADES_CONNECT (as --connect), HADES_REMOTE_HADESD
  (as --remote-hadesd), NO_COLOR (no colours)
"""

ATTACH = """\
themes: dark, light, deutan and tritan (for the colour-blind), ansi (the terminal's own colours), mono
settings: theme, ascii and [keys] in tui.toml beside config.toml; docs/tui.md
examples:
  hades-tui attach
  hades-tui attach @ --theme light --readonly
  hades-tui attach --host me@gpu-box          # through ssh: nothing to set up
  hades-tui attach --connect gpu-box.json     # a file of 'hadesd keys client'
  hades-tui attach --once --json              # for scripts
"""

EVENTS = """\
Heartbeats are left out, gaps in the numbers, resyncs and silence have lines of their own (-- in text, "note" in JSON).
examples:
  hades-tui events
  hades-tui events --run @ --json --count 10
"""

KEYS = """\
In tui.toml beside config.toml: [keys] and below it lines such as "run.pause" = "f5" or "runs.sort" = ["s", "f6"].
examples:
  hades-tui keys
  hades-tui keys --json
"""


class Parser(argparse.ArgumentParser):
    """Reports a usage error in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and exit with code 2."""
        more = "" if message.endswith("?") else f"; see '{self.prog} --help'"
        sys.stderr.write(f"{self.prog}: {message}{more}\n")
        sys.exit(ExitCode.USAGE)


Subparsers = argparse._SubParsersAction


def parser() -> Parser:
    """The parser of `hades-tui`; the subcommand is in `command`."""
    top = Parser(
        prog="hades-tui",
        description=DESCRIPTION,
        epilog=CODES + ATTACH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"hades-tui {version('hades-distil')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_attach(commands)
    _add_events(commands)
    keys = _add(commands, "keys", "list every action of the screen with its id and its keys", KEYS)
    keys.add_argument("--json", action="store_true", help="print JSON")
    return top


def _add(commands: "Subparsers[Parser]", name: str, summary: str, epilog: str) -> Parser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_attach(commands: "Subparsers[Parser]") -> None:
    attach = _add(commands, "attach", "open the screen, or print it once as text", CODES + ATTACH)
    attach.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="run to select: its id or name, a unique prefix of the id or of its last part, or @ for the newest",
    )
    _add_destination(attach)
    attach.add_argument("--readonly", action="store_true", help="no keys that change a run")
    attach.add_argument("--theme", default="", metavar="NAME", help="its colours, see below")
    attach.add_argument(
        "--ascii",
        action=argparse.BooleanOptionalAction,
        help="nothing but ASCII on the screen (default: where the locale is not UTF-8)",
    )
    attach.add_argument("--once", action="store_true", help="print the screen once as text and exit")
    attach.add_argument("--width", type=_cells, metavar="N", help="columns of --once (default: the terminal's, or 80)")
    attach.add_argument(
        "--height", type=_cells, metavar="N", help="most lines of --once (default: as many as it takes)"
    )
    attach.add_argument("--json", action="store_true", help="with --once: print JSON")


def _add_events(commands: "Subparsers[Parser]") -> None:
    events = _add(commands, "events", "print the daemon's event stream as it comes, for debugging", EVENTS)
    events.add_argument("--run", metavar="RUN", help="events of one run only, with its pairs")
    events.add_argument("--count", type=_cells, metavar="N", help="end after so many events")
    events.add_argument("--heartbeats", action="store_true", help="heartbeats as well")
    events.add_argument("--json", action="store_true", help="print a line of JSON an event, with all of it")
    _add_destination(events)


def _add_destination(command: Parser) -> None:
    command.add_argument(
        "--connect",
        default="",
        metavar="WHERE",
        help="a daemon elsewhere: a key file, or ipc://DIRECTORY with its sockets",
    )
    command.add_argument("--host", default="", metavar="[USER@]HOST", help="the daemon of another machine, through ssh")
    command.add_argument(
        "--remote-hadesd",
        default=os.environ.get("HADES_REMOTE_HADESD") or "hadesd",
        metavar="COMMAND",
        help="with --host: how hadesd is called there, where it is not on the PATH of a shell without a terminal",
    )
    command.add_argument(
        "--remote-sockets", default="", metavar="DIR", help="with --host: where its sockets are, instead of asking it"
    )
    command.add_argument("--wait", action="store_true", help="begin even if no daemon answers yet")


def _cells(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number from 1 to 10000")
    return int(text)
