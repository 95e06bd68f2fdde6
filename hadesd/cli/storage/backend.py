"""Removing runs, taking them in and changing their retention: by the daemon, or by this process where none runs."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from hades_protocol import commands, replies
from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hades_protocol.sync_client import ControlClient, listens
from hadesd.storage import records, removal
from hadesd.storage.layout import RunPaths
from hadesd.storage.locks import DaemonLock, is_run_locked, lock_run
from hadesd.storage.removal import with_retention
from hadesd.supervisor.lifecycle.events import RetentionAsked
from hadesd.supervisor.lifecycle.state import CrashPolicy, recorded
from hadesd.supervisor.lifecycle.transitions import step
from hadesd.supervisor.run import ManagedRun, summarise

Rule = dict[str, int | None]
"""keep_newest, keep_every and keep_best; None leaves a value."""


class RunBackend(Protocol):
    """Changes that only one process at a time may make."""

    def runs(self) -> tuple[RunSummary, ...]:
        """Summaries of all runs, oldest first."""

    def remove(self, run: RunSummary) -> Path:
        """Take a run out of the set of runs; the hidden directory in which its files are now.

        Raises:
            HadesError: it is in another state by now, or something works on it.
        """

    def adopt(self, run: str) -> RunSummary:
        """Take in a run whose directory was put where the runs are."""

    def retain(self, run: RunSummary, rule: Rule) -> None:
        """Write a retention rule into a run's settings.

        Raises:
            HadesError: it has a worker, or a value is not accepted.
        """


@contextlib.contextmanager
def run_backend(paths: Paths) -> Iterator[RunBackend]:
    """The daemon where one listens, else this process.

    Raises:
        UsageError: the daemon is on another machine, and so are the files.
    """
    directory = paths.runs  # refuses HADES_CONNECT
    if not listens(paths):
        yield _LocalBackend(paths, directory)
        return
    with ControlClient(paths) as client:
        yield _DaemonBackend(client)


@contextlib.contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the lock of a run.

    Raises:
        HadesError: a worker or another command holds it, or its file cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_run(directory))
        except OSError as error:
            raise HadesError(f"cannot lock {directory}: {error.strerror or error}; nothing done") from error
        yield


class _DaemonBackend:
    """Asks the daemon for every change."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def runs(self) -> tuple[RunSummary, ...]:
        snapshot: replies.SnapshotResult = self._client.request(commands.Snapshot)
        return snapshot.runs

    def remove(self, run: RunSummary) -> Path:
        removed: replies.Removed = self._client.request(commands.Remove, run=run.id, expected_state=run.state)
        return Path(removed.directory)

    def adopt(self, run: str) -> RunSummary:
        summary: RunSummary = self._client.request(commands.Adopt, run=run)
        return summary

    def retain(self, run: RunSummary, rule: Rule) -> None:
        self._client.request(commands.Retain, run=run.id, expected_state=run.state, **rule)


class _LocalBackend:
    """Makes every change in this process, under the daemon's lock, so that no daemon starts meanwhile."""

    def __init__(self, paths: Paths, directory: Path) -> None:
        self._lock, self._directory = paths.lock, directory

    def runs(self) -> tuple[RunSummary, ...]:
        found = records.scan(self._directory)[0] if self._directory.is_dir() else []
        return tuple(summarise(self._load(record, spec)) for record, spec in found)

    def remove(self, run: RunSummary) -> Path:
        directory = self._directory / run.id
        try:
            with self._locked():
                managed_run = self._load(*removal.load_new(self._directory, run.id))
                removal.check_removable(run.id, managed_run.run.state, is_run_locked(directory))
                return removal.put_aside(directory)
        except OSError as error:
            raise HadesError(f"cannot remove {directory}: {error.strerror or error}") from error

    def adopt(self, run: str) -> RunSummary:
        return summarise(self._load(*removal.load_new(self._directory, run)))

    def retain(self, run: RunSummary, rule: Rule) -> None:
        with self._locked():
            managed_run = self._load(*removal.load_new(self._directory, run.id))
            record, _, text = with_retention(managed_run.record, **rule)
            now = time.time()
            after, caused = step(managed_run.run, RetentionAsked(text), now, CrashPolicy())
            try:
                records.save(managed_run.directory, recorded(record, after, caused, now))
            except OSError as error:
                raise HadesError(
                    f"cannot write {RunPaths(managed_run.directory).record}: {error.strerror or error}; nothing done"
                ) from error

    def _load(self, record: records.RunRecord, spec: RunSpec) -> ManagedRun:
        return ManagedRun.from_disk(self._directory / record.id, record, spec, time.time())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._directory.is_dir():
            raise NotFoundError(f"there are no runs in {self._directory}")
        lock = DaemonLock(self._lock)
        try:
            yield
        finally:
            lock.release()
