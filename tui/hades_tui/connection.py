"""What the screen needs of a daemon. hades_protocol.async_client.AsyncClient implements it."""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from hades_protocol.commands import Request
from hades_protocol.messages import DatasetSnapshot, LogLevel
from hades_protocol.replies import HistoryResult, LogResult, ShowResult
from hades_protocol.resync import Item


class Connection(Protocol):
    """A client of a daemon. Requests raise HadesError; attach() reconnects by itself."""

    def attach(self) -> AsyncGenerator[Item, None]:
        """Yield snapshots, events and changes of the link, without end."""

    def watch(self, run: str | None) -> None:
        """Choose the run whose datasets attach() yields; None for no run."""

    async def request(self, request: Request) -> Any:
        """Send a command and return its answer (hades_protocol.commands.RESULTS).

        Commands that change a run come from hades_tui.run_actions.
        """

    async def show(self, run: str) -> ShowResult:
        """A run with its settings, its history of states and its checkpoints."""

    async def history(self, run: str, points: int = ..., *, after: int = ..., upto: int | None = ...) -> HistoryResult:
        """Metrics of a run, at most `points`, of the generations after `after` up to `upto`."""

    async def dataset(self, run: str, generation: int | None = ...) -> DatasetSnapshot:
        """The newest pairs of a run, or those of a kept generation."""

    async def logs(self, run: str = ..., *, lines: int = ..., level: LogLevel = ..., search: str = ...) -> LogResult:
        """The newest lines of a run's log, or of the daemon's own."""
