"""Base of the forms of fork and resize: settings, and a dry run by the daemon before they are sent."""

import asyncio
from functools import cached_property
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from hades_protocol import commands
from hades_protocol.async_client import fresh_id
from hades_protocol.errors import HadesError, UsageError
from hades_protocol.replies import ChangeResult, ShowResult
from hades_protocol.run_state import RunState
from hades_tui.pages.form_view import answer_lines
from hades_tui.pages.settings_form import Form, form_of
from hades_tui.screens.dry_run import RETRY_SECONDS, DryRun, may_pass
from hades_tui.screens.sending import NotYet, SendingDialog
from hades_tui.tasks import begin
from hades_tui.text.format import Line
from hades_tui.theme.palette import style


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
    _unreadable = ""

    @cached_property
    def _dry_run(self) -> "DryRun[tuple[dict[str, Any], RunState], ChangeResult]":
        """About the fields and the state of the run."""
        return DryRun(self, self._ask, self.settle)

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
                shown: ShowResult = await self._sender.request(request)
                self.form = form_of(shown.spec, self.SIZES)
            except HadesError as error:
                self._unreadable = f"Its settings could not be read: {error}"
                self.settle()
                if not may_pass(error):
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
        answer = self._dry_run.answer
        if isinstance(answer, str):
            return UsageError(answer)
        return None if answer is not None else NotYet("Asking the daemon what it would do …")

    def settle(self) -> None:
        """Request a new dry run where the typed fields or the run's state differ from the last one's."""
        self._dry_run.want(None if SendingDialog.problem(self) else (self.fields(), self.subject.state))
        self._show_answer()
        super().settle()

    async def _ask(self, about: tuple[dict[str, Any], RunState]) -> ChangeResult:
        result: ChangeResult = await self._sender.request(self.command(**about[0], dry_run=True))
        return result

    def _show_answer(self) -> None:
        edited = tuple(self.form.texts) if self.form is not None else ()
        answer = self._dry_run.answer
        lines = answer_lines(answer, edited) if isinstance(answer, ChangeResult) else []
        self.put("answer", text_of_lines(lines))
        box = self.query_one("#answer-box", VerticalScroll)
        box.can_focus = box.max_scroll_y > 0  # the tab key stops here only where there is something to scroll


def text_of_lines(lines: list[Line]) -> Text:
    """The lines as one text that wraps."""
    return Text("\n").join(Text.assemble(*((text, style(hue)) for text, hue in line)) for line in lines)
