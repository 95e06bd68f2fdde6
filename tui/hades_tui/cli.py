"""`hades-tui`: the command line of the screen. Everything heavy is imported where it is needed."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from hades_protocol.client import Client
from hades_protocol.errors import ExitCode, HadesError, UsageError
from hades_protocol.keys import destination
from hades_protocol.paths import Paths

DESCRIPTION = "Watch the runs of a hades daemon. Leaving the screen never touches a run."

EPILOG = """\
exit codes: 0 ok, 2 usage, 3 no such run, 4 no daemon answers, 5 protocol mismatch, 130 Ctrl-C
environment: HADES_HOME (where the daemon lives), HADES_CONNECT (as --connect), NO_COLOR (no colours)
examples:
  hades-tui attach
  hades-tui attach --connect gpu-box.json     # a file of 'hadesd keys client'
  hades-tui attach --connect ipc:///tmp/box   # a directory with sockets that ssh forwards; docs/security.md
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    top = argparse.ArgumentParser(
        prog="hades-tui",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"hades-tui {version('hades-distil')}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    attach = verbs.add_parser(
        "attach",
        help="open the screen",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attach.add_argument("run", nargs="?", metavar="RUN", help="run to select: id, unique prefix, or @ for the newest")
    attach.add_argument(
        "--connect",
        default="",
        metavar="WHERE",
        help="a daemon elsewhere: a key file, or ipc://DIRECTORY with its sockets",
    )
    attach.add_argument("--readonly", action="store_true", help="no keys that change a run")
    attach.add_argument("--once", action="store_true", help="print one look as text and exit")
    attach.add_argument("--wait", action="store_true", help="open the screen even if no daemon answers yet")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parser().parse_args(argv)
    try:
        return _once(options) if options.once else _attach(options)
    except HadesError as error:
        print(f"hades-tui: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of --once has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _client(connect: str) -> Client:
    where = destination(Paths(), connect)
    return Client(where.control, where.events, keys=where.keys)


def _once(options: argparse.Namespace) -> int:
    from rich.console import Console

    from hades_tui.once import look, write

    async def ask() -> None:
        client = _client(options.connect)
        try:
            write(await look(client, options.run), Console())
        finally:
            client.close()

    asyncio.run(ask())
    return ExitCode.OK


def _attach(options: argparse.Namespace) -> int:
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on stderr
        raise UsageError("attach needs a terminal; 'hades-tui attach --once' prints one look as text")
    from hades_tui.app import HadesApp

    async def show() -> int:
        client = _client(options.connect)
        try:
            selected = await _find(client, options.run, options.wait)
            app = HadesApp(client, run=selected, readonly=options.readonly)
            await app.run_async()
            return app.return_code or ExitCode.OK
        finally:
            client.close()

    return asyncio.run(show())


async def _find(client: Client, run: str | None, wait: bool) -> str | None:
    """The id of the run that is meant; asking also tells whether a daemon is there."""
    if run is not None:
        return (await client.show(run)).run.id
    if not wait:
        await client.hello()
    return None


if __name__ == "__main__":
    sys.exit(main())
