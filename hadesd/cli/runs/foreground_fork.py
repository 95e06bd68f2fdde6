"""hadesd run --fork: a run in a directory of its own that goes on from another one's checkpoint."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.replies import ChangeResult
from hadesd.cli.parsing import Parser, split_generation
from hadesd.cli.runs.spec_changes import nested, report_changes

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.daemon.single_run import Origin
    from hadesd.storage.records import RunRecord


def add_fork(parser: Parser) -> None:
    """Add --fork."""
    parser.add_argument(
        "--fork",
        metavar="DIR[@GEN]",
        help="go on from a checkpoint of the run in that directory (default: its newest), with --set, as 'hadesd fork'",
    )


def forked_spec(args: argparse.Namespace, stored: "tuple[RunRecord, RunSpec] | None") -> "tuple[RunSpec, Origin]":
    """The settings of the fork, and where it comes from; what differs is said where it begins.

    stored: the run that is there already, which goes on.

    Raises:
        NotFoundError: there is no run, or no such checkpoint.
        UsageError: settings that a fork cannot have. WrongStateError: what is there is no fork of that run.
    """
    from hadesd.daemon.single_run import Origin
    from hadesd.spec.changes import forked
    from hadesd.storage.checkpoints import choose_generation

    named = {"--env": args.env, "--preset": args.preset, "--spec": args.spec}
    if given := [option for option, value in named.items() if value is not None]:
        raise UsageError(f"{given[0]} does not go with --fork, whose settings are its parent's: use --set")
    own = [("method", args.method), ("seed", args.seed)]
    values = nested([*(f"{name}={value}" for name, value in own if value is not None), *args.assignments])
    name, generation = split_generation(args.fork)
    parent, spec = _parent(Path(name))
    if stored is None:
        generation = choose_generation(parent, generation)
    else:
        record = stored[0]
        if (
            record.parent is None
            or record.parent.run != parent.name
            or generation not in (None, record.parent.generation)
        ):
            raise WrongStateError(
                f"{args.directory} holds {record.id}, which is no fork of {args.fork}: give another --directory"
            )
        generation = record.parent.generation
    after, changes, notes = forked(spec, values, generation)
    if stored is None:
        report_changes(ChangeResult(run=None, generation=generation, changes=changes, notes=notes))
    return after, Origin(parent, generation, changes)


def _parent(directory: Path) -> "tuple[Path, RunSpec]":
    """A run's directory and settings: of the run itself, or of the one in a directory of `hadesd run`."""
    from hadesd.storage import records
    from hadesd.storage.layout import RunPaths

    runs = [directory, *sorted((directory / "runs").glob("*"))]
    found = [run for run in runs if RunPaths(run).record.exists()]
    if not found:
        raise NotFoundError(f"--fork {directory}: there is no run, nor a directory of 'hadesd run'")
    if len(found) > 1:
        raise UsageError(f"--fork {directory}: there are {len(found)} runs, give the directory of one, e.g. {found[0]}")
    _, spec = records.load(found[0])
    return found[0].absolute(), spec
