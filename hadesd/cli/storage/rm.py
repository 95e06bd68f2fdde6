"""hadesd rm: remove runs for good."""

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from hades_protocol.errors import ExitCode, HadesError, WrongStateError
from hades_protocol.formatting import count_of, size
from hades_protocol.paths import Paths
from hadesd.cli.documents.storage import RemovalDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress
from hadesd.cli.storage import selection
from hadesd.cli.storage.backend import RunBackend, run_backend
from hadesd.storage import removal
from hadesd.storage.locks import is_run_locked, lock_run

EXAMPLES = """\
hadesd rm @
hadesd rm --state finished,failed,cancelled --older 30d --dry-run
hadesd rm --group sizes --yes"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(subparsers, "rm", "remove runs for good, after showing what they take and asking", EXAMPLES)
    selection.add_choice(parser)
    selection.add_asking(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """List the runs with their sizes, ask, and remove them."""
    with run_backend(Paths()) as backend:
        known = backend.runs()
        chosen = removable(selection.choose(known, args, time.time()), strict=bool(args.runs))
        total = sum(item.room.total for item in chosen)
        if not args.json:
            print(selection.table(chosen))
        say(f"{count_of(len(chosen), 'run')}, {size(total)}")
        selection.say_about_children(chosen, known)
        removed: list[selection.Chosen] = []
        if not args.dry_run and not selection.agreed(f"Remove {count_of(len(chosen), 'run')} for good?", args.yes):
            return ExitCode.OK
        code = ExitCode.OK
        with Progress("removing runs") as progress:
            for item in () if args.dry_run else progress.over("runs removed", chosen, len(chosen)):
                code = max(code, _remove(backend, item, removed))
    if args.json:
        document = RemovalDocument(
            dry_run=args.dry_run,
            runs=tuple(item.document() for item in chosen),
            bytes=total,
            removed=tuple(item.run.id for item in removed),
            freed_bytes=sum(item.room.total for item in removed),
        )
        print_json(document)
    elif removed:
        say(f"removed {count_of(len(removed), 'run')}")
    return code


def removable(chosen: Sequence[selection.Chosen], strict: bool) -> list[selection.Chosen]:
    """Those that nothing works on. strict: one that cannot be removed is an error; else it is left out, and said.

    Raises:
        HadesError: something works on one of them, or on all.
    """
    fit: list[selection.Chosen] = []
    refused: HadesError | None = None
    for item in chosen:
        try:
            locked = is_run_locked(Path(item.run.directory))
            removal.check_removable(item.run.id, item.run.state, locked)
        except HadesError as error:
            if strict:
                raise
            say(f"left out: {error}")
            refused = error
        else:
            fit.append(item)
    if refused is not None and not fit:
        raise refused
    return fit


def _remove(backend: RunBackend, item: selection.Chosen, removed: list[selection.Chosen]) -> ExitCode:
    try:
        hidden = backend.remove(item.run)
    except HadesError as error:
        say(str(error))
        return ExitCode.NOT_FOUND_OR_STATE
    removed.append(item)
    return ExitCode.OK if delete(item.run.id, hidden) else ExitCode.RUN_FAILED


def delete(run: str, hidden: Path) -> bool:
    """Delete the files of a run that is none any more; whether that went well."""
    try:
        with lock_run(hidden):  # so that gc does not take it for what a crash left
            shutil.rmtree(hidden)
    except FileNotFoundError:
        say(f"{run} is removed; its files were gone already")
    except WrongStateError:
        say(f"{run} is removed; another command deletes its files in {hidden}")
    except OSError as error:
        say(f"{run} is removed, but not all of its files in {hidden} ({error.strerror or error}): see 'hadesd gc'")
        return False
    return True
