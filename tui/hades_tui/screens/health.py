"""Checkpoints of a run, and the daemon behind the screen: facts that are asked for again while they are looked at."""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen

from hades_protocol.errors import HadesError
from hades_protocol.replies import ShowResult
from hades_tui.connection import Connection
from hades_tui.pages.health import checkpoint_facts, daemon_facts, fact_rows
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.text.fit import shortened
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel

ASK_SECONDS = 3.0
TICK_SECONDS = 0.5


class HealthFacts(LinesPanel):
    """What is known so far; ages move with the clock."""

    def __init__(self, model: Callable[[], Model], run: str | None) -> None:
        super().__init__(id="health-facts")
        self._model = model
        self._run = run
        self.shown: ShowResult | None = None
        self.failure = ""

    def key(self) -> object:
        """What the lines are drawn from; once a second the ages are others."""
        model = self._model()
        return self.shown, self.failure, model.link, model.daemon, int(time.monotonic())

    def build(self, size: Size) -> list[Line]:
        """All lines."""
        return self.lines(size.width)

    def lines(self, width: int) -> list[Line]:
        """Checkpoints of the run, then the daemon."""
        now = time.time()
        lines: list[Line] = []
        if self._run is not None:
            lines.append([(shortened(f"Checkpoints of {self._run}", width), "title")])
            if self.failure:
                lines += fact_rows([("", f"✘ {self.failure}", "bad")], width)
            if self.shown is not None:
                lines += fact_rows(checkpoint_facts(self.shown, now), width)
            elif not self.failure:
                lines.append([("asking the daemon…", "dim")])
            lines.append([])
        lines.append([("Daemon", "title")])
        return lines + fact_rows(daemon_facts(self._model(), time.monotonic(), now), width)


class HealthScreen(ModalScreen[None]):
    """Any of the keys that leave a page leaves it."""

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
        self._facts = HealthFacts(model, run)

    def compose(self) -> ComposeResult:
        """One page."""
        with VerticalScroll(id="health"):
            yield self._facts

    def on_mount(self) -> None:
        """Ask, and go on asking."""
        self.set_interval(TICK_SECONDS, self._show)
        begin(self, self._follow, "follow")

    async def _follow(self) -> None:
        """What was known stays, with what went wrong said above it."""
        while self._run is not None:
            try:
                self._facts.shown, self._facts.failure = await self._connection.show(self._run), ""
            except HadesError as error:
                self._facts.failure = str(error)
            self._show()
            await asyncio.sleep(ASK_SECONDS)

    def _show(self) -> None:
        width = self._facts.size.width
        if width:
            self._facts.styles.height = len(self._facts.lines(width))
        self._facts.show()
