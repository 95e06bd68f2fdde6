"""hadesd sweep: many runs as one group, and what came of them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol import commands
from hades_protocol.errors import ExitCode, HadesError, UnreachableError, UsageError
from hades_protocol.formatting import count_of
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.compute import require_somewhere_to_compute
from hadesd.cli.executor_options import add_executor, settings_of, will_have_gpu
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.picture_options import add_picture, check_picture
from hadesd.cli.progress import STARTING_DAEMON, Progress
from hadesd.cli.runs.labels import add_tags

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.sweep_table import SweepTable
    from hadesd.spec.sweep import Axis, Combination, Cost


MANY = 1000
"""More runs than this are not queued by accident."""

EXAMPLES = """\
hadesd sweep --env CartPole-v1 --set dataset.pairs=2,4,8 --set seed=0..2 --dry-run
hadesd sweep --env CartPole-v1 --method hades-f,hades-r --set evolution.sigma=0.1,0.3 --name sigma --follow
hadesd sweep --show sigma -o sigma.png
hadesd sweep --show @ --csv"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "sweep",
        "queue every combination of settings as one group of runs, or show a group (--show). "
        "Values: 4,16,64 or 0..9 or 0..100..25",
        EXAMPLES,
    )
    parser.add_argument("--env", metavar="ENV", help="environment, or several with commas")
    parser.add_argument("--method", metavar="M", help="hades-r (default), hades-f, es, or several with commas")
    parser.add_argument("--preset", metavar="P", help="as in 'hadesd start'")
    parser.add_argument("--spec", metavar="FILE", type=Path, help="settings from a .toml or .json file")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        dest="assignments",
        help="a setting and its values; repeatable",
    )
    parser.add_argument("--seed", metavar="VALUES", help="seeds, e.g. 0..4")
    parser.add_argument(
        "--name", metavar="G", help="the group's name (default: made up); what it has already is not made again"
    )
    add_executor(parser)
    add_tags(parser)
    parser.add_argument("--dry-run", action="store_true", help="list the runs and their cost; queue nothing")
    parser.add_argument("--yes-many", action="store_true", help=f"queue even more than {MANY} runs")
    parser.add_argument("--follow", action="store_true", help="show progress until all have ended; Ctrl-C detaches")
    parser.add_argument("--show", metavar="G", help="show a group (@: the newest) as a table; needs no daemon here")
    add_picture(parser, "with --show: also a picture, .png or .svg")
    parser.add_argument("--csv", action="store_true", help="with --show: print CSV")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Show a group, or make one."""
    if args.show is not None:
        return show(args)
    for option, given in (("-o", args.output is not None), ("--force", args.force), ("--csv", args.csv)):
        if given:
            raise UsageError(f"{option} goes with --show GROUP")
    paths = Paths()
    if not args.dry_run:
        require_somewhere_to_compute("sweep", paths)
    return _make(args, paths)


def _make(args: argparse.Namespace, paths: Paths) -> int:
    from hades_protocol.names import check_group, check_tags
    from hadesd.spec import sweep

    axes = sweep.check_axes(_axes(args))
    if (total := sweep.count(axes)) > (sweep.MOST_RUNS if args.yes_many else MANY):
        limit = "that is beyond what one group takes" if args.yes_many else "repeat it with --yes-many if that is meant"
        raise UsageError(f"these settings make {total:,} runs: {limit}")
    group, tags = check_group(args.name) if args.name is not None else "", check_tags(args.tags)
    found = _combine(args, axes)
    group = group or sweep.default_name(found[0].spec.env, axes)
    there = _there(paths, group)
    missing = [combination for combination in found if sweep.identity(combination.spec) not in there]
    if args.dry_run:
        return _list(args, group, found, there)
    say(_announcement(group, found, missing))
    ids = _submit(paths, group, tags, missing)
    if args.json:
        from hadesd.cli.documents.sweep import QueuedRun, SweepDocument

        runs = tuple(QueuedRun(id=run, settings=one.chosen) for run, one in zip(ids, missing, strict=True))
        print_json(SweepDocument(group=group, there_already=len(found) - len(missing), runs=runs))
    else:
        print(group, flush=True)
    if args.follow:
        from hadesd.cli.runs.groups import follow_group

        return follow_group(paths, group)
    say(f"look: hadesd sweep --show {group}   wait: hadesd wait --group {group}   end: hadesd cancel --group {group}")
    return 0


def _axes(args: argparse.Namespace) -> "list[Axis]":
    """What was typed, as settings with values; options before --set."""
    from hadesd.spec.sweep import Axis, parse_axis, parse_values

    options = (("env", args.env), ("method", args.method), ("preset", args.preset), ("seed", args.seed))
    axes = [Axis(key, parse_values(f"--{key}", text)) for key, text in options if text is not None]
    axes += [Axis(name, (value,)) for name, value in settings_of(args)]
    return axes + [parse_axis(text) for text in args.assignments]


def _combine(args: argparse.Namespace, axes: "list[Axis]") -> "list[Combination]":
    """Every combination, validated; each note on the settings is printed once."""
    from hadesd.spec.presets import resolve
    from hadesd.spec.sweep import combine
    from hadesd.spec.user_files import read_spec_file

    file_values = None if args.spec is None else read_spec_file(args.spec)
    gpu, printed = will_have_gpu(args, Paths()), set()

    def spec_of(chosen: dict[str, Any]) -> "RunSpec":
        import copy

        spec, notes = resolve(
            env=None,
            method=None,
            preset=None,
            file_values=copy.deepcopy(file_values),
            assignments=list(chosen.items()),
            has_gpu=gpu,
        )
        for note in notes:
            if note not in printed:
                printed.add(note)
                say(note)
        return spec

    return combine(axes, spec_of)


def _there(paths: Paths, group: str) -> dict[str, str]:
    """The runs that the group has already: identity of their settings -> id. Read from the disk, if it is this one."""
    from hades_protocol.run_spec import build_spec
    from hadesd.spec.sweep import identity

    if paths.connect:
        with ControlClient(paths) as client:
            names = [run.id for run in client.request(commands.Snapshot).runs if run.group == group]
            shown = [client.request(commands.Show, run=name) for name in names]
        return {identity(build_spec(one.spec)): one.run.id for one in shown}
    from hadesd.storage import records

    found = records.scan(paths.runs)[0] if paths.runs.is_dir() else []
    return {identity(spec): record.id for record, spec in found if record.group == group}


def _announcement(group: str, found: "list[Combination]", missing: "list[Combination]") -> str:
    if not missing:
        return f"{group} has all {len(found)} runs already: nothing to queue"
    already = f"; {len(found) - len(missing)} of {len(found)} are there already" if len(missing) < len(found) else ""
    return f"{group}: queueing {count_of(len(missing), 'run')}{already}"


def _submit(paths: Paths, group: str, tags: tuple[str, ...], missing: "list[Combination]") -> list[str]:
    """Queue the runs; their ids. What an interruption leaves out, the same command with --name makes up for."""
    from hades_protocol.run_spec import spec_to_dict
    from hadesd.api.launch import ensure_daemon
    from hadesd.spec.sweep import identity

    with Progress(STARTING_DAEMON):
        info, started = ensure_daemon(paths)
    if started:
        say(f"started a daemon (pid {info.pid}); log: {paths.daemon_log}")
    ids: list[str] = []
    try:
        with ControlClient(paths) as client, Progress("queueing") as progress:
            for combination in progress.over("runs queued", missing, len(missing)):
                spec = spec_to_dict(combination.spec)
                ids.append(client.request(commands.Start, spec=spec, group=group, tags=tags).id)
    except KeyboardInterrupt:  # perhaps between a request and its answer: the disk knows
        there = _there(paths, group)
        say(_half_done(group, sum(identity(one.spec) in there for one in missing), len(missing)))
        raise
    except HadesError as error:
        kind = type(error) if isinstance(error, UnreachableError | UsageError) else HadesError
        raise kind(f"{error}; {_half_done(group, len(ids), len(missing))}") from None
    return ids


def _half_done(group: str, done: int, total: int) -> str:
    return f"{done} of {total} runs of {group} were queued; the same command with --name {group} queues the others"


def _list(args: argparse.Namespace, group: str, found: "list[Combination]", there: dict[str, str]) -> int:
    """--dry-run: every run that would be made, and what all of them cost."""
    from hadesd.spec import environments
    from hadesd.spec.sweep import cost, identity

    ids = [there.get(identity(one.spec)) for one in found]
    missing = [one.spec for one, run in zip(found, ids, strict=True) if run is None]
    price = cost(missing, lambda spec: environments.of_spec(spec).family != "images")
    if args.json:
        from hadesd.cli.documents.sweep import PlannedRun, SweepPlanDocument

        runs = tuple(PlannedRun(id=run, settings=one.chosen) for run, one in zip(ids, found, strict=True))
        print_json(SweepPlanDocument(group=group if args.name else None, runs=runs, cost=price))
        return ExitCode.OK
    keys = list(found[0].chosen)
    rows = [["RUN", *keys, "GENERATIONS", "POPULATION", ""]]
    for i, (one, run) in enumerate(zip(found, ids, strict=True), start=1):
        evolution = one.spec.evolution
        already = "" if run is None else "there already"
        rows.append([str(i), *_values(one), str(evolution.generations), str(evolution.population), already])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    say(_price(price))
    from hadesd.cli.runs import expected_time

    if how_long := expected_time.of_runs(missing, expected_time.measured(Paths())):
        say(how_long)
    return ExitCode.OK


def _values(one: "Combination") -> list[str]:
    from hadesd.spec.sweep import format_value

    return [format_value(value) for value in one.chosen.values()]


def _price(price: "Cost") -> str:
    steps = f", {price.env_steps:,} environment steps" if price.env_steps else ""
    return (
        f"would queue {count_of(price.runs, 'run')}: {price.generations:,} generations, "
        f"{price.candidates:,} candidates, {price.policies:,} policies to train{steps}; nothing was queued"
    )


MAKING = ("env", "method", "preset", "spec", "seed", "name", "on", "slurm")


def show(args: argparse.Namespace) -> int:
    """Print the table; draw the picture where one is wanted."""
    given = [f"--{name}" for name in MAKING if getattr(args, name) is not None]
    given += [option for option, words in (("--set", args.assignments), ("--tag", args.tags)) if words]
    given += [option for option, on in (("--dry-run", args.dry_run), ("--follow", args.follow)) if on]
    if given:
        raise UsageError(f"--show only shows what there is: leave out {', '.join(given)}")
    if args.csv and args.json:
        raise UsageError("--csv and --json: choose one of them")
    if args.output is not None:
        from hadesd.cli.compute import require_daemon_extra

        require_daemon_extra("sweep -o")
    check_picture(args)
    table = _read(args.show)
    _print(table, args)
    if args.output is not None:
        from hadesd.analysis.pictures import style, sweep

        style.save(sweep.draw(table), args.output)
        say(f"picture: {args.output}")
    return 0


def _read(group: str) -> "SweepTable":
    from hadesd.analysis import members, sweep_table
    from hadesd.cli.runs.groups import no_group

    paths = Paths()
    if paths.connect:
        with ControlClient(paths) as client:
            known = [run.group for run in client.request(commands.Snapshot).runs if run.group]
            group = known[-1] if group == "@" and known else group
            found = members.ask_for_group(client, group)
    else:
        known = members.groups_on_disk(paths.runs)
        group = known[-1] if group == "@" and known else group
        found = members.read_group(paths.runs, group)
    if not found:
        raise no_group(group, known)
    return sweep_table.tabulate(group, found)


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
