"""Base of the forms of fork and resize: settings, and a dry run by the daemon before they are sent."""

import asyncio
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.widgets import Input, Static

from hades_protocol import commands
from hades_protocol.async_client import fresh_id
from hades_protocol.errors import HadesError, UsageError
from hades_protocol.replies import ChangeResult, ShowResult
from hades_protocol.run_state import RunState
from hades_tui.pages.form_view import answer_lines
from hades_tui.pages.settings_form import Form, form_of
from hades_tui.run_actions import command_for
from hades_tui.screens.sending import NotYet, SendingDialog
from hades_tui.tasks import begin
from hades_tui.text.format import Line
from hades_tui.theme.palette import style

RETRY_SECONDS = 2.0
PAUSE_SECONDS = 0.3
"""Seconds without typing before a dry run is requested."""


class ChangeScreen(SendingDialog):
    """A dialog whose button is enabled only while a dry run of exactly what is typed has succeeded."""

    DEFAULT_CSS = """
    ChangeScreen #answer-box { height: auto; max-height: 9; margin: 1 0 0 0; }
    ChangeScreen #answer { height: auto; width: 100%; }
    ChangeScreen .row { height: 1; }
    ChangeScreen .row Label { width: 18; color: $grey; }
    ChangeScreen Input { background: $selected; width: 1fr; }
    ChangeScreen Input:focus { background: $faint; }
    """
    SIZES: tuple[str, ...] | None = None  # the settings that can be changed; None: all

    form: Form | None = None
    _asked_about: tuple[dict[str, Any], RunState] | None = None  # the fields and the state of the last dry run
    _answer: ChangeResult | str | None = None  # a text: why it was refused
    _timer: Timer | None = None
    _unreadable = ""

    def answer_box(self) -> ComposeResult:
        """The box for the result of the dry run."""
        with VerticalScroll(id="answer-box"):
            yield Static("", id="answer")

    def on_mount(self) -> None:
        """Disable the fields until the present settings are loaded."""
        for field in self.query(Input):
            field.disabled = True
        begin(self, self._load, "load")

    async def _load(self) -> None:
        request = commands.Show(request_id=fresh_id(), run=self.asked.id, session=self.session)
        while self.form is None:
            try:
                shown: ShowResult = await self._sender.request(request, ShowResult)
                self.form = form_of(shown.spec, self.SIZES)
            except HadesError as error:
                self._unreadable = f"Its settings could not be read: {error}"
                self.settle()
                if not _may_pass(error):
                    return
                await asyncio.sleep(RETRY_SECONDS)
        for field in self.query(Input):
            field.disabled = False
        self.loaded(shown)
        self.settle()

    def loaded(self, shown: ShowResult) -> None:
        """Fill the fields with the present settings."""
        raise NotImplementedError

    def settings(self) -> Form:
        """The form with what was typed.

        Raises:
            UsageError: the settings are not loaded.
        """
        if self.form is None:
            raise UsageError(self._unreadable) if self._unreadable else NotYet("Asking for its settings …")
        return self.form

    def is_edited(self) -> bool:
        """Whether a setting was edited."""
        return self.form is not None and bool(self.form.texts)

    def problem(self) -> UsageError | None:
        """Why nothing can be sent now; also while the dry run has no answer yet."""
        if problem := super().problem():
            return problem
        if isinstance(self._answer, str):
            return UsageError(self._answer)
        return None if isinstance(self._answer, ChangeResult) else NotYet("Asking the daemon what it would do …")

    def settle(self) -> None:
        """Request a new dry run where the typed fields or the run's state differ from the last one's."""
        wanted = None if SendingDialog.problem(self) else (self.fields(), self.subject.state)
        if wanted != self._asked_about:
            self._asked_about, self._answer = wanted, None
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(PAUSE_SECONDS, self._ask) if wanted is not None else None
        self._show_answer()
        super().settle()

    def _ask(self) -> None:
        begin(self, self._dry_run, "dry run", exclusive=True)

    async def _dry_run(self) -> None:
        about = self._asked_about
        while about is not None and about == self._asked_about:
            request = command_for(self.action, self.subject, self.session, **about[0], dry_run=True)
            answer: ChangeResult | str
            again = False
            try:
                answer = await self._sender.request(request, ChangeResult)
            except HadesError as error:
                answer, again = str(error), _may_pass(error)
            if self._asked_about != about:
                return
            self._answer = answer
            self.settle()
            if not again:
                return
            await asyncio.sleep(RETRY_SECONDS)

    def _show_answer(self) -> None:
        edited = tuple(self.form.texts) if self.form is not None else ()
        lines = answer_lines(self._answer, edited) if isinstance(self._answer, ChangeResult) else []
        self.put("answer", text_of_lines(lines))
        box = self.query_one("#answer-box", VerticalScroll)
        box.can_focus = box.max_scroll_y > 0  # the tab key stops here only where there is something to scroll


def _may_pass(error: HadesError) -> bool:
    """Whether a retry may succeed: the daemon was too busy, or away."""
    return error.code == "unreachable"


def text_of_lines(lines: list[Line]) -> Text:
    """The lines as one text that wraps."""
    return Text("\n").join(Text.assemble(*((text, style(hue)) for text, hue in line)) for line in lines)
