"""What the screen needs of a daemon; hades_protocol.client.Client is it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from hades_protocol.commands import HistoryResult
from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_protocol.run_state import RunState
from hades_protocol.sync import Item


class Connection(Protocol):
    """A way to the daemon. Requests raise HadesError; attach() goes on through its absence."""

    def attach(self) -> AsyncGenerator[Item, None]:
        """Snapshots, events and changes of the link."""

    def watch(self, run: str | None) -> None:
        """Whose datasets attach() shall yield."""

    async def history(self, run: str, points: int = ...) -> HistoryResult:
        """Metrics of a run."""

    async def dataset(self, run: str) -> DatasetSnapshot:
        """Newest pairs of a run."""

    async def pause(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Pause a run."""

    async def resume(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Resume a run."""

    async def cancel(self, run: str, expected: RunState | None = ...) -> RunSummary:
        """Cancel a run."""
