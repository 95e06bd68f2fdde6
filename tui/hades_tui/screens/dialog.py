"""What every dialog about a run has in common: it watches the run and the link while it is open."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from hades_protocol.messages import RunSummary
from hades_tui.run_actions import Verb, obstacle
from hades_tui.state.model import Model

T = TypeVar("T")

LOOK_SECONDS = 0.2


class RunDialog(ModalScreen[T]):
    """A dialog that may send its command only while that means what it says.

    SAME_STATE: whether its words hold only for the state in which the run was when it opened.
    """

    SAME_STATE: ClassVar[bool] = False
    DEFAULT_CSS = """
    RunDialog #reason { display: none; width: 100%; color: $gold; margin-bottom: 1; }
    RunDialog #buttons { height: 1; }
    """

    def __init__(self, verb: Verb, run: RunSummary, look: Callable[[], Model]) -> None:
        """look: the screen's model as it is then."""
        super().__init__()
        self.verb = verb
        self.asked = run
        self.look = look
        daemon = look().daemon
        self.session = daemon.session if daemon is not None else ""
        self._shown: dict[str, str | Text] = {}

    @property
    def subject(self) -> RunSummary:
        """The run as it is now; as it was where it is gone."""
        return next((run for run in self.look().runs if run.id == self.asked.id), self.asked)

    def obstacle(self) -> str:
        """Why nothing may be sent now; empty where it may."""
        return obstacle(self.verb, self.asked, self.session, self.look(), same_state=self.SAME_STATE)

    def put(self, name: str, content: str | Text) -> None:
        """Show a text in the place of that id; the same one again costs nothing, not even a byte to the terminal."""
        if self._shown.get(name) != content:
            self._shown[name] = content
            self.query_one(f"#{name}", Static).update(content)

    def foot(self) -> ComposeResult:
        """Why the button is off, and the buttons."""
        yield Label("", id="reason", markup=False)
        with Horizontal(id="buttons"):
            yield from self.buttons()

    def buttons(self) -> ComposeResult:
        """Do it, or leave it."""
        yield Button(self.verb.name.capitalize(), id="yes", variant="primary")
        yield Button("Leave it (esc)", id="no")

    def on_mount(self) -> None:
        """Begin to watch."""
        self.set_interval(LOOK_SECONDS, self.settle)

    def settle(self) -> None:
        """The button and the reason as they are to be now."""
        reason = self.obstacle()
        self.turn(reason, off=bool(reason))

    def turn(self, text: str, *, off: bool) -> None:
        """Show a line above the buttons, and turn the button that sends on or off."""
        self.put("reason", text)
        button = self.query_one("#yes", Button)
        self.query_one("#reason").display = bool(text)
        if off and button.has_focus:
            self.query_one("#no", Button).focus()
        button.disabled = off
