"""One run in a directory of its own: what makes a daemon that of `hadesd run`."""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from hades_protocol import commands
from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.messages import HistoryKind, RunSummary
from hades_protocol.paths import Paths
from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import RESIZABLE, RunSpec
from hades_protocol.run_state import ENDED, RESUMABLE
from hadesd.daemon.plugin import AskToStop, DaemonPlugin
from hadesd.spec import differences
from hadesd.storage import records
from hadesd.storage.fork import create_fork
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.lifecycle.state import Run
from hadesd.supervisor.run import ManagedRun, summarise
from hadesd.supervisor.supervisor import Supervisor

NOT_FOR_ONE_RUN = (
    *(commands.Start, commands.Fork, commands.Adopt),
    *(commands.Remove, commands.Delete, commands.Archive),
)
"""Requests that would make it another number of runs."""


class Origin(NamedTuple):
    """What a run is a fork of: a run's directory, the generation of the checkpoint, and the settings that differ."""

    run: Path
    generation: int
    changes: tuple[SettingChange, ...]


class OneShot(DaemonPlugin):
    """Has one run computed to its end, then asks the daemon to stop.

    spec: its settings; None takes them from the run that is there. origin: what it is a fork of.
    show: gets the run once a second, and when its state has changed.
    """

    def __init__(
        self, paths: Paths, spec: RunSpec | None, show: Callable[[RunSummary], None], origin: Origin | None = None
    ) -> None:
        self._paths = paths
        self._spec = spec
        self._origin = origin
        self._show = show
        self._run = ""
        self._supervisor: Supervisor | None = None
        self._stop: AskToStop | None = None
        self.why = ""  # what asked it to stop

    def enter(self) -> None:
        """Find the run, or make it.

        Raises:
            HadesError: the directory holds something else.
        """
        stored = find_run(self._paths.runs)
        if stored is None:
            if self._spec is None:
                raise NotFoundError(f"there is no run in {self._paths.state} yet: name its settings, e.g. with --spec")
            self._run = self._created(self._spec).id
            return
        record, spec = stored
        self._run = record.id
        if self._spec is not None:
            check_same(record, spec, self._spec, self._paths.state)

    def _created(self, spec: RunSpec) -> records.RunRecord:
        if self._origin is None:
            return records.create(self._paths.runs, spec, time.time())
        return create_fork(self._paths.runs, self._origin.run, self._origin.generation, spec, self._origin.changes)

    def ready(self, supervisor: Supervisor, stop: AskToStop) -> None:
        """Have it computed, also where it failed, was paused or cancelled the last time."""
        self._supervisor, self._stop = supervisor, stop
        if self.summary.state in RESUMABLE:
            supervisor.ask(self._run, events.ResumeAsked(), None)
        self._check()
        supervisor.listen(self._changed)

    def _changed(self, run: ManagedRun, before: Run, after: Run) -> None:
        """Look at the run once all is done that the change leads to, and not only when the next second is over."""
        asyncio.get_running_loop().call_soon(self._check)

    def tick(self) -> None:
        """Once a second."""
        self._check()

    def stopping(self, why: str) -> None:
        """Note what asked for it."""
        self.why = why

    def check(self, request: commands.Request) -> None:
        """Raises WrongStateError where the request is for other runs than the one."""
        if isinstance(request, NOT_FOR_ONE_RUN):
            raise WrongStateError(
                "this is 'hadesd run', which computes one run alone: make others with a daemon ('hadesd serve') or "
                "with 'hadesd run' in another directory"
            )

    @property
    def summary(self) -> RunSummary:
        """The run as it stands."""
        assert self._supervisor is not None
        return summarise(self._supervisor.find(self._run))  # which reads nothing from the disk

    def _check(self) -> None:
        assert self._stop is not None
        summary = self.summary
        self._show(summary)
        if summary.state in ENDED:
            self._stop("the run's end")


def find_run(directory: Path) -> tuple[records.RunRecord, RunSpec] | None:
    """The one run below a directory of runs; None where there is none yet.

    Raises:
        WrongStateError: there are several, or one that cannot be used.
    """
    found, problems = records.scan(directory) if directory.is_dir() else ([], [])
    if problems:
        raise WrongStateError(f"{problems[0]}: mend it, or give 'hadesd run' another --directory")
    if len(found) > 1:
        raise WrongStateError(
            f"{directory} holds {len(found)} runs, so it is a daemon's: give 'hadesd run' a --directory of its own"
        )
    return found[0] if found else None


def check_same(record: records.RunRecord, stored: RunSpec, asked: RunSpec, directory: Path) -> None:
    """Refuse to go on with a run under other settings; sizes may be those of a resize since.

    Raises:
        UsageError: names the settings that differ.
    """
    resized = any(entry.what == HistoryKind.RESIZE for entry in record.history)
    differing = differences.difference(stored, asked)
    if resized:
        differing = tuple(change for change in differing if change.name not in RESIZABLE)
    if differing:
        raise UsageError(
            f"{directory} holds {record.id}, which has other settings ({differences.describe(differing)}): "
            "repeat them as they were to go on with it, or begin anew in another --directory"
        )


@contextlib.contextmanager
def socket_directory(paths: Paths) -> Iterator[None]:
    """Have the sockets in a place where they can be bound.

    The path of a directory may be too long for a socket, and some network file systems have none.
    """
    paths.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _can_bind(paths.runtime):
        yield
        return
    place = Path(tempfile.mkdtemp(prefix="hades-", dir="/tmp"))  # TMPDIR may be as long
    try:
        # Where a client looks that is given XDG_RUNTIME_DIR and XDG_STATE_HOME.
        state = place / "state"
        state.mkdir(mode=0o700)
        (state / "hades").symlink_to(paths.state)
        paths.move_sockets(place / "hades")
        paths.variables = {"HADES_HOME": "", "XDG_RUNTIME_DIR": str(place), "XDG_STATE_HOME": str(state)}
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _can_bind(directory: Path) -> bool:
    probe = directory / f"probe-{os.getpid() % 1_000_000:06}"  # as long as the name of a real one
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as unbound:
        try:
            unbound.bind(os.fsencode(probe))
        except OSError:
            return False
    probe.unlink()
    return True
