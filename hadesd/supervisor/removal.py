"""Runs that leave the runs directory and runs that come back into it. Nothing is deleted here."""

import os
import secrets
from pathlib import Path

from hades_protocol.errors import UsageError, WrongStateError
from hades_protocol.run_spec import RunSpec
from hades_protocol.run_state import RunState
from hadesd.files import sync_directory
from hadesd.supervisor import runs

REMOVED_PREFIX = ".removed-"
"""Of directories that no longer are runs: a scan skips names with a dot."""

REMOVABLE = frozenset({RunState.PAUSED, RunState.FINISHED, RunState.FAILED, RunState.CANCELLED})
"""States in which no process works on a run and none will by itself."""


def check_removable(run: str, state: RunState, locked: bool) -> None:
    """Raises WrongStateError where something works on a run's files or is about to."""
    if state not in REMOVABLE:
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
    sync_directory(directory.parent)
    return hidden


def load_new(directory: Path, run: str) -> tuple[runs.RunRecord, RunSpec]:
    """A run that was put where the runs are: into `directory`, under its whole id.

    Raises:
        UsageError: it holds none that this version can use.
    """
    if not runs.ID_PATTERN.fullmatch(run):
        raise UsageError(f"'{run[:80]}' is no id of a run")
    try:
        return runs.load(directory / run)
    except runs.Damaged as error:
        raise UsageError(str(error)) from None
