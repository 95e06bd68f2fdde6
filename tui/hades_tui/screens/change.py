"""What the forms of fork and resize have in common: settings, and the daemon's word on them before they are sent."""

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
from hades_tui.run_actions import order
from hades_tui.screens.sending import NotYet, SendingDialog
from hades_tui.tasks import begin
from hades_tui.text.format import Line
from hades_tui.theme.palette import style

RETRY_SECONDS = 2.0
PAUSE_SECONDS = 0.3
"""Nothing typed for so long: the daemon is asked what it would do."""


class ChangeScreen(SendingDialog):
    """The button is on only while the daemon's dry run of exactly what is typed says yes."""

    DEFAULT_CSS = """
    ChangeScreen #outcome-box { height: auto; max-height: 9; margin: 1 0 0 0; }
    ChangeScreen #outcome { height: auto; width: 100%; }
    ChangeScreen .row { height: 1; }
    ChangeScreen .row Label { width: 18; color: $grey; }
    ChangeScreen Input { background: $selected; width: 1fr; }
    ChangeScreen Input:focus { background: $faint; }
    """
    SIZES: tuple[str, ...] | None = None  # the settings that can be changed; None: all

    form: Form | None = None
    _asked_about: tuple[dict[str, Any], RunState] | None = None  # what `_answer` is the answer to
    _answer: ChangeResult | str | None = None  # a text: why not
    _timer: Timer | None = None
    _unreadable = ""

    def outcome(self) -> ComposeResult:
        """Where the daemon's word goes."""
        with VerticalScroll(id="outcome-box"):
            yield Static("", id="outcome")

    def on_mount(self) -> None:
        """Nothing can be typed before the present settings are there."""
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
        """Fill the fields with what there is."""
        raise NotImplementedError

    def settings(self) -> Form:
        """The settings and what was typed.

        Raises:
            UsageError: they are not there.
        """
        if self.form is None:
            raise UsageError(self._unreadable) if self._unreadable else NotYet("Asking for its settings …")
        return self.form

    def is_edited(self) -> bool:
        """Whether a setting was typed."""
        return self.form is not None and bool(self.form.texts)

    def problem(self) -> UsageError | None:
        """Why nothing can be sent: also as long as the daemon has not said what it would do."""
        if problem := super().problem():
            return problem
        if isinstance(self._answer, str):
            return UsageError(self._answer)
        return None if isinstance(self._answer, ChangeResult) else NotYet("Asking the daemon what it would do …")

    def settle(self) -> None:
        """Ask the daemon anew where what is typed, or the run's state, is no longer what it was asked about."""
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
            request = order(self.verb, self.subject, self.session, **about[0], dry_run=True)
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
        self.put("outcome", text_of_lines(lines))
        box = self.query_one("#outcome-box", VerticalScroll)
        box.can_focus = box.max_scroll_y > 0  # the tab key stops here only where there is something to scroll


def _may_pass(error: HadesError) -> bool:
    """Whether the same question may have an answer in a moment: the daemon was too busy, or away."""
    return error.code == "unreachable"


def text_of_lines(lines: list[Line]) -> Text:
    """Hued lines as a text that wraps."""
    return Text("\n").join(Text.assemble(*((text, style(hue)) for text, hue in line)) for line in lines)
