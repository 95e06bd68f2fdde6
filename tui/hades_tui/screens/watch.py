"""The screen of the selected run in large numbers."""

import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen

from hades_tui.pages.watch import watch_lines
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.widgets.lines import LinesPanel

PAINT_SECONDS = 0.5


class WatchPanel(LinesPanel):
    """The large numbers of the selected run."""

    def __init__(self, model: Callable[[], Model], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model

    def key(self) -> object:
        """The data of the lines; times change once a second."""
        model = self._model()
        return model.run, model.history.evaluated, model.link, int(time.monotonic())

    def build(self, size: Size) -> list[Line]:
        """The lines of the screen."""
        return watch_lines(self._model(), size.width, size.height, time.monotonic(), palette.terminal().glyphs)


class WatchScreen(Screen[None]):
    """Shows the present model until it is closed."""

    DEFAULT_CSS = """
    WatchPanel {
        width: 1fr;
        height: 1fr;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w,escape,q", "dismiss", "Back", id="watch.close"),
    ]

    def __init__(self, model: Callable[[], Model]) -> None:
        super().__init__()
        self._panel = WatchPanel(model, id="watch")

    def compose(self) -> ComposeResult:
        """The panel of numbers alone."""
        yield self._panel

    def on_mount(self) -> None:
        self.set_interval(PAINT_SECONDS, self._panel.show)
