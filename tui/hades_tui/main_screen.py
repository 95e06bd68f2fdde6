"""The main screen: runs, the selected run's curve, its pairs."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from hades_tui import actions
from hades_tui.pages.health import is_shown
from hades_tui.screens.pairs_saving import begin_copy, begin_save
from hades_tui.state.model import Model
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.gpus_panel import GpusPanel
from hades_tui.widgets.keys_line import KeysLine
from hades_tui.widgets.mismatch_panel import MismatchPanel
from hades_tui.widgets.pairs_panel import PairsPanel
from hades_tui.widgets.run_details_panel import RunDetailsPanel
from hades_tui.widgets.run_list import RunList
from hades_tui.widgets.top import TopLine

WIDE = 110
"""Least width with curve and pairs side by side."""

LEAST = Size(40, 10)
"""Least size of the screen; below it only a message is shown."""

PAIRS_COLUMNS, PAIRS_ROWS = 46, 17
"""Least width of the pairs beside a curve, and least height of those above details: a few pairs
and a drawing."""

DETAILS_ROWS, MOST_DETAILS_ROWS = 10, 14
"""Least and greatest height of the panel of details; all other rows beside the curve are the pairs'."""


class MainScreen(Screen[None]):
    """Lays out the panels for the terminal's size and hands them the model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.BINDINGS,
        *actions.VIEW_BINDINGS,
        Binding("tab", "app.focus_next", "Panel", key_display="tab", id="screen.next-panel"),
        Binding("shift+tab", "app.focus_previous", "Panel before", show=False, id="screen.previous-panel"),
        Binding("l", "logarithmic", "Log scale", id="curve.log"),
        Binding("z", "zoom", "Zoom", tooltip="Let the panel fill the screen, and back", id="screen.zoom"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, id="screen.commands"),
        Binding("question_mark", "app.help", "Help", id="screen.help"),
        Binding("q", "app.quit", "Quit", tooltip="Leave; runs go on", id="screen.quit"),
        Binding("ctrl+c", "app.interrupt", "Quit", show=False, tooltip="Leave; exit code 130", id="screen.interrupt"),
    ]

    def __init__(self, *, readonly: bool, obstacle: Callable[[], str] = str) -> None:
        super().__init__()
        self._zoomed = ""
        self._laid_out_for: object = None
        # Held, not looked up: the painting timer may tick while the screen is being built or taken down.
        self._top = TopLine(readonly, obstacle, id="top")
        self._small = Static(id="small", markup=False)
        self._runs = RunList(id="runs")
        self._gpus = GpusPanel(id="gpus")
        self._mismatch = MismatchPanel(id="mismatch")
        self._fitness = FitnessPanel(id="fitness")
        self._pairs = PairsPanel(id="pairs")
        self._details = RunDetailsPanel(id="details")
        self._aside = Vertical(self._pairs, self._details, id="aside")

    def compose(self) -> ComposeResult:
        """The panels from top to bottom."""
        yield self._top
        yield self._runs
        yield self._runs.filter_line
        yield self._gpus
        yield self._mismatch
        yield Container(self._fitness, self._aside, id="below")
        yield KeysLine()
        yield self._small

    def on_mount(self) -> None:
        """Focus the list of runs."""
        self._runs.focus()

    def update_model(self, model: Model) -> None:
        """Draw another model in all panels."""
        self.set_class(not is_shown(model.link), "mismatch")
        self._mismatch.update_model(model)
        self._top.update_model(model)
        self._pairs.update_model(model)
        self._runs.update_model(model)
        self._gpus.update_model(model)
        self._lay_out(len(model.runs))
        self._fitness.update_model(model)
        self._details.update_model(model)

    def _lay_out(self, runs: int) -> None:
        """Set the sizes of the panels; nothing to do where size and contents are as before.

        They follow from the terminal's size and the lists of all runs and GPUs, never from the selected run: panels
        that move whenever another one is selected cannot be read.
        """
        width, height = self.size
        gpus = self._gpus.natural_height(width, height) if self._zoomed in ("", "gpus") else 0
        key = (self.size, runs, self._runs.natural_height, gpus, self._zoomed)
        if key == self._laid_out_for:
            return
        self._laid_out_for = key
        for name in ("runs", "gpus", "fitness", "pairs"):
            self.set_class(self._zoomed == name, f"zoom-{name}")
        wide = width >= WIDE
        self.set_class(wide, "wide")
        list_height = min(self._runs.natural_height, max(5, height // 4))
        self._runs.styles.height = "1fr" if self._zoomed == "runs" else list_height
        self._gpus.display = gpus > 0
        self._gpus.styles.height = "1fr" if self._zoomed == "gpus" else gpus
        below = height - 2 - list_height - gpus
        aside, full = self._aside, self._zoomed == "pairs"
        aside.styles.width = "1fr" if full or not wide else max(PAIRS_COLUMNS, width * 45 // 100)
        aside.styles.height = "1fr" if full or wide else max(5, below * 2 // 5)
        details = max(DETAILS_ROWS, min(MOST_DETAILS_ROWS, below // 3))
        self._details.display = wide and runs > 0 and not full and below - details >= PAIRS_ROWS
        self._details.styles.height = details

    def action_logarithmic(self) -> None:
        """Switch the curve between linear and logarithmic scale."""
        panel = self._fitness
        panel.logarithmic = not panel.logarithmic
        panel.update_model(panel.model)

    def action_zoom(self) -> None:
        """Let the focused panel fill the screen, or show all panels again."""
        focused = self.focused.id if self.focused is not None else None
        self._zoomed = "" if self._zoomed else focused or ""
        self._lay_out(len(self._runs.model.runs))

    def on_pairs_panel_copy_wanted(self, message: PairsPanel.CopyWanted) -> None:
        """Copy the pairs that the panel shows."""
        begin_copy(self, message.run, message.dataset)

    def on_pairs_panel_save_wanted(self, message: PairsPanel.SaveWanted) -> None:
        """Ask for a path and save the pairs that the panel shows."""
        begin_save(self, message.run, message.dataset, compared=message.compared)

    def on_resize(self) -> None:
        """Lay out the panels for the new size."""
        width, height = self.size
        self.set_class(width < LEAST.width or height < LEAST.height, "small")
        self._small.update(f"{width}x{height} is too small:\nat least {LEAST.width}x{LEAST.height}")
        self._lay_out(len(self._runs.model.runs))
