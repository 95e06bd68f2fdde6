"""In which format a run's pairs are exported."""

from typing import Any, get_args

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Checkbox, Label, RadioButton, RadioSet

from hades_protocol.client import Format
from hades_tui.screens.sending import SendingDialog

FORMATS = get_args(Format)


class ExportScreen(SendingDialog):
    """Space chooses; tab goes on."""

    DEFAULT_CSS = """
    ExportScreen RadioSet { width: 100%; background: $surface; margin-bottom: 1; }
    ExportScreen Checkbox { background: $surface; margin-bottom: 1; }
    """

    def compose(self) -> ComposeResult:
        """Formats, best or newest, buttons."""
        with Vertical(id="dialog"):
            yield Label(f"Export the pairs of {self.asked.id}", id="question", markup=False)
            yield Label(self.verb.will(self.asked), id="consequence", markup=False)
            with RadioSet(compact=True, id="format"):
                for index, name in enumerate(FORMATS):
                    yield RadioButton(name, value=index == 0)
            yield Checkbox("the best evaluated pairs instead of the newest", id="best", compact=True)
            yield from self.foot()

    def on_mount(self) -> None:
        """Begin with the format."""
        self.query_one(RadioSet).focus()

    def fields(self) -> dict[str, Any]:
        """What is chosen."""
        chosen = self.query_one(RadioSet).pressed_index
        return {"format": FORMATS[max(0, chosen)], "best": self.query_one(Checkbox).value}

    def on_radio_set_changed(self) -> None:
        """Another format."""
        self.edited()

    def on_checkbox_changed(self) -> None:
        """Best or newest."""
        self.edited()
