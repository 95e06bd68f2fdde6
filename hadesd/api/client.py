"""Runs of a daemon, from a program: started, watched, changed and waited for. Needs no JAX."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from hades_protocol import commands, replies
from hades_protocol.errors import NotFoundError, UnreachableError, UsageError
from hades_protocol.messages import DaemonInfo, GenerationMetrics, RunSummary
from hades_protocol.names import listed_tags
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.run_state import ENDED, RunState
from hades_protocol.sync_client import ControlClient, listens
from hadesd.api import polling
from hadesd.api.arguments import as_settings, check_number, check_priority
from hadesd.api.errors import NotEndedError, RunFailedError
from hadesd.api.settings import as_spec, nested

if TYPE_CHECKING:
    from hades_protocol.async_client import AsyncClient
    from hadesd.api.datasets import Dataset


def connect(address: str = "", *, start: bool = False) -> "Client":
    """A client of the daemon, for programs that ask and wait.

    Args:
        address: a key file of `hadesd keys client`, or ipc://DIRECTORY of forwarded sockets. Empty: what HADES_CONNECT
            says, else the daemon of this user's installation (HADES_HOME).
        start: start a daemon in the background where none runs here. It outlives the program.

    Returns:
        The client; use it as a context manager, or close it.

    Raises:
        UnreachableError: no daemon answers.
        UsageError: the address is none, or a daemon cannot start here.
    """
    paths = _paths(address)
    if start and not paths.connect:
        from hadesd.api.launch import ensure_daemon

        ensure_daemon(paths)
    elif not paths.connect and not listens(paths):
        raise UnreachableError(
            f"no daemon runs for {paths.state}: hadesd.connect(start=True) starts one, 'hadesd serve' too"
        )
    client = Client(paths)
    client.info()
    return client


def connect_async(address: str = "") -> "AsyncClient":
    """A client for asyncio, of the daemon that `connect` would find; nothing is sent before its first request.

    Its `attach()` is a gap-free stream of everything that happens, as the screen sees it.

    Args:
        address: as in `connect`.

    Returns:
        The client; use it with `async with`, or close it.

    Raises:
        UsageError: the address is none.
        NotFoundError: there is no such key file.
    """
    from hades_protocol.async_client import AsyncClient
    from hades_protocol.keys import destination

    there = destination(_paths(address))
    return AsyncClient(there.control, there.events, keys=there.keys)


def _paths(address: str) -> Paths:
    if not isinstance(address, str):
        raise UsageError(f"{address!r} is no address: a key file's name, or ipc://DIRECTORY, as a text")
    return Paths({**os.environ, "HADES_CONNECT": address} if address else None)


class Client:
    """A connection to a daemon; `connect` makes it. Runs of it are `Run` objects."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._control: ControlClient | None = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Runs and daemon go on."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def _connected(self) -> ControlClient:
        """The protocol's own client, which the next failure replaces.

        Raises:
            UnreachableError: no daemon runs here.
        """
        if self._control is None:
            self._control = ControlClient(self.paths)
        return self._control

    def request(self, kind: type[commands.Request], **fields: Any) -> Any:
        """Send any request of the protocol (hades_protocol.commands); the result is of the type that docs/protocol.md
        says.

        Raises:
            UnreachableError: no daemon answers.
            HadesError: the daemon refused; the class says why, the text too.
        """
        try:
            return self._connected().request(kind, **fields)
        except UnreachableError:
            self.close()  # the next request connects anew, to another daemon perhaps
            raise

    def info(self) -> DaemonInfo:
        """Version, process and resources of the daemon."""
        found: DaemonInfo = self.request(commands.Hello)
        return found

    def runs(self, group: str | None = None, *, tags: Iterable[str] = ()) -> "list[Run]":
        """Every run, oldest first; those of a group alone where one is named, and of these the ones with all tags.

        Raises:
            UsageError: the tags are no list of texts.
        """
        wanted = {*listed_tags("tags", tags)}
        snapshot: replies.SnapshotResult = self.request(commands.Snapshot)
        found = (run for run in snapshot.runs if group is None or run.group == group)
        return [Run(self, run.id) for run in found if wanted <= {*run.tags}]

    def run(self, name: str = "@") -> "Run":
        """One run: by its id or name, a unique prefix of the id or of its last part, or "@" for the newest.

        Raises:
            NotFoundError: there is no such run, or several have that name.
        """
        shown: replies.ShowResult = self.request(commands.Show, run=name)
        return Run(self, shown.run.id)

    def start(
        self,
        spec: RunSpec | Mapping[str, Any],
        *,
        group: str = "",
        name: str = "",
        tags: Iterable[str] = (),
        priority: int = 0,
    ) -> "Run":
        """Queue a new run.

        Args:
            spec: of `settings`, or values that name at least the environment: {"env": "hopper", "dataset.pairs": 4}.
                Of those, what is left out is a preset's: "published" where the daemon has a GPU, else "cpu".
            group: name of a group to put it into.
            name: what to call it; other runs may be called so too.
            tags: words to find it by.
            priority: of two queued runs the one with the higher number starts first, -1000 to 1000.

        Raises:
            UsageError: settings, a name or a priority that are not accepted.
        """
        check_priority(priority)
        gpu = None if isinstance(spec, RunSpec) else self.info().gpus > 0
        values = spec_to_dict(as_spec(spec, gpu))
        summary: RunSummary = self.request(
            commands.Start, spec=values, group=group, name=name, tags=listed_tags("tags", tags), priority=priority
        )
        return Run(self, summary.id)


