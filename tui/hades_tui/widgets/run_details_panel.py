"""The panel with details of the selected run, on screens with room."""

from textual.geometry import Size

from hades_tui.pages.run_details import run_detail_lines
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel


class RunDetailsPanel(LinesPanel):
    """Details of the selected run, one per line."""

    BORDER_TITLE = "Details"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()

    def update_model(self, model: Model) -> None:
        """Show the selected run of another model."""
        self.model = model
        self.show()

    def key(self) -> object:
        """Run, metrics and warnings."""
        return self.model.run, self.model.history.metrics, self.model.logs

    def build(self, size: Size) -> list[Line]:
        """The lines of the panel."""
        return run_detail_lines(self.model, size.width, size.height)
