"""Asks before a run is changed, and says what will happen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label

from hades_protocol.messages import RunSummary
from hades_tui.verbs import Verb


class ConfirmScreen(ModalScreen[bool]):
    """True if the person wants it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
        Binding("left,right,h,l", "other", "Choose", show=False),
    ]

    def __init__(self, verb: Verb, run: RunSummary) -> None:
        super().__init__()
        self._verb = verb
        self._run = run

    def compose(self) -> ComposeResult:
        """Question, consequence, two buttons."""
        name, run = self._verb.name.capitalize(), self._run
        with Vertical(id="dialog", classes="dangerous" if self._verb.dangerous else ""):
            yield Label(f"{name} {run.id}?", id="question", markup=False)
            yield Label(self._verb.will(run), id="consequence", markup=False)
            with Horizontal(id="buttons"):
                yield Button(f"{name} (y)", id="yes", variant="error" if self._verb.dangerous else "primary")
                yield Button("Leave it (n)", id="no")

    def on_mount(self) -> None:
        """Enter does what is safe to do by mistake."""
        self.query_one("#no" if self._verb.dangerous else "#yes", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button is an answer."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """A key is an answer."""
        self.dismiss(answer)

    def action_other(self) -> None:
        """To the other button."""
        self.focus_next()
