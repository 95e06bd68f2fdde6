"""The GPUs of the box, where it has any."""

from textual.geometry import Size

from hades_tui.pages.gpus import gpu_lines, natural_height
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.widgets.lines import LinesPanel

MAX_SHARE = 5
"""The panel takes at most this part of the screen's height, unless it is zoomed."""


class GpusPanel(LinesPanel, can_focus=True):
    """Utilisation, memory, our runs and other people's processes; the screen hides it without GPUs."""

    BORDER_TITLE = "GPUs"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()
        self.display = False

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        self.model = model
        self.show()

    def natural_height(self, width: int, screen_height: int) -> int:
        """Rows of the panel on a screen of that size, with its border; 0 without GPUs."""
        if not self.model.gpus:
            return 0
        return min(natural_height(self.model.gpus, width - 4), max(2, screen_height // MAX_SHARE - 2)) + 2

    def key(self) -> object:
        """What the lines are drawn from."""
        return self.model.gpus

    def build(self, size: Size) -> list[Line]:
        """All lines of the panel."""
        return gpu_lines(self.model.gpus, size.width, size.height, palette.look().glyphs)
