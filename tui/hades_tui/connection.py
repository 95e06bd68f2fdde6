"""What the screen needs of a daemon; hades_protocol.async_client.Client is it."""

from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar

from hades_protocol.commands import Request
from hades_protocol.messages import DatasetSnapshot, LogLevel
from hades_protocol.replies import HistoryResult, LogResult, ShowResult
from hades_protocol.resync import Item

T = TypeVar("T")


class Connection(Protocol):
    """A way to the daemon. Requests raise HadesError; attach() goes on through its absence."""

    def attach(self) -> AsyncGenerator[Item, None]:
        """Snapshots, events and changes of the link."""

    def watch(self, run: str | None) -> None:
        """Whose datasets attach() shall yield."""

    async def request(self, request: Request, kind: type[T]) -> T:
        """The answer to a command: those that change a run are made in run_actions, with state and session."""

    async def show(self, run: str) -> ShowResult:
        """A run with its settings, its story and its checkpoints."""

    async def history(self, run: str, points: int = ..., *, after: int = ..., upto: int | None = ...) -> HistoryResult:
        """Metrics of a run."""

    async def dataset(self, run: str, generation: int | None = ...) -> DatasetSnapshot:
        """Newest pairs of a run, or those of a kept generation."""

    async def logs(self, run: str = ..., *, lines: int = ..., level: LogLevel = ..., search: str = ...) -> LogResult:
        """The newest lines of a run's log, or of the daemon's own."""
