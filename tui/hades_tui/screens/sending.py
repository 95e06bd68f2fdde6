"""Dialogs in which something is typed: they stay open, with what was typed, until the daemon has taken it."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from textual.binding import Binding, BindingType
from textual.widgets import Button

from hades_protocol.commands import RESULTS, ChangeResult, Request
from hades_protocol.errors import HadesError, UsageError
from hades_protocol.messages import Job, RunSummary
from hades_tui.model import Model
from hades_tui.screens.dialog import RunDialog
from hades_tui.verbs import Verb, order

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

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it")]

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

    def is_edited(self) -> bool:
        """Whether leaving loses something that was typed."""
        return False

    def problem(self) -> str:
        """Why nothing can be sent; empty where it can."""
        if reason := self.obstacle():
            return reason
        try:
            self.fields()
        except UsageError as error:
            return str(error)
        return ""

    def settle(self) -> None:
        """The button and the reason as they are to be now."""
        problem = self.problem()
        if self._sending:
            self.turn("Sent; waiting for the daemon's answer …", off=True)
        elif self._warned:
            self.turn("What was typed is lost: once more leaves, anything else stays.", off=bool(problem))
        else:
            self.turn(problem or self.refused, off=bool(problem))

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

    def send(self) -> None:
        """Send the command, if that makes sense at this moment."""
        self._warned = False
        self.settle()
        if not self._sending and not self.query_one("#yes", Button).disabled:
            self._sending = True
            self.run_worker(self._send(order(self.verb, self.subject, self.session, **self.fields())), group="send")
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
