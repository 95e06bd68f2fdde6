"""Asks before a run is changed, and says what will happen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Label

from hades_tui.screens.dialog import RunDialog


class ConfirmScreen(RunDialog[bool]):
    """True if the person wants it."""

    SAME_STATE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "No", id="confirm.no"),
        Binding("left,right,h,l", "other", "Choose", show=False, id="confirm.other"),
    ]

    def compose(self) -> ComposeResult:
        """Question, consequence, two buttons."""
        with Vertical(id="dialog", classes="dangerous" if self.verb.dangerous else ""):
            yield Label(f"{self.verb.name.capitalize()} {self.asked.id}?", id="question", markup=False)
            yield Label(self.verb.will(self.asked), id="consequence", markup=False)
            yield from self.foot()

    def buttons(self) -> ComposeResult:
        """With the keys that do the same."""
        name = self.verb.name.capitalize()
        yield Button(f"{name} (y)", id="yes", variant="error" if self.verb.dangerous else "primary")
        yield Button("Leave it (n)", id="no")

    def on_mount(self) -> None:
        """Enter does what is safe to do by mistake."""
        self.query_one("#no" if self.verb.dangerous else "#yes", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button is an answer."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """A key is an answer; yes only while it may be done."""
        self.settle()
        if not answer or not self.obstacle():
            self.dismiss(answer)

    def action_other(self) -> None:
        """To the other button."""
        self.focus_next()
