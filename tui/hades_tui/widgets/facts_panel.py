"""Facts of the selected run, on screens with room."""

from textual.geometry import Size

from hades_tui.pages.facts import fact_lines
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel


class FactsPanel(LinesPanel):
    """Label and value, one a line."""

    BORDER_TITLE = "Details"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        self.model = model
        self.show()

    def key(self) -> object:
        """What the facts are taken from."""
        return self.model.run, self.model.history.metrics, self.model.logs

    def build(self, size: Size) -> list[Line]:
        """All lines of the panel."""
        return fact_lines(self.model, size.width, size.height)
