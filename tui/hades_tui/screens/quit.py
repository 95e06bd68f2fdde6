"""The dialog that asks before the screen is left with confirmed requests that are not begun."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Label

from hades_tui.screens.dialog import Dialog, focus_bindings
from hades_tui.state.model import Model


class QuitScreen(Dialog[bool]):
    """Returns True if the screen is to be left all the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="quit.yes"),
        Binding("n,escape,q", "dismiss(False)", "No", id="quit.no"),
        Binding("left,right,h,l", "other", "Choose", show=False, priority=True, id="quit.other"),
        *focus_bindings("quit"),
    ]

    def __init__(self, unbegun: Callable[[], str], get_model: Callable[[], Model]) -> None:
        """unbegun: returns what is not begun yet, as a text; empty where nothing is left."""
        super().__init__("quit", get_model)
        self._unbegun = unbegun

    def obstacle(self) -> str:
        """Nothing is sent, so nothing is in the way."""
        return ""

    def compose(self) -> ComposeResult:
        """Question, consequence, two buttons."""
        with Vertical(id="dialog", classes="dangerous"):
            yield Label("Quit all the same?", id="question", markup=False)
            yield Label("", id="consequence", markup=False)
            yield from self.foot()

    def buttons(self) -> ComposeResult:
        """The buttons with the keys that do the same."""
        yield Button("Quit (y)", id="yes", variant="error")
        yield Button("Stay (n)", id="no")

    def on_mount(self) -> None:
        """Focus what is safe to press by mistake."""
        self.query_one("#no").focus()
        self.settle()

    def settle(self) -> None:
        """Update what is not begun yet."""
        super().settle()
        left = self._unbegun()
        self.put("consequence", f"Not begun yet, and not done if you quit: {left}." if left else "All of it is begun.")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by a button."""
        self.dismiss(event.button.id == "yes")

    def action_other(self) -> None:
        """Focus the other button."""
        self.focus_next()
