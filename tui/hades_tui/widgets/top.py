"""The line at the top: link, read-only mark, summary of the runs."""

import time
from collections.abc import Callable

from textual.geometry import Size

from hades_protocol.resync import LinkPhase
from hades_tui.state.model import Model
from hades_tui.text.format import Line, link_explanation, link_line, summary_line
from hades_tui.widgets.lines import LinesPanel


class TopLine(LinesPanel):
    """The top line; the state of the link comes first."""

    def __init__(self, readonly: bool, obstacle: Callable[[], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._readonly = readonly
        self._obstacle = obstacle
        self.model = Model()

    def update_model(self, model: Model) -> None:
        """Draw another model, or the same one a second later."""
        self.model = model
        self.show()

    def key(self) -> object:
        """The content itself: it changes with the clock."""
        return tuple(self._content())

    def build(self, size: Size) -> list[Line]:
        return [self._content()]

    def _content(self) -> Line:
        link = self.model.link
        line: Line = [(" hades ", "badge"), ("  ", "text"), (f" {link_line(link, time.monotonic())[0]} ", "")]
        line[-1] = (line[-1][0], f"link.{link.phase.value}")
        if self._readonly:
            line += [("  ", "text"), (" read-only ", "badge.readonly")]
        if link.phase is not LinkPhase.LIVE and (why := self._obstacle() or link_explanation(link)):
            return [*line, (f"  {why}", "warn")]
        return [*line, (f"  {summary_line(self.model)}", "dim")]
