"""The dialog that exports a run's pairs."""

from typing import Any, get_args

from textual.app import ComposeResult

from hades_protocol.messages import ExportFormat
from hades_tui.screens.sending import SendingDialog
from hades_tui.widgets.choices import Choices

FORMATS = get_args(ExportFormat)
PAIRS = ("the newest pairs", "the best evaluated pairs")


class ExportScreen(SendingDialog):
    """Chooses format and pairs with the arrow keys."""

    def compose(self) -> ComposeResult:
        """The choice of the format, the choice of the pairs, the buttons."""
        with self.frame():
            yield from self.head()
            yield Choices(FORMATS, id="format")
            yield Choices(PAIRS, id="pairs")
            yield from self.foot()

    def on_mount(self) -> None:
        """Focus the choice of the format."""
        self.query_one("#format").focus()

    def fields(self) -> dict[str, Any]:
        """Format, and whether the best pairs are exported."""
        form, pairs = (self.query_one(f"#{name}", Choices).chosen for name in ("format", "pairs"))
        return {"format": FORMATS[form], "best": pairs == 1}

    def on_choices_changed(self) -> None:
        """Discard an earlier refusal when another choice is made."""
        self.edited()
