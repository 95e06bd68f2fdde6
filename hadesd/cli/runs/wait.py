"""hadesd wait: the end of a run as an exit code."""

import argparse
import time

from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.api.polling import Limit, watch
from hadesd.cli.documents.runs import GroupDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run_or_group, add_verb, positive_seconds
from hadesd.cli.progress import LONGEST_SECONDS, live_line
from hadesd.cli.runs.follow import OUTCOMES, progress


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "wait",
        "wait for the end of a run; exit code 0 finished, 1 failed, 3 cancelled or not ended within --timeout",
        "hadesd wait @\nhadesd wait @ --timeout 600\nhadesd wait --group cartpole-pairs-k3f9",
    )
    add_run_or_group(parser)
    parser.add_argument("--timeout", type=positive_seconds, metavar="S", help="wait no longer than S seconds")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Wait; a restart of the daemon in between does not matter."""
    deadline = None if args.timeout is None else time.monotonic() + args.timeout
    if args.group is not None:
        return _wait_for_group(args.group, deadline, args)
    announced, announced_paused = False, False

    def late(seen: RunSummary | None) -> str:
        text = f"run {seen.id if seen else args.run} has not ended within {args.timeout:g} s"
        return f"{text}: it is {seen.state} after generation {seen.generation} of {seen.generations}" if seen else text

    limit: Limit[RunSummary] | None = None if deadline is None else Limit(deadline, late)
    with live_line(LONGEST_SECONDS) as line:
        for summary in watch(Paths(), args.run, tell=say, limit=limit):
            if summary.state in OUTCOMES:
                return _report(summary, args.json)
            if not announced:
                announced = True
                say(f"waiting for {summary.id}, which is {summary.state}; Ctrl-C leaves it alone")
            if summary.state == RunState.PAUSED and not announced_paused:
                announced_paused = True
                say(f"{summary.id} is paused: it goes on with 'hadesd resume {summary.id}'")
            line.show(progress(summary), time.monotonic())
    raise AssertionError("watch() has no end")


def _wait_for_group(group: str, deadline: float | None, args: argparse.Namespace) -> int:
    """The end of all runs of a group; the exit code is that of the worst."""
    from hadesd.cli.runs.groups import Runs, counted, have_ended, outcome, progress, watch_group

    def late(seen: Runs | None) -> str:
        text = f"group {group} has not ended within {args.timeout:g} s"
        return f"{text}: {counted(seen)}" if seen else text

    announced = False
    limit: Limit[Runs] | None = None if deadline is None else Limit(deadline, late)
    with live_line(LONGEST_SECONDS) as line:
        for runs in watch_group(Paths(), group, limit):
            if have_ended(runs):
                say(f"{group}: {counted(runs)}")
                if args.json:
                    print_json(GroupDocument(group=group, runs=runs))
                return outcome(runs)
            if not announced:
                announced = True
                say(f"waiting for {group}: {counted(runs)}; Ctrl-C leaves it alone")
            line.show(progress(group, runs), time.monotonic())
    raise AssertionError("watch_group() has no end")


def _report(summary: RunSummary, as_json: bool) -> int:
    reason = f": {summary.reason}" if summary.reason else ""
    say(f"{summary.id} {summary.state} after generation {summary.generation}{reason}")
    if as_json:
        print_json(summary)
    return OUTCOMES[summary.state]
