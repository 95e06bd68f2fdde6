"""Asks the daemon what it would do about what is typed in a form, before that can be sent."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from textual.screen import Screen
from textual.timer import Timer

from hades_protocol.errors import HadesError
from hades_tui.pages.form_view import in_form
from hades_tui.tasks import begin

RETRY_SECONDS = 2.0
PAUSE_SECONDS = 0.3
"""Seconds without typing before the daemon is asked."""

About = TypeVar("About")
Result = TypeVar("Result")


class DryRun(Generic[About, Result]):
    """The newest question and its answer.

    answer: a text where it was refused, and why; None while there is none.
    """

    def __init__(
        self,
        screen: Screen[Any],
        ask: Callable[[About], Coroutine[Any, Any, Result]],
        answered: Callable[[], None],
    ) -> None:
        """ask: sends the question. answered: called when there is an answer."""
        self._screen = screen
        self._ask = ask
        self._answered = answered
        self._about: About | None = None
        self._timer: Timer | None = None
        self.answer: Result | str | None = None

    def want(self, about: About | None) -> None:
        """Ask about something else once typing pauses; None where there is nothing to ask about."""
        if about == self._about:
            return
        self._about, self.answer = about, None
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._screen.set_timer(PAUSE_SECONDS, self._begin) if about is not None else None

    def _begin(self) -> None:
        begin(self._screen, self._run, "dry run", exclusive=True)

    async def _run(self) -> None:
        about = self._about
        while about is not None and about == self._about:
            answer: Result | str
            again = False
            try:
                answer = await self._ask(about)
            except HadesError as error:
                answer, again = in_form(str(error)), may_pass(error)
            if self._about != about:
                return
            self.answer = answer
            self._answered()
            if not again:
                return
            await asyncio.sleep(RETRY_SECONDS)


def may_pass(error: HadesError) -> bool:
    """Whether a retry may succeed: the daemon was too busy, or away."""
    return error.code == "unreachable"
