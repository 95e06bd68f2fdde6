"""Daemon -> client, on the control socket: what a request is answered with (docs/protocol.md)."""

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
from hades_protocol.version import MAJOR


class SnapshotResult(msgspec.Struct, frozen=True, kw_only=True):
    """`seq`: number of the last event that this snapshot already contains."""

    daemon: DaemonInfo
    seq: int
    runs: tuple[RunSummary, ...]
    gpus: tuple[GpuInfo, ...] = ()  # since protocol 1.2
    jobs: tuple[Job, ...] = ()  # those that run, and the newest that ended; since protocol 1.3


class ShowResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run with its settings and its history: requests, restarts, resumes."""

    run: RunSummary
    spec: dict[str, Any]
    history: tuple[HistoryEntry, ...] = ()
    checkpoints: CheckpointList = CheckpointList()  # since protocol 1.3


class LogResult(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a log in the order in which they were written."""

    lines: tuple[LogLine, ...]


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One setting before and after; `name` is dotted."""

    name: str
    before: Any
    after: Any


class ChangeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a fork or a resize did, or would do where `run` is null (a dry run).

    generation: the checkpoint that a fork goes on from; for a resize the newest committed one.
    notes: one line each, about what the change brings along.
    """

    run: RunSummary | None
    generation: int
    changes: tuple[SettingChange, ...]
    notes: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that the daemon has forgotten, and where its files are now."""

    run: RunSummary
    directory: str


class HistoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics in ascending order of generation.

    Where there are more generations than asked for, they are thinned such that in every bucket the lowest
    and the highest of `fitness_mean`, `fitness_best` and `evaluated_mean` stay: no spike is lost; and so does the
    newest generation whose mean dataset was evaluated.

    seq: number of the last event that is already contained (as in SnapshotResult).
    references: levels to compare the fitness with, from references.json in the run directory; since protocol 1.1.
    env_steps, committed_at: for each of `metrics` the environment steps of all generations up to it, and the Unix time
        of its commit (0 where it is not known); both empty where the daemon does not say. Since protocol 1.3.
    """

    run: str
    seq: int
    generations_total: int
    metrics: tuple[GenerationMetrics, ...]
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()  # in ascending order of generation; since protocol 1.2
    env_steps: tuple[int, ...] = ()
    committed_at: tuple[float, ...] = ()


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """`code`: usage, not_found, wrong_state, protocol, internal (hades_protocol.errors)."""

    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to one request; exactly one of `result` and `error` is set."""

    request_id: str
    protocol_major: int = MAJOR
    result: Any = None
    error: ErrorBody | None = None
