"""What a person looks at beside the main screen: the part of the application that opens those screens."""

from textual.app import App
from textual.binding import Binding

from hades_tui.connection import Connection
from hades_tui.model import Model
from hades_tui.screens.health import HealthScreen
from hades_tui.screens.log import LogScreen
from hades_tui.screens.watch import WatchScreen

BINDINGS = [
    Binding("w", "app.watch", "Watch", tooltip="The selected run in large numbers", id="screen.watch"),
    Binding("i", "app.health", "Health", tooltip="Checkpoints of the run, daemon and link", id="screen.health"),
    Binding("o", "app.log", "Log", tooltip="Log of the run or of the daemon", id="screen.log"),
]
"""For the screen of the runs."""


class LookingApp(App[None]):
    """Opens screens that change nothing."""

    model: Model
    _connection: Connection

    def action_watch(self) -> None:
        """The selected run in large numbers."""
        self.push_screen(WatchScreen(lambda: self.model))

    def action_health(self) -> None:
        """Checkpoints of the selected run, and the daemon."""
        self.push_screen(HealthScreen(self._connection, lambda: self.model, self.model.selected))

    def action_log(self) -> None:
        """The log of the selected run, or of the daemon where there is none."""
        self.push_screen(LogScreen(self._connection, self.model.selected))
