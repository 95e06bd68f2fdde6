"""Plugins notified of daemon start, tick and stop (systemd, `hadesd run`)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hades_protocol.commands import Request

if TYPE_CHECKING:
    from hadesd.supervisor.supervisor import Supervisor

AskToStop = Callable[[str], None]
"""Asks the daemon to stop in good order; takes the reason."""


class DaemonPlugin:
    """Notified of the daemon's start, ticks and stop, in the daemon's thread: nothing here may wait."""

    def enter(self) -> None:
        """The daemon holds its lock; no run has been read yet. A HadesError from here ends it."""

    def ready(self, supervisor: "Supervisor", stop: AskToStop) -> None:
        """The sockets are bound and the runs are known."""

    def check(self, request: Request) -> None:
        """A client asks for something; a HadesError from here refuses it."""

    def tick(self) -> None:
        """Once a second, after the supervisor's own tick; until the last worker is gone."""

    def stopping(self, why: str) -> None:
        """The workers were asked to commit. why: the name of a signal, or what else asked for it."""

    def leave(self) -> None:
        """The daemon has ended; it still holds its lock."""
