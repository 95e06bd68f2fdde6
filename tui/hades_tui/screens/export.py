"""In which format a run's pairs are exported."""

from typing import Any, get_args

from textual.app import ComposeResult

from hades_protocol.messages import ExportFormat
from hades_tui.screens.sending import SendingDialog
from hades_tui.widgets.choices import Choices

FORMATS = get_args(ExportFormat)
PAIRS = ("the newest pairs", "the best evaluated pairs")


class ExportScreen(SendingDialog):
    """Arrows choose; tab goes on."""

    def compose(self) -> ComposeResult:
        """Formats, best or newest, buttons."""
        with self.frame():
            yield from self.head()
            yield Choices(FORMATS, id="format")
            yield Choices(PAIRS, id="pairs")
            yield from self.foot()

    def on_mount(self) -> None:
        """Begin with the format."""
        self.query_one("#format").focus()

    def fields(self) -> dict[str, Any]:
        """What is chosen."""
        form, pairs = (self.query_one(f"#{name}", Choices).chosen for name in ("format", "pairs"))
        return {"format": FORMATS[form], "best": pairs == 1}

    def on_choices_changed(self) -> None:
        """Something else is chosen."""
        self.edited()
