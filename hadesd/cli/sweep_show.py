"""hadesd sweep --show: a group as a table and a picture, from the run directories alone."""

import argparse
import sys
from typing import TYPE_CHECKING

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hadesd.cli.output import number, print_json, say

if TYPE_CHECKING:
    from hadesd.analysis.sweep_table import SweepTable

MAKING = ("env", "method", "preset", "spec", "seed", "name")


def show(args: argparse.Namespace) -> int:
    """Print the table; draw the picture where one is wanted."""
    given = [f"--{name}" for name in MAKING if getattr(args, name) is not None]
    given += ["--set"] if args.assignments else []
    given += [option for option, on in (("--dry-run", args.dry_run), ("--follow", args.follow)) if on]
    if given:
        raise UsageError(f"--show only shows what there is: leave out {', '.join(given)}")
    if args.csv and args.json:
        raise UsageError("--csv and --json: choose one of them")
    if args.output is not None:
        from hadesd.cli.extras import require_daemon_extra

        require_daemon_extra("sweep -o")
        from hadesd.analysis.pictures import style

        style.check_path(args.output)
    table = _read(args.show)
    _print(table, args)
    if args.output is not None:
        from hadesd.analysis.pictures import style, sweep

        style.save(sweep.draw(table), args.output)
        say(f"picture: {args.output}")
    return 0


def _read(group: str) -> "SweepTable":
    from hadesd.analysis import sweep_table
    from hadesd.cli.groups import no_group

    runs = Paths().runs
    known = sweep_table.groups_on_disk(runs)
    if group == "@" and known:
        group = known[-1]
    members = sweep_table.read_group(runs, group)
    if not members:
        raise no_group(group, known)
    return sweep_table.tabulate(group, members)


def _print(table: "SweepTable", args: argparse.Namespace) -> None:
    from hadesd.analysis import sweep_table

    if args.json:
        print_json(sweep_table.document(table))
    elif args.csv:
        sys.stdout.write(sweep_table.csv_text(table))
    else:
        total = sum(len(row.members) for row in table.rows)
        done = sum(row.finished for row in table.rows)
        settings = table.rows[0].members[0].settings
        fixed = " ".join(str(settings[key]) for key in ("env", "method") if key not in table.keys)
        say(
            f"{table.group}: {fixed}{' · ' if fixed else ''}{done} of {total} runs finished; "
            "± is the standard error over seeds"
        )
        print(sweep_table.text(table, number))
