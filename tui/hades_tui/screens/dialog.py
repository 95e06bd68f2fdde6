"""Bases of the dialogs, which check the link, and the run that they are about, while they are open."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from hades_protocol.messages import RunSummary
from hades_tui.run_actions import RunAction, link_obstacle, obstacle
from hades_tui.state.model import Model
from hades_tui.widgets.fields import caught_up

T = TypeVar("T")

CHECK_SECONDS = 0.2

ACTING_IN: dict[str, tuple[type[Widget], ...]] = {
    "arrow": (Input, Button),
    "step": (Input, Button),
    "field_done": (Input,),
    "other": (Button,),
}
"""Action of keys with priority -> widgets in which they have it. Others, as a box that scrolls, keep the keys."""


def focus_bindings(owner: str) -> list[Binding]:
    """Tab and shift+tab of a dialog. owner: how their ids begin.

    They have priority, so that the next key, which may have come with them, finds the focus where they put it.
    """
    return [
        Binding("tab", "move_focus(1)", "Next field", show=False, priority=True, id=f"{owner}.next-field"),
        Binding("shift+tab", "move_focus(-1)", "Field before", show=False, priority=True, id=f"{owner}.field-before"),
    ]


class Dialog(ModalScreen[T]):
    """A dialog with a button that is enabled only while nothing is in the way."""

    DEFAULT_CSS = """
    Dialog #reason { display: none; width: 100%; color: $gold; margin-bottom: 1; }
    Dialog #buttons { height: 1; }
    """

    def __init__(self, verb: str, get_model: Callable[[], Model]) -> None:
        """verb: what the button does. get_model: returns the screen's present model."""
        super().__init__()
        self.verb = verb
        self.get_model = get_model
        daemon = get_model().daemon
        self.session = daemon.session if daemon is not None else ""
        self._shown: dict[str, str | Text] = {}

    def obstacle(self) -> str:
        """Why nothing may be sent now; empty where it may be."""
        return link_obstacle(self.session, self.get_model())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave a key to the focused widget where its action is none for it."""
        return action not in ACTING_IN or isinstance(self.focused, ACTING_IN[action])

    async def action_move_focus(self, by: int) -> None:
        """Focus what comes next (1) or before (-1)."""
        if self.focused is not None:
            await caught_up(self.focused)
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    async def action_arrow(self, by: int) -> None:
        """Focus what comes next (1) or before (-1)."""
        await self.action_move_focus(by)

    async def action_field_done(self) -> None:
        """Go on from a field."""
        await self.action_move_focus(1)

    def put(self, name: str, content: str | Text) -> None:
        """Show a text in the widget of that id; an unchanged text sends nothing to the terminal."""
        if self._shown.get(name) != content:
            self._shown[name] = content
            self.query_one(f"#{name}", Static).update(content)

    def foot(self) -> ComposeResult:
        """The line that says why the button is disabled, and the buttons."""
        yield Label("", id="reason", markup=False)
        with Horizontal(id="buttons"):
            yield from self.buttons()

    def buttons(self) -> ComposeResult:
        """The buttons that do the action and that close the dialog."""
        yield Button(self.verb.capitalize(), id="yes", variant="primary")
        yield Button("Leave it (esc)", id="no")

    def on_mount(self) -> None:
        """Check the link, and what the dialog is about, several times a second."""
        self.set_interval(CHECK_SECONDS, self.settle)

    def settle(self) -> None:
        """Update the button and the reason."""
        reason = self.obstacle()
        self.turn(reason, off=bool(reason))

    def turn(self, text: str, *, off: bool) -> None:
        """Show a line above the buttons, and disable the button that sends if `off`."""
        self.put("reason", text)
        button = self.query_one("#yes", Button)
        self.query_one("#reason").display = bool(text)
        if off and button.has_focus:
            self.query_one("#no", Button).focus()
        button.disabled = off


class RunDialog(Dialog[T]):
    """A dialog that can send its command only while the run is as the dialog says.

    SAME_STATE: whether its text holds only for the state that the run had when it opened.
    """

    SAME_STATE: ClassVar[bool] = False

    def __init__(self, action: RunAction, run: RunSummary, get_model: Callable[[], Model]) -> None:
        super().__init__(action.name, get_model)
        self.action = action
        self.asked = run

    @property
    def subject(self) -> RunSummary:
        """The run as it is now; as it was at the opening where it is gone."""
        return next((run for run in self.get_model().runs if run.id == self.asked.id), self.asked)

    def obstacle(self) -> str:
        """Why nothing may be sent now; empty where it may be."""
        return obstacle(self.action, self.asked, self.session, self.get_model(), same_state=self.SAME_STATE)
