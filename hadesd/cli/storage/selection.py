"""What rm, archive, gc and retain have in common: which runs are meant, what they take, and asking first."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.formatting import size
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hadesd.cli.documents.storage import StoredRun
from hadesd.cli.output import duration, say
from hadesd.cli.parsing import RUN_HELP, Parser, add_tag_filter, states_of
from hadesd.cli.progress import Progress
from hadesd.cli.runs.groups import members, tagged
from hadesd.storage import records
from hadesd.storage.usage import DiskUsage, run_usage

UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
HEADINGS = ("RUN", "STATE", "AGE", "GENERATION", "SIZE", "CHECKPOINTS")


class Chosen(NamedTuple):
    """A run that is meant, and what it takes on the disk. `age`: seconds since its state changed last."""

    run: RunSummary
    room: DiskUsage
    age: float

    def document(self) -> StoredRun:
        """What --json prints of it."""
        return StoredRun(
            id=self.run.id,
            state=self.run.state,
            group=self.run.group,
            generation=self.run.generation,
            age_seconds=round(self.age, 1),
            bytes=self.room.total,
            checkpoint_bytes=self.room.checkpoints,
        )


def age(text: str) -> float:
    """Seconds of an age such as 90m, 12h, 30d or 8w."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([mhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no age: it takes 90m, 12h, 30d or 8w")
    return float(match.group(1)) * UNITS[match.group(2)]


states = states_of(RunState.FINISHED, RunState.FAILED, RunState.CANCELLED, RunState.PAUSED)
"""Parser of a list such as finished,failed."""


def add_choice(parser: Parser) -> None:
    """Add the arguments that choose runs: RUN... or filters."""
    parser.add_argument("runs", metavar="RUN", nargs="*", help=RUN_HELP)
    parser.add_argument("--group", metavar="G", help="the runs of a group (of a sweep, say)")
    add_tag_filter(parser)
    parser.add_argument("--state", metavar="S,...", type=states, help="those finished, failed, cancelled or paused")
    parser.add_argument("--older", metavar="AGE", type=age, help="of those, the ones unchanged for 90m, 12h, 30d, 8w")


def add_asking(parser: Parser, dry_run: bool = True) -> None:
    """Add --yes and, where it makes sense, --dry-run."""
    parser.add_argument("--yes", action="store_true", help="do not ask (without a terminal it is needed)")
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")


def choose(known: Sequence[RunSummary], args: argparse.Namespace, now: float) -> list[Chosen]:
    """The runs that were named, or those that pass the filters, oldest first.

    Raises:
        UsageError: neither a run nor a filter was given, or both.
        NotFoundError: there is no such run or group, or nothing passes.
    """
    filtered = args.group is not None or args.state is not None or bool(args.tags)
    if args.runs and (filtered or args.older is not None):
        raise UsageError("runs by name and --group, --tag, --state or --older: choose one of them")
    if not args.runs and not filtered:
        raise UsageError("name the runs, or say --group G, --tag T or --state finished,failed,cancelled")
    if args.runs:
        ids = dict.fromkeys(records.find(name, known) for name in args.runs)
        return _measured([run for run in known if run.id in ids], now)
    found = members(known, args.group) if args.group is not None else tuple(known)
    found = tagged(found, args.tags)
    passing = [run for run in found if args.state is None or run.state in args.state]
    passing = [run for run in passing if args.older is None or _age(run, now) >= args.older]
    if not passing:
        raise NotFoundError("no run matches: 'hadesd status' lists them all")
    return _measured(passing, now)


def _measured(runs: Sequence[RunSummary], now: float) -> list[Chosen]:
    with Progress("measuring runs") as progress:
        return [
            Chosen(run, run_usage(Path(run.directory)), _age(run, now))
            for run in progress.over("runs measured", runs, len(runs))
        ]


def _age(run: RunSummary, now: float) -> float:
    return max(0.0, now - run.changed_at)


def table(chosen: Sequence[Chosen], more: Sequence[str] = (), heading: str = "") -> str:
    """The runs with what they take. `more`: a last column with that heading."""
    rows = [(*HEADINGS, heading), *(_row(c, m) for c, m in zip(chosen, more or [""] * len(chosen), strict=True))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [t.ljust(w) if i < 2 else t.rjust(w) for i, (t, w) in enumerate(zip(row, widths, strict=False))]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(item: Chosen, more: str) -> tuple[str, ...]:
    run, room = item.run, item.room
    progress = f"{run.generation}/{run.generations}"
    return (run.id, run.state, duration(item.age), progress, size(room.total), size(room.checkpoints), more)


def agreed(question: str, yes: bool) -> bool:
    """Whether the person at the terminal types y.

    Raises:
        UsageError: there is no terminal to ask at, and --yes was not given.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at, so nothing was done: say --yes, or look with --dry-run")
    print(f"{question} Type y to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("nothing was done")
    return False


def say_about_children(chosen: Iterable[Chosen], known: Iterable[RunSummary]) -> None:
    """A removed run may be the parent of forks: they hold everything themselves."""
    ids = {item.run.id for item in chosen}
    for run in known:
        if run.parent is not None and run.parent.run in ids and run.id not in ids:
            say(f"{run.id} was forked from {run.parent.run}: it is whole by itself and stays as it is")
