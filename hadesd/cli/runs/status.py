"""hadesd status: the runs, one of them, or the settings in which two differ."""

import argparse
import sys
import time

from hades_protocol import commands, replies
from hades_protocol.errors import UsageError
from hades_protocol.messages import CheckpointList, DaemonInfo, RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hades_protocol.sync_client import ControlClient
from hadesd.cli.documents.runs import DifferenceDocument, RunDocument, RunsDocument
from hadesd.cli.output import print_json, say, table, terminal_width, use_colour
from hadesd.cli.parsing import (
    Parser,
    Subparsers,
    add_json,
    add_run_or_group,
    add_tag_filter,
    add_verb,
    states_of,
)

EXAMPLES = """\
hadesd status
hadesd status --tag paper --state running,queued
hadesd status @ --all-settings
hadesd status @ --diff k3f9
hadesd status --group cartpole-pairs-k3f9 --json"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "status",
        "list the runs, or show one: what happened to it, and the settings that differ from its preset's",
        EXAMPLES,
    )
    add_run_or_group(parser, required=False)
    add_tag_filter(parser)
    parser.add_argument("--state", metavar="S,...", type=states_of(*RunState), help="the runs in one of the states")
    parser.add_argument("--all-settings", action="store_true", help="with RUN: every setting")
    parser.add_argument("--diff", metavar="RUN", help="with RUN: the settings in which this other run differs")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the table or the JSON."""
    _check_options(args)
    with ControlClient(Paths()) as client:
        if args.run is None:
            return _list(args, client.request(commands.Snapshot))
        shown: replies.ShowResult = client.request(commands.Show, run=args.run)
        if args.diff is not None:
            return _differences(args, shown, client.request(commands.Show, run=args.diff))
        info: DaemonInfo = client.request(commands.Hello)
    if args.json:
        print_json(_document(info, shown))
    else:
        print(_details(shown, args.all_settings))
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """Raises UsageError where an option of the list stands with a run, or one of a run without it."""
    if args.run is not None and (args.tags or args.state is not None):
        raise UsageError("--tag and --state choose runs of the list: leave RUN out, or leave them out")
    if args.run is None and (args.all_settings or args.diff is not None):
        raise UsageError("--all-settings and --diff go with a run: hadesd status RUN")
    if args.all_settings and args.diff is not None:
        raise UsageError("--all-settings and --diff: choose one of them")


def _list(args: argparse.Namespace, snapshot: replies.SnapshotResult) -> int:
    runs = snapshot.runs
    if args.group is not None or args.tags:
        from hadesd.cli.runs.groups import members, tagged

        runs = members(runs, args.group) if args.group is not None else runs
        runs = tagged(runs, args.tags)
    runs = tuple(run for run in runs if args.state is None or run.state in args.state)
    if args.json:
        print_json(RunsDocument(daemon=snapshot.daemon, runs=runs))
    elif runs:
        print(table(runs, use_colour(sys.stdout), terminal_width(sys.stdout)))
    elif snapshot.runs:
        say("no run matches: 'hadesd status' lists them all")
    else:
        say("no runs yet: begin with 'hadesd start --env CartPole-v1'")
    return 0


def _differences(args: argparse.Namespace, one: replies.ShowResult, other: replies.ShowResult) -> int:
    """Both runs, and the settings in which they differ."""
    from hadesd.cli.settings_text import columns
    from hadesd.spec.differences import differing

    changes = differing(one.spec, other.spec)
    if args.json:
        print_json(DifferenceDocument(runs=(one.run, other.run), changes=changes))
        return 0
    print(table([one.run, other.run], use_colour(sys.stdout), terminal_width(sys.stdout)))
    if changes:
        print("\n" + columns(changes, ("SETTING", _called(one.run), _called(other.run))))
    else:
        print("\nno setting differs")
    return 0


def _called(run: RunSummary) -> str:
    return run.name or run.id


def _document(daemon: DaemonInfo, shown: replies.ShowResult) -> RunDocument:
    from hadesd.cli.settings_text import preset_changes

    base, changes = preset_changes(shown.spec)
    return RunDocument(
        id=shown.run.id,
        daemon=daemon,
        run=shown.run,
        settings=shown.spec,
        base=base,
        changes=changes,
        history=shown.history,
        checkpoints=shown.checkpoints,
    )


def _checkpoints(kept: CheckpointList) -> str:
    from hades_protocol.formatting import size

    text = f"{len(kept.generations)} kept, newest of generation {kept.generations[-1]}, {size(kept.bytes)}"
    if kept.verified_generation is not None and kept.verified_at is not None:
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.verified_at))
        text += f"; last restored and found whole: generation {kept.verified_generation}, {moment}"
    return text + (f"; damaged: {', '.join(kept.damaged)}" if kept.damaged else "")


def _details(shown: replies.ShowResult, all_settings: bool) -> str:
    from hadesd.cli.settings_text import settings_lines

    lines = [table([shown.run], use_colour(sys.stdout)), ""]
    lines += [f"name         {shown.run.name}"] if shown.run.name else []
    lines += [f"environment  {shown.run.env}, {shown.run.method}, seed {shown.run.seed}"]
    lines += [f"preset       {shown.run.preset}"] if shown.run.preset else []
    lines += [f"group        {shown.run.group}"] if shown.run.group else []
    lines += [f"tags         {', '.join(shown.run.tags)}"] if shown.run.tags else []
    lines += [f"parent       {shown.run.parent.run}@{shown.run.parent.generation}"] if shown.run.parent else []
    lines += [f"note         {shown.run.note}"] if shown.run.note else []
    lines += [f"directory    {shown.run.directory}"]
    lines += [f"checkpoints  {_checkpoints(shown.checkpoints)}"] if shown.checkpoints.generations else []
    lines += [f"computed by  {shown.checkpoints.execution}"] if shown.checkpoints.execution else []
    if shown.run.slurm_job:
        lines.append(f"worker       Slurm job {shown.run.slurm_job}, {shown.run.phase}")
    elif shown.run.worker_pid:
        lines.append(f"worker       pid {shown.run.worker_pid}, {shown.run.phase}")
    lines += [f"restarts     {shown.run.restarts}"] if shown.run.restarts else []
    for entry in shown.history[-10:]:
        reason = f": {entry.reason}" if entry.reason else ""
        lines.append(f"history      generation {entry.generation}, {entry.what}{reason}")
    lines += ["", *settings_lines(shown.spec, all_settings)]
    tail = shown.history[-1].log_tail if shown.history else ()
    lines += ["", "end of the worker's log:", *(f"  {line}" for line in tail)] if tail else []
    return "\n".join(lines)
