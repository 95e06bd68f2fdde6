"""Documents of the verbs that start, show and change runs. Light: `hadesd status` imports it."""

from typing import Any, Literal

import msgspec

from hades_protocol.messages import CheckpointList, DaemonInfo, HistoryEntry, RunSummary
from hades_protocol.replies import SettingChange


class RunsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a daemon knows."""

    daemon: DaemonInfo  # who answered
    runs: tuple[RunSummary, ...]  # oldest first


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One run with all that the daemon knows of it."""

    id: str  # the run
    daemon: DaemonInfo  # who answered
    run: RunSummary  # what the list of runs says of it
    settings: dict[str, Any]  # every setting, by section (`hadesd settings` lists them)
    base: str  # what they are compared with: the preset NAME, or the defaults; empty where that is not known here
    changes: tuple[SettingChange, ...]  # settings that differ from it: `before` is its value, `after` the run's
    history: tuple[HistoryEntry, ...]  # what happened to it, in order of time
    checkpoints: CheckpointList  # what it has on disk to go on from


class DifferenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs side by side."""

    runs: tuple[RunSummary, ...]  # the two
    changes: tuple[SettingChange, ...]  # settings that differ: `before` is the first run's value, `after` the other's


class GroupDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of a group."""

    group: str  # name of the group
    runs: tuple[RunSummary, ...]  # those that were changed, or all that were waited for


class ChangedRunsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Several runs that were changed by one command."""

    runs: tuple[RunSummary, ...]  # those that were changed, in the order in which they were named


class ChangeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was forked or resized, or would be."""

    id: str | None  # the new run of a fork, or the run that was resized; null with --dry-run
    dry_run: bool  # nothing was done
    generation: int  # the checkpoint that a fork goes on from; for a resize the newest committed one
    changes: tuple[SettingChange, ...]  # settings that differ
    notes: tuple[str, ...]  # what the change brings along
    run: RunSummary | None  # the run afterwards; null with --dry-run


Outcome = Literal["finished", "failed", "cancelled", "checkpointed"]


class ForegroundDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How `hadesd run` ended."""

    id: str  # the run
    outcome: Outcome  # checkpointed: the same command goes on
    exit_code: int  # of this command
    run: RunSummary  # the run at the end
