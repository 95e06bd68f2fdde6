"""The application: feeds the daemon's events into the model and paints it at most five times a second."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.command import Provider
from textual.filter import LineFilter, Monochrome, NoColor
from textual.widget import Widget

from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.replies import SnapshotResult
from hades_protocol.resync import LinkPhase
from hades_tui.actions import ActingApp, ViewingApp
from hades_tui.command_palette import HadesCommands
from hades_tui.connection import Connection
from hades_tui.curve.compared import missing
from hades_tui.main_screen import MainScreen
from hades_tui.pages.help_text import entries
from hades_tui.pairs.generations import ask
from hades_tui.screens.help import HelpScreen
from hades_tui.state import model as models
from hades_tui.state.detail import Range
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.theme import palette
from hades_tui.theme.filters import ASCII_ONLY, PRINTABLE_ONLY, WITHOUT_COLOURS
from hades_tui.theme.textual_theme import textual_name, textual_theme, variables
from hades_tui.theme.themes import THEMES, Theme, default_theme
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.pairs_panel import PairsPanel
from hades_tui.widgets.run_list import RunList

PAINT_SECONDS = 0.2
RETRY_SECONDS = 2.0


class HadesApp(ActingApp, ViewingApp):
    """The screen of one daemon's runs. A run is changed only after a dialog; closing the screen changes none."""

    TITLE = "hades"
    CSS_PATH = Path(__file__).parent / "styles" / "hades.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {HadesCommands}

    def __init__(
        self,
        connection: Connection,
        *,
        run: str | None = None,
        readonly: bool = False,
        theme: Theme | None = None,
        keymap: Mapping[str, str] | None = None,
        obstacle: Callable[[], str] = str,
    ) -> None:
        """keymap: keys by action id, as keymap.checked_keymap returns it. obstacle: returns what keeps the link from
        coming up, or an empty string.
        """
        palette.choose(theme or default_theme(os.environ))
        super().__init__()
        self.set_keymap(keymap or {})
        self.model = Model(selected=run)
        self.readonly = readonly
        self._connection = connection
        self._main = MainScreen(readonly=readonly, obstacle=obstacle)
        self._unread = False  # whether what the selected run shows could not be read, since the daemon was away

    def on_mount(self) -> None:
        """Register the themes, attach to the daemon and start the painting timer."""
        for theme in THEMES.values():
            self.register_theme(textual_theme(theme))
        self.use_theme(palette.chosen())
        begin(self, self._pump, "pump")
        self.set_interval(PAINT_SECONDS, self._paint)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Variables of the stylesheets until a theme is set."""
        return variables(palette.chosen())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The filters applied to every line last: what steers a terminal, colours, and what it cannot show leave."""
        filters = [known for known in super().get_line_filters() if not isinstance(known, Monochrome | NoColor)]
        filters += [PRINTABLE_ONLY] if palette.chosen().colours else [PRINTABLE_ONLY, WITHOUT_COLOURS]
        return filters if palette.terminal().glyphs.braille else [*filters, ASCII_ONLY]

    def use_theme(self, theme: Theme) -> None:
        """Switch the whole screen to a theme."""
        palette.choose(theme)
        self.no_color = not theme.colours
        self.theme = textual_name(theme)
        self.call_next(self._repaint)  # after Textual has looked at its stylesheets again

    def _repaint(self) -> None:
        for screen in self.screen_stack:
            for node in screen.walk_children(Widget, with_self=True):
                node.refresh()

    def get_default_screen(self) -> MainScreen:
        """The main screen, which lies below all dialogs."""
        return self._main

    async def _pump(self) -> None:
        async with aclosing(self._connection.attach()) as items:
            async for item in items:
                before = self.model
                if isinstance(item, SnapshotResult):  # it is newer than the answers to earlier requests
                    self.workers.cancel_group(self, "compared")
                self.model = models.apply(before, item)
                self.notify_ended_jobs(before)
                is_back = self._unread and self.model.link.phase is LinkPhase.LIVE
                if is_back or isinstance(item, SnapshotResult) or self.model.selected != before.selected:
                    self._load()

    def _paint(self) -> None:
        """Draw all changes since the last call at once. The age of the link changes without an event."""
        if self._main.is_mounted and self._main.is_running:
            self._main.update_model(self.model)
            self._load_missing()

    def _load_missing(self) -> None:
        """Request the histories that the curve still lacks: of compared runs, or after a new worker started."""
        history = self.model.history
        if self.model.run is not None and not history.loaded and not history.requested:
            self._load()
        for run in missing(self.model):
            self.model = models.requesting_history(self.model, run)
            begin(self, partial(self._load_compared_run, run), "compared")

    def _load(self) -> None:
        """Request what the stream does not carry: history and pairs of the selected run."""
        run, self._unread = self.model.selected, False
        self._connection.watch(run)
        if run is not None:
            if not self.model.history.loaded:
                self.model = models.requesting_history(self.model, run)
            begin(self, partial(self._load_run, run), "load", exclusive=True)

    async def _load_run(self, run: str) -> None:
        if not self.model.histories.get(run, RunHistory()).loaded:
            try:
                result = await self._connection.history(run)
            except HadesError as error:
                self._could_not_read("Its history", error)
                return
            except asyncio.CancelledError:
                if self.model.selected != run:  # another one was selected meanwhile
                    self.model = models.without_history(self.model, run)
                raise
            self.model = models.with_history(self.model, result)  # the present model: events came meanwhile
        try:
            dataset = await self._connection.dataset(run)
        except NotFoundError:
            return  # nothing committed yet, or method es: the panel says so
        except HadesError as error:
            self._could_not_read("Its pairs", error)
            return
        self.model = models.with_dataset(self.model, run, dataset)

    def _could_not_read(self, what: str, error: HadesError) -> None:
        """Say so and try again soon; while the daemon is away the top line says that, and it is back that counts."""
        self._unread = self.model.is_away
        if not self._unread:
            self.notify(str(error), title=f"{what} could not be read", severity="warning", markup=False)
            self.set_timer(RETRY_SECONDS, self._load)

    def on_pairs_panel_question_asked(self, message: PairsPanel.QuestionAsked) -> None:
        """Ask the daemon for the pairs of a kept generation and hand the answer to the panel."""

        async def answer() -> None:
            message.panel.answered(message.question, await ask(self._connection, message.question))

        begin(self, answer, "pairs")

    async def _load_compared_run(self, run: str) -> None:
        """Load the history of a run that is drawn over the selected one's curve."""
        try:
            result = await self._connection.history(run)
        except HadesError as error:
            self.log.warning(f"the history of {run} could not be read: {error}")
            await asyncio.sleep(RETRY_SECONDS)
            self.model = models.without_history(self.model, run)
        else:
            self.model = models.with_history(self.model, result)

    def on_fitness_panel_detail_wanted(self, message: FitnessPanel.DetailWanted) -> None:
        """Load finer points of the part of the curve that is visible."""
        begin(self, partial(self._load_detail, message.asked), "detail", exclusive=True)

    async def _load_detail(self, asked: Range) -> None:
        try:
            result = await self._connection.history(asked.run, asked.points, after=asked.after, upto=asked.upto)
        except HadesError as error:
            if not self.model.is_away:  # else the top line says so
                self.notify(str(error), title="Finer points could not be read", severity="warning", markup=False)
            return
        self.model = models.with_detail(self.model, asked, result)
        self._paint()

    def mark(self, runs: Sequence[str]) -> None:
        """Mark runs, or unmark them where all are marked."""
        self.model = models.mark(self.model, *runs)
        self._paint()

    def choose(self, run: str) -> None:
        """Select a run and paint at once, without waiting for the timer."""
        before = self.model.selected
        self.model = models.select(self.model, run)
        if self.model.selected != before:
            self.selection_changed()

    def selection_changed(self) -> None:
        """Request the selected run's history and pairs, and paint at once."""
        self._load()
        self._paint()

    def go_to(self, run: str) -> None:
        """Select a run by its id, and list it where a filter hides it; warn where it is gone."""
        self._main.query_one(RunList).reveal(run)
        if all(known.id != run for known in self.model.runs):
            self.notify(f"{run} is gone", severity="warning", markup=False)
        else:
            self.choose(run)

    def action_help(self) -> None:
        """Show the keys of the focused panel and those of the whole screen."""
        self.push_screen(HelpScreen(entries(self.screen.active_bindings.values(), self.get_key_display)))
