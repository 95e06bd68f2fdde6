"""Daemon -> client, on the control socket: replies and their results (docs/protocol.md)."""

from typing import Any

import msgspec

from hades_protocol.messages import (
    CheckpointList,
    DaemonInfo,
    GenerationMetrics,
    GpuInfo,
    HistoryEntry,
    Job,
    LogLine,
    Mark,
    Reference,
    RunSummary,
)
from hades_protocol.version import MAJOR, is_compatible


class SnapshotResult(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's whole state.

    seq: number of the last event that it contains. runs: all, oldest first. gpus: those of the daemon's machine.
    jobs: those that run, and the newest that ended.
    """

    daemon: DaemonInfo
    seq: int
    runs: tuple[RunSummary, ...]
    gpus: tuple[GpuInfo, ...]
    jobs: tuple[Job, ...]


class ShowResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run in detail.

    spec: its nested settings. history: what happened to it, in order of time. checkpoints: index of what it has on
    disk to go on from.
    """

    run: RunSummary
    spec: dict[str, Any]
    history: tuple[HistoryEntry, ...]
    checkpoints: CheckpointList


class LogResult(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a log in the order in which they were written."""

    lines: tuple[LogLine, ...]


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """Value of one setting before and after; `name` is dotted: evolution.sigma."""

    name: str
    before: Any
    after: Any


class ChangeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a fork or a resize, or of its dry run (`run` is null then).

    generation: the checkpoint that a fork goes on from; for a resize the newest committed one.
    notes: consequences of the change, one line each.
    """

    run: RunSummary | None
    generation: int
    changes: tuple[SettingChange, ...]
    notes: tuple[str, ...] = ()


class PlanResult(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that a new run would have, and what was chosen for whoever asked, a note a line."""

    spec: dict[str, Any]
    notes: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that the daemon has forgotten. `directory`: the hidden one that holds its files now."""

    run: RunSummary
    directory: str


class HistoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics in ascending order of generation.

    Where there are more generations than asked for, they are downsampled such that in every bucket the lowest
    and the highest of `fitness_mean`, `fitness_best` and `evaluated_mean` stay: no spike is lost; and so does the
    newest generation whose mean dataset was evaluated.

    seq: number of the last event that is already contained (as in SnapshotResult).
    generations_total: the newest committed generation of the run.
    references: levels to compare the fitness with, from references.json in the run directory.
    marks: in ascending order of generation.
    env_steps, committed_at: as long as `metrics`: the environment steps of all generations up to that one, and the
        Unix time of its commit (0 where it is not known).
    """

    run: str
    seq: int
    generations_total: int
    metrics: tuple[GenerationMetrics, ...]
    references: tuple[Reference, ...]
    marks: tuple[Mark, ...]
    env_steps: tuple[int, ...]
    committed_at: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.metrics) == len(self.env_steps) == len(self.committed_at):
            raise ValueError("metrics, env_steps and committed_at differ in length")


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused.

    code: usage, not_found, wrong_state, protocol, internal (hades_protocol.errors). message: one line for people.
    """

    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to one request: `result`, of the type that commands.RESULTS has for it, or `error`.

    request_id: that of the request; empty where the daemon could not read it.
    """

    request_id: str
    protocol_major: int = MAJOR
    result: Any = None
    error: ErrorBody | None = None

    def answers(self, request_id: str) -> bool:
        """Whether it is the answer to that request, the only one that its connection waits for.

        That of another major version is: what its ids mean is not known.
        """
        return self.request_id in (request_id, "") or not is_compatible(self.protocol_major)
