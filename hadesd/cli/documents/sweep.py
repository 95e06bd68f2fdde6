"""Documents of `hadesd sweep`. The table of `hadesd sweep --show` is hadesd.analysis.sweep_table.SweepTableDocument."""

from typing import Any

import msgspec

from hadesd.spec.sweep import Cost


class QueuedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was queued."""

    id: str  # the run
    settings: dict[str, Any]  # the settings that the command line varies, by dotted name


class SweepDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a sweep queued."""

    group: str  # name of the group
    there_already: int  # combinations whose run the group had before
    runs: tuple[QueuedRun, ...]  # those that were queued now


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A combination of settings."""

    id: str | None  # the run that the group has of it already; null where one would be queued
    settings: dict[str, Any]  # the settings that the command line varies, by dotted name


class SweepPlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a sweep would queue (--dry-run)."""

    group: str | None  # name of the group; null where --name does not give one
    runs: tuple[PlannedRun, ...]  # every combination
    cost: Cost  # of the runs that would be queued, together
