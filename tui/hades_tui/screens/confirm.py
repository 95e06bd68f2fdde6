"""The dialog that asks before a run action and says what will happen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Label

from hades_protocol import commands
from hades_tui.run_actions import command_for
from hades_tui.screens.dialog import RunDialog, focus_bindings


class ConfirmScreen(RunDialog[bool]):
    """Returns True if the action is confirmed."""

    SAME_STATE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "No", id="confirm.no"),
        Binding("left,right,h,l", "other", "Choose", show=False, priority=True, id="confirm.other"),
        *focus_bindings("confirm"),
    ]

    @property
    def requests(self) -> tuple[commands.RunRequest, ...]:
        """The commands to send once the action is confirmed."""
        return (command_for(self.action, self.asked, self.session),)

    def compose(self) -> ComposeResult:
        """Question, consequence, two buttons."""
        with Vertical(id="dialog", classes="dangerous" if self.action.dangerous else ""):
            yield Label(f"{self.action.name.capitalize()} {self.asked.id}?", id="question", markup=False)
            yield Label(self.action.will(self.asked), id="consequence", markup=False)
            yield from self.foot()

    def buttons(self) -> ComposeResult:
        """The buttons with the keys that do the same."""
        name = self.action.name.capitalize()
        yield Button(f"{name} (y)", id="yes", variant="error" if self.action.dangerous else "primary")
        yield Button("Leave it (n)", id="no")

    def on_mount(self) -> None:
        """Focus what is safe to press by mistake."""
        self.query_one(self.first_focus()).focus()

    def first_focus(self) -> str:
        """Selector of the widget that has the focus at first: a button."""
        return "#no" if self.action.dangerous else "#yes"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by a button."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Answer by a key; yes counts only while the action is possible."""
        self.settle()
        if not answer or not self.obstacle():
            self.dismiss(answer)

    def action_other(self) -> None:
        """Focus the other button."""
        self.focus_next()
