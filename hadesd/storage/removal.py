"""Runs that leave the runs directory and runs that come back into it. Nothing is deleted here."""

import os
import secrets
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from hades_protocol.errors import UsageError, WrongStateError
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.run_state import AT_REST, RunState
from hades_protocol.settings import merge
from hadesd.spec import own_code
from hadesd.storage import records
from hadesd.storage.atomic import sync_renames
from hadesd.storage.records import RunRecord

REMOVED_PREFIX = ".removed-"
"""Of directories that no longer are runs: a scan skips names with a dot."""


def check_removable(run: str, state: RunState, locked: bool) -> None:
    """Raises WrongStateError where something works on a run's files or is about to."""
    if state not in AT_REST:
        raise WrongStateError(f"run {run} is {state}: cancel or pause it first")
    if locked:
        raise WrongStateError(f"run {run} is {state}, but a process still works on its files: wait until it has ended")


def put_aside(directory: Path) -> Path:
    """Rename a run's directory to a hidden one, so that it no longer is a run; the new path.

    Where somebody has deleted the directory already there is nothing at the new path either.

    Raises:
        WrongStateError: it cannot be renamed; the run stays.
    """
    hidden = directory.with_name(f"{REMOVED_PREFIX}{directory.name}-{secrets.token_hex(4)}")
    try:
        os.rename(directory, hidden)
    except FileNotFoundError:
        return hidden
    except OSError as error:
        raise WrongStateError(f"cannot remove {directory}: {error.strerror or error}; the run stays") from error
    sync_renames(directory.parent)
    return hidden


def load_new(directory: Path, run: str) -> tuple[records.RunRecord, RunSpec]:
    """A run that was put where the runs are: into `directory`, under its whole id.

    Raises:
        UsageError: it holds none that this version can use.
    """
    if not records.ID_PATTERN.fullmatch(run):
        raise UsageError(f"'{run[:80]}' is no id of a run")
    try:
        return records.load(directory / run)
    except records.DamagedRunError as error:
        raise UsageError(str(error)) from None


def hold_back(directory: Path) -> str:
    """Have a run that was put there wait for a person where it would go on by what they have to trust; what that is.

    Whose archive it was, nobody knows: because a file says so nothing of a package is imported, and sbatch, which can
    write anywhere, gets no options.

    Raises:
        UsageError: it holds no run that this version can use.
    """
    record, spec = load_new(directory.parent, directory.name)
    if record.desired != "run" or record.outcome is not None:
        return ""
    reasons = []
    if named := own_code.named_by(spec):
        reasons.append(f"it names code, {' and '.join(named)}, which is imported when it goes on")
    if spec.resources.executor == "slurm" and spec.resources.slurm:
        reasons.append(f"sbatch gets {spec.resources.slurm} when it goes on")
    if reasons:
        records.save(directory, replace(record, desired="pause"))
    return "; ".join(reasons)


def with_retention(record: RunRecord, **values: int | None) -> tuple[RunRecord, RunSpec, str]:
    """The record and the settings with other values in the section `checkpoints`, and the change in words.

    values: by the names of the section; None leaves one as it is.

    Raises:
        UsageError: a value out of range, or nothing to change.
    """
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if not given:
        raise UsageError("nothing to change: give keep_newest, keep_every or keep_best")
    settings = merge(record.spec, {"checkpoints": given})
    return replace(record, spec=settings), build_spec(settings), ", ".join(f"{k} {v}" for k, v in given.items())
