"""The dialog that asks for a file to save pairs to; its suffix is the format."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from hades_protocol.errors import HadesError
from hades_tui.pairs.export import SUFFIXES
from hades_tui.tasks import begin
from hades_tui.widgets.fields import Field

HINT = (
    "Enter saves, Tab changes the format, Escape leaves. "
    ".csv: a line a pair. .json: with shape, names and units. An existing file is never overwritten."
)


class SaveScreen(ModalScreen[Path | None]):
    """Returns the path of the file once it is written, or None. Where it cannot be, what was typed stays."""

    DEFAULT_CSS = """
    SaveScreen { align: center middle; background: $background 60%; }
    SaveScreen #dialog { width: 74; max-width: 95%; }
    SaveScreen #why { margin-top: 1; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="save.leave"),
        Binding("tab", "format", "Format", id="save.format", priority=True),
    ]

    def __init__(self, what: str, path: Path, write: Callable[[Path], Awaitable[Path]]) -> None:
        """what: the question. path: is offered. write: writes the file and returns its path, or raises HadesError."""
        super().__init__()
        self._what = what
        self._path = path
        self._write = write
        self._writing = False

    def compose(self) -> ComposeResult:
        """The question, the path, the hint."""
        with Vertical(id="dialog"):
            yield Label(self._what, id="question", markup=False)
            yield Field(str(self._path), id="path", compact=True, select_on_focus=False)
            yield Label(HINT, id="why", markup=False)

    @on(Input.Submitted)
    def choose(self, event: Input.Submitted) -> None:
        """Write the file if its path has a known suffix, else say which there are."""
        path = Path(event.value.strip())
        if path.suffix.lower() not in SUFFIXES or not path.stem:
            self._say(f"The name must end in {' or '.join(SUFFIXES)}.")
        elif not self._writing:
            self._writing = True
            begin(self, partial(self._save, path), "pairs-file")

    async def _save(self, path: Path) -> None:
        try:
            written = await self._write(path)
        except HadesError as error:
            self._say(f"✘ {error}")
        else:
            self.dismiss(written)
        finally:
            self._writing = False

    def _say(self, text: str) -> None:
        self.query_one("#why", Label).update(text)

    def action_format(self) -> None:
        """Change the path to the next suffix."""
        field = self.query_one("#path", Input)
        path = Path(field.value.strip())
        if not path.name:  # no name to change: "", "/", "."
            path = self._path
        at = SUFFIXES.index(path.suffix.lower()) if path.suffix.lower() in SUFFIXES else -1
        field.value = str(path.with_suffix(SUFFIXES[(at + 1) % len(SUFFIXES)]))
        field.cursor_position = len(field.value)
        self._say(HINT)

    def action_leave(self) -> None:
        """Close the dialog without a path; while it writes it stays."""
        if not self._writing:
            self.dismiss(None)
