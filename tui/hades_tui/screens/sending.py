"""Dialogs in which something is typed: they stay open, with what was typed, until the daemon has taken it."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Label

from hades_protocol.commands import RESULTS, Request
from hades_protocol.errors import HadesError, UsageError
from hades_protocol.messages import Job, RunSummary
from hades_protocol.replies import ChangeResult
from hades_tui.run_actions import Verb, order
from hades_tui.screens.dialog import RunDialog
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.widgets.titles import title

T = TypeVar("T")

Outcome = RunSummary | ChangeResult | Job


class Sender(Protocol):
    """Whoever carries a request to the daemon (hades_tui.connection.Connection)."""

    async def request(self, request: Request, kind: type[T]) -> T:
        """The daemon's answer. Raises HadesError."""


class NotYet(UsageError):
    """Nothing is wrong, but something is missing still. Its text is a hint."""


class SendingDialog(RunDialog[Outcome]):
    """Sends `fields` with the command; a refusal is shown and nothing that was typed is lost."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it", id="dialog.leave"),
        Binding("ctrl+s", "send", "Do it", id="dialog.send"),
    ]
    DEFAULT_CSS = """
    SendingDialog #form {
        width: 100; max-width: 100%; height: auto; max-height: 100%; padding: 0 2;
        border: round $ember; border-title-color: $gold; border-title-style: bold; background: $surface;
    }
    SendingDialog #will { width: 100%; margin-bottom: 1; }
    SendingDialog #reason.hint { color: $dim; }
    """

    def __init__(self, verb: Verb, run: RunSummary, look: Callable[[], Model], sender: Sender) -> None:
        super().__init__(verb, run, look)
        self._sender = sender
        self._sending = False
        self._warned = False
        self.refused = ""  # what the daemon said to the last attempt

    def fields(self) -> dict[str, Any]:
        """The command's own fields.

        Raises:
            UsageError: as it stands nothing can be sent.
        """
        raise NotImplementedError

    def frame(self) -> Vertical:
        """What all of it stands in."""
        frame = Vertical(id="form")
        frame.border_title = title(f"{self.verb.name.capitalize()} {self.asked.id}")
        return frame

    def head(self) -> ComposeResult:
        """What will happen."""
        yield Label(self.verb.will(self.asked), id="will", markup=False)

    def is_edited(self) -> bool:
        """Whether leaving loses something that was typed."""
        return False

    def problem(self) -> UsageError | None:
        """Why nothing can be sent; None where it can."""
        if reason := self.obstacle():
            return UsageError(reason)
        try:
            self.fields()
        except UsageError as error:
            return error
        return None

    def settle(self) -> None:
        """The button and the reason as they are to be now."""
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
        self.put("will", self.verb.will(self.subject))

    def edited(self) -> None:
        """Something was typed: an earlier refusal is about something else."""
        self.refused, self._warned = "", False
        self.settle()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do it, or leave it."""
        if event.button.id == "yes":
            self.send()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Close; what was typed is not thrown away at once."""
        if self._sending:
            return
        if self.is_edited() and not self._warned:
            self._warned = True
            self.settle()
            return
        self.dismiss(None)

    def buttons(self) -> ComposeResult:
        """Do it, from any field, or leave it."""
        yield Button(f"{self.verb.name.capitalize()} (ctrl+s)", id="yes", variant="primary")
        yield Button("Leave it (esc)", id="no")

    def action_send(self) -> None:
        """Do it."""
        self.send()

    def send(self) -> None:
        """Send the command, if that makes sense at this moment."""
        self._warned = False
        self.settle()
        if not self._sending and not self.query_one("#yes", Button).disabled:
            self._sending = True
            request = order(self.verb, self.subject, self.session, **self.fields())
            begin(self, partial(self._send, request), "send")
            self.settle()

    async def _send(self, request: Request) -> None:
        try:
            result: Outcome = await self._sender.request(request, RESULTS[type(request)])
        except HadesError as error:
            self.refused = f"The daemon refused: {error}" if error.code != "unreachable" else str(error)
        else:
            self.dismiss(result)
        finally:
            self._sending = False
        if self.refused and self.is_mounted:
            self.settle()
