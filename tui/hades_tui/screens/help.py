"""The keys of the panel that was in use, as they are bound right now, and what the signs mean."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from hades_tui.pages.help_text import Entry, help_lines
from hades_tui.theme.palette import look
from hades_tui.widgets.titles import title_of


class HelpScreen(ModalScreen[None]):
    """Any of the keys that leave a page leaves it; the others scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,escape,q,enter", "dismiss", "Close", id="help.close"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("pagedown,space", "scroll(10)", "Page down", show=False, id="help.page-down"),
        Binding("pageup", "scroll(-10)", "Page up", show=False, id="help.page-up"),
    ]

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries

    def compose(self) -> ComposeResult:
        """One page."""
        lines = help_lines(self._entries, look().glyphs)
        with VerticalScroll(id="help", can_focus=False):
            yield Static("\n".join(title_of(line) for line in lines))

    def action_scroll(self, by: int) -> None:
        """Down or up."""
        self.query_one("#help").scroll_relative(y=by, animate=False)
