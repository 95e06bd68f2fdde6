"""The help screen: keys of the focused panel and the meaning of the signs."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from hades_tui.pages.help_text import HelpEntry, help_lines
from hades_tui.theme.palette import terminal
from hades_tui.widgets.titles import title_of


class HelpScreen(ModalScreen[None]):
    """A scrollable page over the main screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,escape,q,enter", "dismiss", "Close", id="help.close"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("pagedown,space", "scroll(10)", "Page down", show=False, id="help.page-down"),
        Binding("pageup", "scroll(-10)", "Page up", show=False, id="help.page-up"),
        Binding("home,g", "scroll(-1000000)", "First line", show=False, id="help.first"),
        Binding("end,G", "scroll(1000000)", "Last line", show=False, id="help.last"),
    ]

    def __init__(self, entries: Sequence[HelpEntry]) -> None:
        super().__init__()
        self._entries = entries

    def compose(self) -> ComposeResult:
        """The page, scrollable."""
        lines = help_lines(self._entries, terminal().glyphs)
        with VerticalScroll(id="help", can_focus=False):
            yield Static("\n".join(title_of(line) for line in lines))

    def action_scroll(self, by: int) -> None:
        """Scroll by so many lines; negative is up."""
        self.query_one("#help").scroll_relative(y=by, animate=False)
