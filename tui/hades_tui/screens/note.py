"""The dialog that edits the note of a run."""

from typing import Any

from textual.app import ComposeResult

from hades_protocol.errors import UsageError
from hades_tui.screens.sending import NotYet, SendingDialog
from hades_tui.widgets.fields import Area

MOST = 2000
"""Most characters of a note in the protocol."""


class NoteScreen(SendingDialog):
    """A text field that begins with the present note."""

    DEFAULT_CSS = """
    NoteScreen TextArea { height: 7; background: $selected; margin-bottom: 1; }
    """

    def compose(self) -> ComposeResult:
        """The text field and the buttons."""
        with self.frame():
            yield from self.head()
            yield Area(self.asked.note, id="note", compact=True, soft_wrap=True, show_line_numbers=False)
            yield from self.foot()

    def on_mount(self) -> None:
        """Put the cursor at the end of the present note."""
        area = self.query_one(Area)
        area.move_cursor(area.document.end)
        area.focus()

    def _text(self) -> str:
        return self.query_one(Area).text.strip()

    def fields(self) -> dict[str, Any]:
        """The text of the note."""
        text = self._text()
        if len(text) > MOST:
            raise UsageError(f"A note has at most {MOST} characters, this one {len(text)}.")
        if text == self.subject.note:
            raise NotYet("Nothing is changed yet; tab leads to the buttons.")
        return {"text": text}

    def is_edited(self) -> bool:
        """Whether the text differs from the note at the opening."""
        return self._text() != self.asked.note

    def on_text_area_changed(self) -> None:
        """Discard an earlier refusal when the text changes."""
        self.edited()
