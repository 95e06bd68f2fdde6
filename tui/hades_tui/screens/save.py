"""The dialog that asks for a file to save pairs to; its suffix is the format."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from hades_tui.pairs.export import SUFFIXES
from hades_tui.widgets.fields import Field

HINT = (
    "Enter saves, Tab changes the format, Escape leaves. "
    ".csv: a line a pair. .json: with shape, names and units. An existing file is never overwritten."
)


class SaveScreen(ModalScreen[Path | None]):
    """Returns the chosen path, or None."""

    DEFAULT_CSS = """
    SaveScreen { align: center middle; background: $background 60%; }
    SaveScreen #dialog { width: 74; max-width: 95%; }
    SaveScreen #why { margin-top: 1; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="save.leave"),
        Binding("tab", "format", "Format", id="save.format", priority=True),
    ]

    def __init__(self, what: str, path: Path) -> None:
        super().__init__()
        self._what = what
        self._path = path

    def compose(self) -> ComposeResult:
        """The question, the path, the hint."""
        with Vertical(id="dialog"):
            yield Label(self._what, id="question", markup=False)
            yield Field(str(self._path), id="path", compact=True, select_on_focus=False)
            yield Label(HINT, id="why", markup=False)

    @on(Input.Submitted)
    def choose(self, event: Input.Submitted) -> None:
        """Return the path if it has a known suffix, else say which there are."""
        path = Path(event.value.strip())
        if path.suffix.lower() in SUFFIXES and path.stem:
            self.dismiss(path)
        else:
            self.query_one("#why", Label).update(f"The name must end in {' or '.join(SUFFIXES)}.")

    def action_format(self) -> None:
        """Change the path to the next suffix."""
        field = self.query_one("#path", Input)
        path = Path(field.value.strip())
        if not path.name:  # no name to change: "", "/", "."
            path = self._path
        at = SUFFIXES.index(path.suffix.lower()) if path.suffix.lower() in SUFFIXES else -1
        field.value = str(path.with_suffix(SUFFIXES[(at + 1) % len(SUFFIXES)]))
        field.cursor_position = len(field.value)
        self.query_one("#why", Label).update(HINT)

    def action_leave(self) -> None:
        """Close the dialog without a path."""
        self.dismiss(None)
