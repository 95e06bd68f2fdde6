"""The input line for the filter of the list of runs."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from hades_tui.runs.filter import FIELDS
from hades_tui.widgets.fields import Field


class FilterLine(Field):
    """Hidden until it is opened. Enter keeps the filter, escape removes it."""

    DEFAULT_CSS = """
    FilterLine, FilterLine:focus {
        height: 1;
        border: none;
        padding: 0 1;
        background: $surface;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "No filter", id="filter.clear"),
        Binding("enter,down,tab", "leave(True)", "Keep it", key_display="enter", id="filter.keep"),
    ]

    def __init__(self, changed: Callable[[str], None], left: Callable[[], object], *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            compact=True,
            select_on_focus=False,
            placeholder=f"words in {', '.join(FIELDS)}; or state:running tag:paper …",
        )
        self._changed = changed
        self._left = left
        self.display = False

    def ask(self) -> None:
        """Show the line and focus it."""
        self.display = True
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter the list after every letter."""
        event.stop()
        self._changed(event.value)

    def action_leave(self, keep: bool) -> None:
        """Return to the list, with or without the filter."""
        if not keep:
            self.value = ""
        self._left()

    def on_blur(self) -> None:
        """Hide the line; the list's title shows the filter."""
        self.display = False
