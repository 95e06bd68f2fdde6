"""The panel of the GPUs of the daemon's machine."""

from textual.geometry import Size

from hades_tui.pages.gpus import gpu_lines, natural_height
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.widgets.lines import LinesPanel

MAX_SHARE = 5
"""The panel takes at most this part of the screen's height, unless it is zoomed."""


class GpusPanel(LinesPanel, can_focus=True):
    """Utilisation, memory and users of the GPUs; hidden where there are none."""

    BORDER_TITLE = "GPUs"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()
        self.display = False

    def update_model(self, model: Model) -> None:
        """Show the GPUs of another model."""
        self.model = model
        self.show()

    def natural_height(self, width: int, screen_height: int) -> int:
        """Height of the panel with its border on a screen of that size; 0 without GPUs."""
        if not self.model.gpus:
            return 0
        return min(natural_height(self.model.gpus, width - 4), max(2, screen_height // MAX_SHARE - 2)) + 2

    def key(self) -> object:
        return self.model.gpus

    def build(self, size: Size) -> list[Line]:
        """The lines of the panel."""
        return gpu_lines(self.model.gpus, size.width, size.height, palette.terminal().glyphs)
