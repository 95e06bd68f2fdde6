"""What the screen needs of a daemon; hades_protocol.client.Client is it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from hades_protocol.client import Format, Level
from hades_protocol.commands import ChangeResult, HistoryResult, LogResult, ShowResult
from hades_protocol.messages import DatasetSnapshot, Job, RunSummary
from hades_protocol.run_state import RunState
from hades_protocol.sync import Item


class Connection(Protocol):
    """A way to the daemon. Requests raise HadesError; attach() goes on through its absence."""

    def attach(self) -> AsyncGenerator[Item, None]:
        """Snapshots, events and changes of the link."""

    def watch(self, run: str | None) -> None:
        """Whose datasets attach() shall yield."""

    async def show(self, run: str) -> ShowResult:
        """A run with its settings, its story and its checkpoints."""

    async def history(self, run: str, points: int = ..., *, after: int = ..., upto: int | None = ...) -> HistoryResult:
        """Metrics of a run."""

    async def dataset(self, run: str, generation: int | None = ...) -> DatasetSnapshot:
        """Newest pairs of a run, or those of a kept generation."""

    async def log(self, run: str = ..., *, lines: int = ..., level: Level = ..., search: str = ...) -> LogResult:
        """The newest lines of a run's log, or of the daemon's own."""

    async def pause(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Pause a run."""

    async def resume(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Resume a run."""

    async def cancel(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Cancel a run."""

    async def prioritise(self, run: str, priority: int, expected: RunState | None = ...) -> RunSummary:
        """Change a run's place in the queue."""

    async def note(self, run: str, text: str, expected: RunState | None = ...) -> RunSummary:
        """Write a note on a run; empty to take it away."""

    async def fork(
        self,
        run: str,
        changes: Mapping[str, Any],
        *,
        generation: int | None = ...,
        group: str = ...,
        dry_run: bool = ...,
        expected: RunState | None = ...,
    ) -> ChangeResult:
        """Start a new run from a kept checkpoint; with dry_run say what would change, and do nothing."""

    async def resize(
        self, run: str, changes: Mapping[str, Any], *, dry_run: bool = ..., expected: RunState | None = ...
    ) -> ChangeResult:
        """Change a run's size; with dry_run say what would change, and do nothing."""

    async def export(self, run: str, format: Format = ..., *, best: bool = ...) -> Job:
        """Write pairs to a file on the daemon's machine; the job's end comes as an event."""

    async def evaluate(self, run: str) -> Job:
        """Measure the newest pairs; the job's end comes as an event."""
