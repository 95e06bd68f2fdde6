"""The screen of the newest lines of a run's or the daemon's log, with level and search."""

import time
from functools import partial
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Input

from hades_protocol.errors import HadesError
from hades_protocol.messages import LogLine
from hades_tui.connection import Connection
from hades_tui.pages.log_text import Question, absence, headline, log_lines, next_level
from hades_tui.tasks import begin
from hades_tui.text.fit import fitted
from hades_tui.text.format import Line
from hades_tui.widgets.fields import Field
from hades_tui.widgets.keys_line import KeysLine
from hades_tui.widgets.lines import LinesPanel
from hades_tui.widgets.log_view import LogView

LINES = 500
"""Most lines that are requested: the newest that match level and search."""

ASK_SECONDS = 2.0


class LogHead(LinesPanel):
    """The line above the log."""

    line: Line = []  # noqa: RUF012 - replaced, never changed

    def key(self) -> object:
        return tuple(self.line)

    def build(self, size: Size) -> list[Line]:
        return [fitted(self.line, size.width)]


class LogScreen(Screen[None]):
    """Follows the log until it is scrolled away from the end; then it stands still until `f`."""

    DEFAULT_CSS = """
    LogScreen LogHead {
        height: 1;
        padding: 0 1;
    }
    LogScreen LogView {
        padding: 0 1;
    }
    LogScreen Input {
        height: 1;
        border: none;
        padding: 0 1;
        background: $surface;
        display: none;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "level", "Level", id="log.level"),
        Binding("slash", "search", "Search", key_display="/", id="log.search"),
        Binding("d", "daemon", "Daemon or run", id="log.daemon"),
        Binding("f", "follow", "Follow", id="log.follow"),
        Binding("o,q,escape", "back", "Back", key_display="o", id="log.close"),
    ]

    def __init__(self, connection: Connection, run: str | None) -> None:
        super().__init__()
        self._connection = connection
        self._run = run or ""
        self.question = Question(self._run)
        self.following = True
        self._answer: tuple[LogLine, ...] | None = None
        self._as_of = 0.0
        self._failure = ""
        self._asking = False
        self._head = LogHead(id="log-head")
        self._view = LogView(id="log")
        self._input = Field(placeholder="text to search for; enter, or escape for none", compact=True, id="log-search")

    def compose(self) -> ComposeResult:
        """The line about the log, the log, the search field, the keys."""
        yield self._head
        yield self._view
        yield self._input
        yield KeysLine()

    def on_mount(self) -> None:
        """Request the log, and again every ASK_SECONDS while following."""
        self._view.focus()
        self.watch(self._view, "scroll_y", self._scrolled, init=False)
        self._ask()
        self.set_interval(ASK_SECONDS, self._tick)
        self._show()

    def _tick(self) -> None:
        if self.following and not self._asking:
            self._ask()

    def _ask(self, **changes: str) -> None:
        """Request the log, with changes of the question; an outdated request is cancelled."""
        if changes:
            self.question = msgspec.structs.replace(self.question, **changes)
            self._answer, self.following = None, True
            self._show()
        self._asking = True
        begin(self, partial(self._answered, self.question), "log", exclusive=True)

    async def _answered(self, question: Question) -> None:
        try:
            result = await self._connection.logs(
                question.run, lines=LINES, level=question.level, search=question.search
            )
        except HadesError as error:
            self._failure = str(error)
        else:
            self._answer, self._as_of, self._failure = result.lines, time.time(), ""
        if question is self.question:
            self._asking = False
            self._show()

    def _show(self) -> None:
        answer = self._answer or ()
        self._head.line = headline(self.question, len(answer), self.following, self._as_of, self._failure)
        self._head.show()
        width = self._view.text_width
        lines = log_lines(answer, width, self.question.search, time.time())
        if not lines and not self._failure:
            lines = [[(absence(self.question, self._answer is not None), "dim")]]
        self._view.show_lines(lines, at_end=self.following)

    def _scrolled(self) -> None:
        """Stop following when scrolled up; follow again at the end."""
        following = self._view.scroll_offset.y >= self._view.max_scroll_y
        if following != self.following:
            self.following = following
            self._show()

    def on_resize(self) -> None:
        """Wrap the lines to the new width."""
        self.call_after_refresh(self._show)

    def action_level(self) -> None:
        """Show the next more severe level."""
        self._ask(level=next_level(self.question.level))

    def action_daemon(self) -> None:
        """Switch between the run's and the daemon's log."""
        if self._run:
            self._ask(run="" if self.question.run else self._run)

    def action_follow(self) -> None:
        """Follow the end of the log, or stop following."""
        self.following = not self.following
        if self.following:
            self._ask()
        self._show()

    def action_search(self) -> None:
        """Open the search field."""
        self._input.display = True
        self._input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Request the lines with the typed text."""
        self._leave_input()
        self._ask(search=event.value.strip())

    def action_back(self) -> None:
        """Leave the search field, else end the search, else close the screen."""
        if self._input.has_focus:
            self._leave_input()
        elif self.question.search:
            self._input.value = ""
            self._ask(search="")
        else:
            self.dismiss()

    def _leave_input(self) -> None:
        self._input.display = False
        self._view.focus()
