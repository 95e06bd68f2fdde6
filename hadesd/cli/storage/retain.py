"""hadesd retain: change which checkpoints runs keep, and prune those that they have."""

import argparse
import time
from pathlib import Path

from hades_protocol.errors import ExitCode, HadesError, UsageError, WrongStateError
from hades_protocol.formatting import count_of, size
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_spec import Retention
from hades_protocol.run_state import AT_REST, RunState
from hadesd.cli.documents.storage import RetainedRun, RetentionDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress
from hadesd.cli.storage import selection
from hadesd.cli.storage.backend import Rule, RunBackend, hold, run_backend
from hadesd.storage import pruning, removal
from hadesd.storage.removal import with_retention

EXAMPLES = """\
hadesd retain @ --keep-newest 2 --keep-every 0
hadesd retain --group sizes --keep-every 500 --dry-run
hadesd retain --all --keep-every 0 --no-keep-best --yes"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "retain",
        "change which checkpoints runs without a worker keep, and delete the others after showing them and asking",
        EXAMPLES,
    )
    selection.add_choice(parser)
    parser.add_argument("--all", action="store_true", help="every run without a worker")
    parser.add_argument("--keep-newest", type=int, metavar="N", help="the newest N (2 or more)")
    parser.add_argument("--keep-every", type=int, metavar="K", help="every K-th generation (0: none)")
    parser.add_argument(
        "--keep-best", action=argparse.BooleanOptionalAction, help="the generation of the highest mean fitness"
    )
    selection.add_asking(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """List what would go, ask, write the rule into the runs, and prune their checkpoints."""
    rule: Rule = {name: getattr(args, name) for name in ("keep_newest", "keep_every", "keep_best")}
    with run_backend(Paths()) as backend:
        chosen = _choose(backend.runs(), args)
        plans = [pruning.plan(Path(item.run.directory), _rule(item.run, rule)) for item in chosen]
        going = sum(sum(plan.go.values()) for plan in plans)
        if not args.json:
            print(selection.table(chosen, [_describe(plan) for plan in plans], "GOES"))
        say(f"{count_of(sum(len(plan.go) for plan in plans), 'checkpoint')} would go, {size(going)}")
        retained: list[RetainedRun] = []
        failures = 0
        if not args.dry_run and going and not selection.agreed(f"Delete {size(going)} of checkpoints?", args.yes):
            return ExitCode.OK
        with Progress("pruning runs") as progress:
            for item, plan in progress.over("runs pruned", zip(chosen, plans, strict=True), len(chosen)):
                try:
                    done = plan if args.dry_run else _retain(backend, item.run, rule)
                except HadesError as error:
                    say(f"{item.run.id}: {error}")
                    failures = max(failures, error.exit_code)
                    continue
                freed = sum(done.go.values())
                retained.append(RetainedRun(id=item.run.id, kept=tuple(done.stay), removed=tuple(done.go), bytes=freed))
    if args.json:
        print_json(RetentionDocument(dry_run=args.dry_run, runs=tuple(retained), bytes=going))
    elif not args.dry_run:
        say(f"freed {size(sum(one.bytes for one in retained))}")
    return failures


def _choose(known: tuple[RunSummary, ...], args: argparse.Namespace) -> list[selection.Chosen]:
    """The runs that are meant and have no worker; a run by name that has one is an error."""
    if args.all:
        if args.runs or args.tags or args.group is not None or args.state is not None:
            raise UsageError("--all, runs by name or filters: choose one of them")
        args.state = tuple(RunState)
    chosen = selection.choose(known, args, time.time())
    fit = [item for item in chosen if item.run.state in AT_REST]
    for item in chosen:
        if item not in fit:
            why = f"run {item.run.id} is {item.run.state}: pause it first"
            if args.runs:
                raise WrongStateError(why)
            say(f"left out: {why}")
    return fit


def _rule(run: RunSummary, rule: Rule) -> Retention:
    """What a run's rule would be.

    Raises:
        UsageError: a value is not accepted.
    """
    directory = Path(run.directory)
    record, spec = removal.load_new(directory.parent, run.id)
    return spec.checkpoints if not _given(rule) else with_retention(record, **rule)[1].checkpoints


def _given(rule: Rule) -> bool:
    return any(value is not None for value in rule.values())


def _retain(backend: RunBackend, run: RunSummary, rule: Rule) -> pruning.PruningPlan:
    """Note the rule for later workers, then prune. Noted first: a later worker would else prune by the old one."""
    directory = Path(run.directory)
    if _given(rule):
        backend.retain(run, rule)
    try:
        with hold(directory):
            return pruning.prune(directory, removal.load_new(directory.parent, run.id)[1].checkpoints)
    except OSError as error:
        raise HadesError(f"cannot prune the checkpoints in {directory}: {error.strerror or error}") from error


def _describe(plan: pruning.PruningPlan) -> str:
    if not plan.go:
        return "nothing"
    return f"{len(plan.go)} of {len(plan.go) + len(plan.stay)} checkpoints, {size(sum(plan.go.values()))}"
