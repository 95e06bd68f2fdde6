"""The application: pumps what the daemon says into the model and paints it, a few times a second at most."""

import os
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from textual.filter import LineFilter, Monochrome, NoColor
from textual.timer import Timer
from textual.widget import Widget

from hades_protocol.commands import SnapshotResult
from hades_protocol.errors import HadesError, NotFoundError
from hades_tui import model as models
from hades_tui import palette
from hades_tui.actions import ActingApp
from hades_tui.connection import Connection
from hades_tui.filters import WITHOUT_COLOURS
from hades_tui.history import RunHistory
from hades_tui.model import Model
from hades_tui.past import ask
from hades_tui.screens.help import HelpScreen
from hades_tui.screens.main import MainScreen
from hades_tui.textual_theme import textual_name, textual_theme, variables
from hades_tui.themes import THEMES, Theme, default_theme
from hades_tui.widgets.pairs_panel import PairsPanel
from hades_tui.widgets.run_list import RunList

PAINT_SECONDS = 0.2
RETRY_SECONDS = 2.0


class HadesApp(ActingApp):
    """Shows a daemon's runs. It changes a run only after a confirmation, and never by being closed."""

    TITLE = "hades"
    CSS_PATH = Path(__file__).parent / "styles" / "hades.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, connection: Connection, *, run: str | None = None, readonly: bool = False, theme: Theme | None = None
    ) -> None:
        palette.choose(theme or default_theme(os.environ))
        super().__init__()
        self.model = Model(selected=run)
        self.readonly = readonly
        self._connection = connection
        self._main = MainScreen(readonly=readonly)
        self._painted: Model | None = None
        self._retry: Timer | None = None

    def on_mount(self) -> None:
        """Begin to listen."""
        for theme in THEMES.values():
            self.register_theme(textual_theme(theme))
        self.use_theme(palette.chosen())
        self.run_worker(self._pump(), group="pump")
        self.set_interval(PAINT_SECONDS, self._paint)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What the stylesheets name, before a theme is in force."""
        return variables(palette.chosen())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line of the screen goes through last: without colours, no colour comes from anywhere."""
        filters = [known for known in super().get_line_filters() if not isinstance(known, Monochrome | NoColor)]
        return filters if palette.chosen().colours else [*filters, WITHOUT_COLOURS]

    def use_theme(self, theme: Theme) -> None:
        """Everything in the colours of that theme, from now on."""
        palette.choose(theme)
        self.no_color = not theme.colours
        self.theme = textual_name(theme)
        for screen in self.screen_stack:
            for node in screen.walk_children(Widget, with_self=True):
                node.refresh()

    def get_default_screen(self) -> MainScreen:
        """The screen below all dialogs."""
        return self._main

    async def _pump(self) -> None:
        async with aclosing(self._connection.attach()) as items:
            async for item in items:
                before = self.model
                self.model = models.apply(before, item)
                self.tell_jobs(before)
                if isinstance(item, SnapshotResult) or self.model.selected != before.selected:
                    self._load()

    def _paint(self) -> None:
        """Everything that happened since the last time, in one go; the link's age moves on its own."""
        if self._main.is_mounted and self._main.is_running:
            self._main.update_model(self.model)

    def _load(self) -> None:
        """Ask for what the stream does not carry: the past of the selected run, and its pairs."""
        run = self.model.selected
        self._connection.watch(run)
        if run is not None:
            self.run_worker(self._load_run(run), group="load", exclusive=True)

    async def _load_run(self, run: str) -> None:
        if not self.model.histories.get(run, RunHistory()).loaded:
            self.model = models.requesting_history(self.model, run)
            try:
                self.model = models.with_history(self.model, await self._connection.history(run))
            except HadesError as error:
                self.notify(str(error), title="Its history could not be read", severity="warning", markup=False)
                self.set_timer(RETRY_SECONDS, self._load)
                return
        try:
            dataset = await self._connection.dataset(run)
        except NotFoundError:
            return  # nothing committed yet, or method es: the panel says so
        except HadesError as error:
            self.notify(str(error), title="Its pairs could not be read", severity="warning", markup=False)
            return
        self.model = models.with_dataset(self.model, run, dataset)

    def on_pairs_panel_asks(self, message: PairsPanel.Asks) -> None:
        """Pairs of kept generations are asked for when the panel needs them."""

        async def answer() -> None:
            message.panel.answered(message.question, await ask(self._connection, message.question))

        self.run_worker(answer(), group="pairs")

    def on_run_list_marked(self, message: RunList.Marked) -> None:
        """A run is marked, or not any more."""
        self.model = models.mark(self.model, message.run)
        self._paint()

    def on_run_list_chosen(self, message: RunList.Chosen) -> None:
        """Another run is selected: at once, without waiting for the next painting."""
        before = self.model.selected
        self.model = models.select(self.model, message.run)
        if self.model.selected != before:
            self.selection_changed()

    def selection_changed(self) -> None:
        """Another run is selected: its curve and pairs are asked for, and it is painted at once."""
        self._load()
        self._paint()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen(self.readonly))
