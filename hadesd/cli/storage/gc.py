"""hadesd gc: free the room of what can go without loss."""

import argparse
import time
from collections import Counter

from hades_protocol.errors import ExitCode, HadesError, WrongStateError
from hades_protocol.formatting import count_of, size
from hades_protocol.paths import Paths
from hadesd.cli.documents.storage import GarbageDocument, LeftoverFile
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress
from hadesd.cli.storage import selection
from hadesd.storage import garbage, records

EXAMPLES = """\
hadesd gc --dry-run
hadesd gc --yes
hadesd gc --evidence --cache-older 30d"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "gc",
        "delete what crashes and removed runs left behind, after showing it and asking; no daemon is needed",
        EXAMPLES,
    )
    parser.add_argument("--evidence", action="store_true", help="also damaged checkpoints that were set aside (bad-*)")
    parser.add_argument(
        "--cache-older",
        metavar="AGE",
        type=selection.age,
        help="also compiled programs that were not used for 30d, say",
    )
    parser.add_argument(
        "--logs-older",
        metavar="AGE",
        type=selection.age,
        default=30 * 86_400.0,
        help="rotated logs older than that (30d)",
    )
    selection.add_asking(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """List what can go, ask, and delete it."""
    paths = Paths()
    usable = [paths.runs / record.id for record, _ in records.scan(paths.runs)[0]] if paths.runs.is_dir() else []
    limits = garbage.Limits(args.evidence, args.cache_older, args.logs_older)
    with Progress("looking for what can go"):
        found = garbage.find(paths, usable, limits, time.time())
    total = sum(item.size for item in found)
    if not args.json:
        _show(found)
    say(f"{size(total)} can go" if found else "nothing can go")
    removed: list[garbage.Leftover] = []
    if found and not args.dry_run:
        if not selection.agreed(f"Delete {count_of(len(found), 'thing')}?", args.yes):
            return ExitCode.OK
        with Progress("deleting") as progress:
            removed = [item for item in progress.over("things deleted", found, len(found)) if _remove(item)]
        say(f"deleted {count_of(len(removed), 'thing')}, {size(sum(item.size for item in removed))}")
    if args.json:
        document = GarbageDocument(
            dry_run=args.dry_run,
            items=tuple(LeftoverFile(kind=i.kind, path=str(i.path), bytes=i.size, why=i.why) for i in found),
            bytes=total,
            removed=tuple(str(item.path) for item in removed),
            freed_bytes=sum(item.size for item in removed),
        )
        print_json(document)
    return ExitCode.OK if args.dry_run or len(removed) == len(found) else ExitCode.RUN_FAILED


def _show(found: list[garbage.Leftover]) -> None:
    programs = [item for item in found if item.kind == "cache"]
    for item in found:
        if item.kind != "cache":  # of those there are thousands
            print(f"{size(item.size):>10}  {item.kind:10}  {item.path}  {item.why}")
    if programs:
        where = Counter(item.path.parent for item in programs).most_common(1)[0][0]
        count = count_of(len(programs), "compiled program")
        print(f"{size(sum(item.size for item in programs)):>10}  {'cache':10}  {where}  {count} not used")


def _remove(item: garbage.Leftover) -> bool:
    try:
        garbage.remove(item)
    except WrongStateError as error:
        say(f"left alone: {error}")
        return False
    except (OSError, HadesError) as error:
        say(f"cannot delete {item.path}: {error}")
        return False
    return True
