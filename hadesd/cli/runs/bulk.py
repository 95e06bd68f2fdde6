"""One verb on several runs: which are meant, each asked in turn, one exit code."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hades_protocol import commands
from hades_protocol.errors import ExitCode, HadesError, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.documents.runs import ChangedRunsDocument, GroupDocument
from hadesd.cli.errors import ABOUT_ONE_RUN
from hadesd.cli.output import print_json, say

Runs = tuple[RunSummary, ...]


def look_up(client: ControlClient, names: Iterable[str]) -> list[str]:
    """The ids of the runs, each once: a slip in the last name must not be seen when the first run is changed.

    Raises:
        NotFoundError: no run or several runs fit a name.
    """
    return list(dict.fromkeys(client.request(commands.Show, run=name).run.id for name in names))


def ask_each(
    client: ControlClient,
    runs: Iterable[str],
    kind: type[commands.Mutation],
    harmless: tuple[type[HadesError], ...] = (),
    **fields: Any,
) -> tuple[Runs, ExitCode]:
    """Send the request for each run; those that were changed, and the exit code of what was refused, which is said.

    harmless: refusals that are said, too, and are no error.
    """
    changed, code = [], ExitCode.OK
    for run in runs:
        try:
            changed.append(client.request(kind, run=run, **fields))
        except harmless as error:
            say(str(error))
        except ABOUT_ONE_RUN as error:
            say(f"hadesd: {error}")
            code = max(code, error.exit_code)
    return tuple(changed), code


def change(
    args: argparse.Namespace, kind: type[commands.Mutation], tell: Callable[[RunSummary], str], **fields: Any
) -> int:
    """Send the request for each run of RUN... or --group G, and print a line for each, or with --json a document.

    Raises:
        HadesError: of one run alone what the daemon says; of several, that one is not there or no daemon answers.
    """
    with ControlClient(Paths()) as client:
        if args.group is not None:
            from hadesd.cli.runs.groups import ask

            runs = [run.id for run in ask(client, args.group)]
            changed, code = ask_each(client, runs, kind, harmless=(WrongStateError,), **fields)
        elif len(args.runs) > 1:
            changed, code = ask_each(client, look_up(client, args.runs), kind, **fields)
        else:
            changed, code = (client.request(kind, run=args.runs[0], **fields),), ExitCode.OK
    if args.json:
        print_json(document(args, changed))
    else:
        for summary in changed:
            say(tell(summary))
    return code


def document(args: argparse.Namespace, runs: Runs) -> msgspec.Struct:
    """What --json prints: of one run its summary, of a group and of several runs a list."""
    if args.group is not None:
        return GroupDocument(group=args.group, runs=runs)
    return runs[0] if len(args.runs) == 1 else ChangedRunsDocument(runs=runs)
