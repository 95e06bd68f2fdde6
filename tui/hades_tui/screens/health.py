"""The screen of a run's checkpoints and of the daemon, requested again while it is open."""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen

from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.replies import ShowResult
from hades_tui.connection import Connection
from hades_tui.pages.health import checkpoint_rows, daemon_rows, row_lines
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.text.fit import shortened
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel

ASK_SECONDS = 3.0
TICK_SECONDS = 0.5


class HealthPage(LinesPanel):
    """The lines about checkpoints and daemon, with the failure of the last request."""

    def __init__(self, model: Callable[[], Model], run: str | None) -> None:
        super().__init__(id="health-page")
        self._model = model
        self._run = run
        self.shown: ShowResult | None = None
        self.failure = ""

    def key(self) -> object:
        """The data of the lines; the ages change once a second."""
        model = self._model()
        return self.shown, self.failure, model.link, model.daemon, int(time.monotonic())

    def build(self, size: Size) -> list[Line]:
        """The lines for a width."""
        return self.lines(size.width)

    def lines(self, width: int) -> list[Line]:
        """The run's checkpoints, then the daemon, for a width."""
        now = time.time()
        lines: list[Line] = []
        if self._run is not None:
            lines.append([(shortened(f"Checkpoints of {self._run}", width), "title")])
            if self.failure:
                lines += row_lines([("", f"✘ {self.failure}", "bad")], width)
            if self.shown is not None:
                lines += row_lines(checkpoint_rows(self.shown, now), width)
            elif not self.failure:
                away = "The daemon is away: it is asked again when it is back."
                lines.append([(away if self._model().is_away else "asking the daemon…", "dim")])
            lines.append([])
        lines.append([("Daemon", "title")])
        return lines + row_lines(daemon_rows(self._model(), time.monotonic(), now), width)


class HealthScreen(ModalScreen[None]):
    """A page over the main screen."""

    DEFAULT_CSS = """
    HealthScreen {
        align: center middle;
        background: $background 60%;
    }
    HealthScreen #health {
        width: 92;
        max-width: 95%;
        height: auto;
        max-height: 95%;
        border: round $primary;
        background: $surface;
        padding: 1 2;
    }
    HealthFacts {
        height: 1;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("i,escape,q,enter", "dismiss", "Close", id="health.close")]

    def __init__(self, connection: Connection, model: Callable[[], Model], run: str | None) -> None:
        super().__init__()
        self._connection = connection
        self._run = run
        self._page = HealthPage(model, run)

    def compose(self) -> ComposeResult:
        """The page, scrollable."""
        with VerticalScroll(id="health"):
            yield self._page

    def on_mount(self) -> None:
        """Request the checkpoints regularly, and redraw the ages."""
        self.set_interval(TICK_SECONDS, self._show)
        begin(self, self._follow, "follow")

    async def _follow(self) -> None:
        """Request the run every ASK_SECONDS. After a failure the last answer stays, with the error above it.

        Where the run is gone, nothing of it is true any more.
        """
        while self._run is not None:
            try:
                self._page.shown, self._page.failure = await self._connection.show(self._run), ""
            except NotFoundError as error:
                self._page.shown, self._page.failure = None, str(error)
            except HadesError as error:
                self._page.failure = str(error)
            self._show()
            await asyncio.sleep(ASK_SECONDS)

    def _show(self) -> None:
        width = self._page.size.width
        if width:
            self._page.styles.height = len(self._page.lines(width))
        self._page.show()
