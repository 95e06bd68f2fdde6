"""hadesd pause, resume and cancel: ask the daemon, and wait until it is done."""

import argparse
import time

import msgspec

from hades_protocol import commands
from hades_protocol.errors import ExitCode, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import CANCELLABLE, PAUSABLE, RESUMABLE, RunState, WorkerPhase
from hades_protocol.sync_client import ControlClient
from hadesd.cli.documents.runs import ChangedRunsDocument, GroupDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_runs_or_group, add_verb
from hadesd.cli.runs.bulk import Runs, ask_each, look_up

S = RunState

POLL_SECONDS = 0.1
ON_THE_WAY = (S.PAUSING, S.CANCELLING)

MEANINGFUL: dict[type[commands.Mutation], frozenset[RunState]] = {
    commands.Pause: PAUSABLE,
    commands.Resume: RESUMABLE,
    commands.Cancel: CANCELLABLE,
}
"""States in which a verb does something to a run; the group's other runs are left alone."""

SUMMARIES = {
    "pause": "commit the generation and end the worker, which frees its device; resume goes on from there",
    "resume": "queue a paused, failed or cancelled run again; it goes on from its last commit",
    "cancel": "end a run; its last commit stays, and resume would go on from it",
}
REQUESTS: dict[str, type[commands.Mutation]] = {
    "pause": commands.Pause,
    "resume": commands.Resume,
    "cancel": commands.Cancel,
}


def add_parser(subparsers: "Subparsers[Parser]") -> None:
    """The arguments of the three verbs."""
    for verb, summary in SUMMARIES.items():
        parser = add_verb(
            subparsers,
            verb,
            summary,
            f"hadesd {verb} @\nhadesd {verb} k3f9 x7p2 --json\nhadesd {verb} --group cartpole-pairs-k3f9",
        )
        parser.set_defaults(request=REQUESTS[verb])
        add_runs_or_group(parser)
        if verb != "resume":
            parser.add_argument(
                "--no-wait", action="store_true", help="do not wait until the worker has committed and exited"
            )
        add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask for the change and, unless told otherwise, wait until it is done."""
    kind: type[commands.Mutation] = args.request
    wait = not getattr(args, "no_wait", True)
    with ControlClient(Paths()) as client:
        if args.group is not None:
            return _on_group(client, args.group, kind, wait, args.json)
        if len(args.runs) > 1:
            return _on_runs(client, args.runs, kind, wait, args.json)
        summary = _settle(client, (client.request(kind, run=args.runs[0]),), wait)[0]
    _tell((summary,), summary if args.json else None)
    return 0


def _on_runs(client: ControlClient, names: list[str], kind: type[commands.Mutation], wait: bool, as_json: bool) -> int:
    """Ask for each, and wait for all."""
    asked, refused = ask_each(client, look_up(client, names), kind)
    changed = _settle(client, asked, wait)
    _tell(changed, ChangedRunsDocument(runs=changed) if as_json else None)
    return refused


def _on_group(client: ControlClient, group: str, kind: type[commands.Mutation], wait: bool, as_json: bool) -> int:
    asked, refused = change_group(client, kind, group)
    changed = _settle(client, asked, wait)
    _tell(changed, GroupDocument(group=group, runs=changed) if as_json else None)
    return refused


def change_group(client: ControlClient, kind: type[commands.Mutation], group: str) -> tuple[Runs, ExitCode]:
    """Carry a verb out on every run of a group to which it means something; those runs, and the worst refusal's code.

    Waiting ones come first: they would else take the slots of those that end. A run that has ended meanwhile is no
    refusal.

    Raises:
        NotFoundError: no such group.
        WrongStateError: it means nothing to any of them.
    """
    from hadesd.cli.runs.groups import ask, counted

    found = ask(client, group)
    todo = sorted((run for run in found if _means_something(kind, run)), key=lambda run: run.state != S.QUEUED)
    if not todo:
        raise WrongStateError(f"group {group} is {counted(found)}: there is nothing to {kind.__name__.lower()}")
    done, code = ask_each(client, [run.id for run in todo], kind, harmless=(WrongStateError,))
    if not done and not code:
        raise WrongStateError(f"group {group} is {counted(ask(client, group))}: nothing was done")
    return done, code


def _means_something(kind: type[commands.Mutation], run: RunSummary) -> bool:
    return run.state in MEANINGFUL[kind] or (kind is commands.Pause and run.waits_for_room)


def _settle(client: ControlClient, runs: tuple[RunSummary, ...], wait: bool) -> tuple[RunSummary, ...]:
    """The runs once their workers are gone, or at once where that is not wanted.

    What is under way is said of all before the first is waited for: Ctrl-C changes nothing about it.
    """
    if not wait:
        return runs
    for summary in runs:
        if summary.state in ON_THE_WAY:
            in_queue = summary.phase == WorkerPhase.WAITING_IN_SLURM  # so there is no worker yet
            what = "its job leaves Slurm's queue" if in_queue else "its worker finishes the generation and commits"
            say(f"{summary.id} {summary.state}: {what}")
    return tuple(_gone(client, summary) for summary in runs)


def _gone(client: ControlClient, summary: RunSummary) -> RunSummary:
    """The run once its worker is gone, where that is on its way."""
    while summary.state in ON_THE_WAY:
        time.sleep(POLL_SECONDS)
        summary = client.request(commands.Show, run=summary.id).run
    return summary


def _tell(changed: tuple[RunSummary, ...], document: msgspec.Struct | None) -> None:
    """Print the document, or without one a line for each run."""
    if document is not None:
        print_json(document)
        return
    for summary in changed:
        reason = f" ({summary.reason})" if summary.reason else ""
        say(f"{summary.id} is {summary.state} after generation {summary.generation}{reason}")