class Run:
    """A run of a daemon. What changes it returns its summary after that.

    id: its whole id.
    """

    def __init__(self, client: Client, run: str) -> None:
        self.client = client
        self.id = run

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    def summary(self) -> RunSummary:
        """State, sizes and progress, as of now.

        Raises:
            NotFoundError: the run was removed.
        """
        return self._show().run

    @property
    def state(self) -> RunState:
        """What it is doing, as of now."""
        return self.summary().state

    def spec(self) -> RunSpec:
        """Its settings."""
        return build_spec(self._show().spec)

    def _show(self) -> replies.ShowResult:
        found: replies.ShowResult = self.client.request(commands.Show, run=self.id)
        return found

    # Changes -------------------------------------------------------------------------------------------------

    def pause(self, *, wait: bool = True) -> RunSummary:
        """Have its worker finish its generation, commit and exit; `resume` goes on from there.

        Args:
            wait: until it is paused (or has ended), which `resume` needs; else it is usually pausing still.

        Raises:
            WrongStateError: it has ended, or is paused, or is about to be.
            UnreachableError: no daemon answers.
        """
        asked = self._change(commands.Pause)
        return self._until(ENDED | {RunState.PAUSED}) if wait else asked

    def resume(self) -> RunSummary:
        """Queue it again after a pause, a failure or a cancellation.

        Raises:
            WrongStateError: it is none of these.
        """
        return self._change(commands.Resume)

    def cancel(self, *, wait: bool = True) -> RunSummary:
        """End it after what its worker has committed. A run that failed is cancelled then.

        Args:
            wait: until it has ended; else it is usually cancelling still.

        Raises:
            WrongStateError: it is finished or cancelled, or is being cancelled.
            UnreachableError: no daemon answers.
        """
        asked = self._change(commands.Cancel)
        return self._until(ENDED) if wait else asked

    def note(self, text: str) -> RunSummary:
        """Write a note on it, one line, in place of the one before; empty to remove it."""
        return self._change(commands.Note, text=text)

    def rename(self, name: str) -> RunSummary:
        """Call it otherwise; empty to take its name away.

        Raises:
            UsageError: it is no name (up to 63 letters, digits, dots, underscores and dashes), or the id of a run.
        """
        return self._change(commands.Rename, name=name)

    def tag(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> RunSummary:
        """Put tags on it, and take others away. A tag that is there, or is not, is no error.

        Raises:
            UsageError: one is no tag (it has the form of a name), they are no list, or more than 32.
        """
        return self._change(commands.Tag, add=listed_tags("add", add), remove=listed_tags("remove", remove))

    def priority(self, value: int) -> RunSummary:
        """Change its place in the queue: the higher of two numbers starts first, -1000 to 1000.

        Raises:
            UsageError: it is no such number.
        """
        check_priority(value)
        return self._change(commands.Priority, priority=value)

    def _change(self, kind: type[commands.Mutation], **fields: Any) -> RunSummary:
        summary: RunSummary = self.client.request(kind, run=self.id, **fields)
        return summary

    def _until(self, states: frozenset[RunState]) -> RunSummary:
        """Its summary as soon as it is in one of the states."""
        found = polling.watch(self.client.paths, self.id, tell=_quiet)
        return next(summary for summary in found if summary.state in states)

    def fork(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        generation: int | None = None,
        group: str = "",
        name: str = "",
        tags: Iterable[str] = (),
    ) -> "Run":
        """Queue a new run that goes on from one of its checkpoints.

        Args:
            changes: settings by dotted name or nested, over its own: {"seed": 7}.
            generation: of a kept checkpoint; None for the newest.
            group: of the new run.
            name: of the new run, which has not its parent's.
            tags: of the new run, likewise.

        Raises:
            NotFoundError: that generation is not kept, or there is none yet.
            UsageError: a change with which the checkpoint cannot go on.
        """
        result: replies.ChangeResult = self.client.request(
            commands.Fork,
            run=self.id,
            generation=generation,
            changes=nested(as_settings(changes)),
            group=group,
            name=name,
            tags=listed_tags("tags", tags),
        )
        assert result.run is not None  # null of a dry run alone
        return Run(self.client, result.run.id)

    def resize(self, changes: Mapping[str, Any]) -> RunSummary:
        """Change its size from the next generation on: pairs, population, inits, environments, GPUs.

        A run that is paused, failed or cancelled has the new size once it is resumed.

        Args:
            changes: settings by dotted name or nested: {"dataset.pairs": 8}.

        Raises:
            UsageError: another setting, or a value that is not accepted.
            WrongStateError: it is finished (`fork` goes on from it), or is being cancelled.
        """
        result: replies.ChangeResult = self.client.request(
            commands.Resize, run=self.id, changes=nested(as_settings(changes))
        )
        assert result.run is not None  # null of a dry run alone
        return result.run

    # Progress ------------------------------------------------------------------------------------------------

    def metrics(self, after: int = 0) -> list[GenerationMetrics]:
        """Metrics of every committed generation after one, in ascending order.

        Raises:
            UsageError: that one is no number.
        """
        check_number("after", after)
        return list(self.client._connected().generations(self.id, after))

    def watch(self, after: int = 0, *, patience: float = polling.RECONNECT_SECONDS) -> Iterator[GenerationMetrics]:
        """Metrics of every generation after one, each once, as they are committed; ends when the run has ended.

        A paused run is waited for. A restart of the daemon, and a worker that goes back to a checkpoint and computes
        the same again, are not noticed.

        Args:
            after: generation behind which it begins; `run.summary().generation` for those to come alone.
            patience: seconds without a daemon after which it is given up.

        Raises:
            UnreachableError: no daemon answers, or none has come back in time.
            NotFoundError: the run was removed.
        """

        def ask(client: ControlClient, before: _Progress | None) -> _Progress:
            seen = before.generation if before else after
            shown: replies.ShowResult = client.request(commands.Show, run=self.id)
            news = tuple(client.generations(self.id, seen)) if shown.run.generation > seen else ()
            return _Progress(shown.run.state, news, news[-1].generation if news else seen)

        check_number("after", after)
        check_number("patience", patience)
        for progress in polling.poll(self.client.paths, ask, lambda _: self.id, tell=_quiet, patience=patience):
            yield from progress.news
            if progress.state in ENDED:
                return

    def wait(self, timeout: float | None = None, *, check: bool = True) -> RunSummary:
        """Wait for its end; a paused run is waited for, and a restart of the daemon does not matter.

        Args:
            timeout: seconds; None: for as long as it takes.
            check: raise where it ended otherwise than finished.

        Raises:
            RunFailedError: it failed or was cancelled, and `check` is set.
            NotEndedError: it has not ended in time.
            UnreachableError: no daemon answers, or none has come back within a minute.
        """

        def late(seen: RunSummary | None) -> str:
            text = f"run {self.id} has not ended within {timeout:g} s"
            return f"{text}: it is {seen.state} after generation {seen.generation}" if seen else text

        limit: polling.Limit[RunSummary] | None = None
        if timeout is not None:
            check_number("timeout", timeout)
            limit = polling.Limit(time.monotonic() + timeout, late, NotEndedError)
        for summary in polling.watch(self.client.paths, self.id, tell=_quiet, limit=limit):
            if summary.state in ENDED:
                break
        if check and summary.state != RunState.FINISHED:
            raise RunFailedError(f"run {self.id} {summary.state}" + (f": {summary.reason}" if summary.reason else ""))
        return summary

    # Datasets ------------------------------------------------------------------------------------------------

    def dataset(self, generation: int | None = None, *, best: bool = False) -> "Dataset":
        """A committed mean dataset.

        Args:
            generation: of a kept checkpoint; None for the newest committed one.
            best: the one with the highest evaluated return instead, of a daemon on this machine.

        Raises:
            UsageError: a generation and the best: they are two datasets.
            NotFoundError: there is none.
        """
        if best and generation is not None:
            raise UsageError(f"generation {generation} or the best dataset: choose one of them")
        from hadesd.analysis.datasets.wire import ask_for_dataset
        from hadesd.api.datasets import from_file, load
        from hadesd.storage.layout import RunPaths

        directory = Path(self.summary().directory)
        there = RunPaths(directory)
        file = there.best if best else there.dataset
        if best and (self.client.paths.connect or not file.is_file()):
            raise NotFoundError(
                f"there is no best dataset of run {self.id} here: its mean dataset was not evaluated yet "
                "(evaluation.mean_every), or its daemon is on another machine"
            )
        if generation is None and not self.client.paths.connect and file.is_file():
            return load(file)
        return from_file(ask_for_dataset(self.client._connected(), self.id, generation))


class _Progress(NamedTuple):
    """What a look at a run found. news: metrics that earlier looks had not. generation: the newest of all looks."""

    state: RunState
    news: tuple[GenerationMetrics, ...]
    generation: int


def _quiet(text: str) -> None:
    """A library prints nothing."""
