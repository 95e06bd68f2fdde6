"""Base of the dialogs with input fields: they stay open until the daemon has accepted the command."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Label

from hades_protocol.commands import Request
from hades_protocol.errors import HadesError, UsageError
from hades_protocol.messages import Job, RunSummary
from hades_protocol.replies import ChangeResult
from hades_tui.run_actions import RunAction, command_for
from hades_tui.screens.dialog import Dialog, RunDialog, focus_bindings
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.widgets.titles import title

CommandResult = RunSummary | ChangeResult | Job


class Sender(Protocol):
    """Sends requests to the daemon (hades_tui.connection.Connection)."""

    async def request(self, request: Request) -> Any:
        """Send a request and return the daemon's answer. Raises HadesError."""


class NotYet(UsageError):
    """Something is still missing, but nothing is wrong. Its text is a hint."""


class SendingForm(Dialog[CommandResult]):
    """Sends a command with `fields`. A refusal is shown, and what was typed stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it", id="dialog.leave"),
        Binding("ctrl+s", "send", "Do it", id="dialog.send"),
        *focus_bindings("dialog"),
    ]
    DEFAULT_CSS = """
    SendingForm #form {
        width: 100; max-width: 100%; height: auto; max-height: 100%; padding: 0 2;
        border: round $ember; border-title-color: $gold; border-title-style: bold; background: $surface;
    }
    SendingForm #will { width: 100%; margin-bottom: 1; }
    SendingForm #reason.hint { color: $dim; }
    """

    _sender: Sender
    _sending = False
    _warned = False
    refused = ""  # why the last attempt failed

    def heading(self) -> str:
        """The title of the dialog."""
        raise NotImplementedError

    def will(self) -> str:
        """The text that says what will happen."""
        raise NotImplementedError

    def command(self, **fields: Any) -> Request:
        """The command to send, with its own fields."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """The command's own fields.

        Raises:
            UsageError: they are incomplete or not valid.
        """
        raise NotImplementedError

    def frame(self) -> Vertical:
        """The container of the dialog, with its title."""
        frame = Vertical(id="form")
        frame.border_title = title(self.heading())
        return frame

    def head(self) -> ComposeResult:
        """The text that says what will happen."""
        yield Label(self.will(), id="will", markup=False)

    def is_edited(self) -> bool:
        """Whether leaving loses something that was typed."""
        return False

    def problem(self) -> UsageError | None:
        """Why nothing can be sent now; None where it can."""
        if reason := self.obstacle():
            return UsageError(reason)
        try:
            self.fields()
        except UsageError as error:
            return error
        return None

    def settle(self) -> None:
        """Update the button, the reason and the text."""
        problem = self.problem()
        hint = self._sending or isinstance(problem, NotYet)
        if self._sending:
            text = "Sent; waiting for the daemon's answer …"
        elif self._warned:
            text, hint = "This throws away what was typed: once more leaves, typing goes on.", False
        else:
            text = str(problem) if problem else self.refused
        self.turn(text if hint or not text else f"✘ {text}", off=self._sending or problem is not None)
        self.query_one("#reason").set_class(hint, "hint")
        self.put("will", self.will())

    def edited(self) -> None:
        """Discard an earlier refusal after something was typed."""
        self.refused, self._warned = "", False
        self.settle()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Send the command, or leave the dialog."""
        if event.button.id == "yes":
            self.send()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Close the dialog; where something was typed, only the second call closes it."""
        if self._sending:
            return
        if self.is_edited() and not self._warned:
            self._warned = True
            self.settle()
            return
        self.dismiss(None)

    def buttons(self) -> ComposeResult:
        """The buttons with the keys that do the same from any field."""
        yield Button(f"{self.verb.capitalize()} (ctrl+s)", id="yes", variant="primary")
        yield Button("Leave it (esc)", id="no")

    def action_send(self) -> None:
        self.send()

    def send(self) -> None:
        """Send the command if that is possible now."""
        self._warned = False
        self.settle()
        if not self._sending and not self.query_one("#yes", Button).disabled:
            self._sending = True
            begin(self, partial(self._send, self.command(**self.fields())), "send")
            self.settle()

    async def _send(self, request: Request) -> None:
        try:
            result: CommandResult = await self._sender.request(request)
        except HadesError as error:
            self.refused = f"The daemon refused: {error}" if error.code != "unreachable" else str(error)
        else:
            self.dismiss(result)
        finally:
            self._sending = False
        if self.refused and self.is_mounted:
            self.settle()


class SendingDialog(SendingForm, RunDialog[CommandResult]):
    """Sends the command of an action on a run."""

    def __init__(self, action: RunAction, run: RunSummary, get_model: Callable[[], Model], sender: Sender) -> None:
        super().__init__(action, run, get_model)
        self._sender = sender

    def heading(self) -> str:
        """The action and the run."""
        return f"{self.verb.capitalize()} {self.asked.id}"

    def will(self) -> str:
        """What the action does to the run as it is now."""
        return self.action.will(self.subject)

    def command(self, **fields: Any) -> Request:
        """The action's command for the run as it is now."""
        return command_for(self.action, self.subject, self.session, **fields)
