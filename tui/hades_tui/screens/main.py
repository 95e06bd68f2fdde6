"""The one screen: runs, the selected run's curve, its pairs."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from hades_tui.model import Model
from hades_tui.widgets.facts_panel import FactsPanel
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.pairs_panel import PairsPanel
from hades_tui.widgets.run_list import RunList
from hades_tui.widgets.top import TopLine

WIDE = 110
"""Columns from which curve and pairs stand side by side."""

FACTS_ROWS = 10
"""Least height of the panel of facts."""


class MainScreen(Screen[None]):
    """Arranges the panels for the terminal's size and hands them the model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "app.mutate('pause')", "Pause"),
        Binding("R", "app.mutate('resume')", "Resume"),
        Binding("C", "app.mutate('cancel')", "Cancel"),
        Binding("tab", "app.focus_next", "Panel", key_display="tab"),
        Binding("l", "logarithmic", "Log"),
        Binding("z", "zoom", "Zoom"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
        Binding("ctrl+c", "app.quit", show=False),
    ]

    def __init__(self, *, readonly: bool, colours: bool) -> None:
        super().__init__()
        self._readonly = readonly
        self._colours = colours
        self._zoomed = ""
        self._arranged_for: object = None

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TopLine(self._readonly, id="top")
        yield RunList(id="runs")
        with Container(id="below"):
            yield FitnessPanel(self._colours, id="fitness")
            with Vertical(id="aside"):
                yield PairsPanel(id="pairs")
                yield FactsPanel(id="facts")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin in the list of runs."""
        self.query_one(RunList).focus()

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        self.query_one(TopLine).update_model(model)
        self.query_one(PairsPanel).update_model(model)
        self._arrange(len(model.runs))
        self.query_one(RunList).update_model(model)
        self.query_one(FitnessPanel).update_model(model)
        self.query_one(FactsPanel).update_model(model)

    def _arrange(self, runs: int) -> None:
        """Give every panel the room it deserves; nothing to do where size and contents are as before."""
        pairs = self.query_one(PairsPanel)
        key = (self.size, runs, pairs.natural_size, self._zoomed)
        if key == self._arranged_for:
            return
        self._arranged_for = key
        width, height = self.size
        for name in ("runs", "fitness", "pairs"):
            self.set_class(self._zoomed == name, f"zoom-{name}")
        wide = width >= WIDE
        self.set_class(wide, "wide")
        list_height = min(max(runs, 1) + 3, max(5, height // 4))
        self.query_one(RunList).styles.height = "1fr" if self._zoomed == "runs" else list_height
        below = height - 2 - list_height
        table = pairs.natural_size
        aside = self.query_one("#aside")
        full = self._zoomed == "pairs"
        if wide:
            aside.styles.width = "1fr" if full else max(46, min(table.width + 3, width * 45 // 100))
            aside.styles.height = "1fr"
        else:
            aside.styles.width = "1fr"
            aside.styles.height = "1fr" if full else max(5, min(table.height + 3, below * 4 // 10))
        facts = wide and runs > 0 and not full and below - (table.height + 3) >= FACTS_ROWS
        self.query_one(FactsPanel).display = facts
        pairs.styles.height = table.height + 3 if facts else "1fr"

    def action_logarithmic(self) -> None:
        """Change the curve's scale."""
        panel = self.query_one(FitnessPanel)
        panel.logarithmic = not panel.logarithmic
        panel.update_model(panel.model)

    def action_zoom(self) -> None:
        """Let the focused panel fill the screen, or go back."""
        focused = self.focused.id if self.focused is not None else None
        self._zoomed = "" if self._zoomed else focused or ""
        self._arrange(len(self.query_one(RunList).model.runs))

    def on_resize(self) -> None:
        """Another size, another arrangement."""
        self._arrange(len(self.query_one(RunList).model.runs))
