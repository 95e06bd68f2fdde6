"""The panel that replaces all others when the daemon speaks another protocol."""

from importlib.metadata import version

from textual.geometry import Size

from hades_tui.pages.health import mismatch_lines
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel


class MismatchPanel(LinesPanel):
    """Both versions and what to do, in the middle of the screen."""

    DEFAULT_CSS = """
    MismatchPanel {
        width: 1fr;
        height: 1fr;
        display: none;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()

    def update_model(self, model: Model) -> None:
        """Show the link of another model."""
        self.model = model
        self.show()

    def key(self) -> object:
        return self.model.link.phase, self.model.link.text

    def build(self, size: Size) -> list[Line]:
        return mismatch_lines(self.model.link, version("hades-distil"), size.width, size.height)
