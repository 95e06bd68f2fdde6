"""A note on a run."""

from typing import Any

from textual.app import ComposeResult

from hades_protocol.errors import UsageError
from hades_tui.screens.sending import NotYet, SendingDialog
from hades_tui.widgets.fields import Area

MOST = 2000
"""Characters that the protocol lets a note have."""


class NoteScreen(SendingDialog):
    """A field with the present note; tab leads to the buttons."""

    DEFAULT_CSS = """
    NoteScreen TextArea { height: 7; background: $selected; margin-bottom: 1; }
    """

    def compose(self) -> ComposeResult:
        """Field and buttons."""
        with self.frame():
            yield from self.head()
            yield Area(self.asked.note, id="note", compact=True, soft_wrap=True, show_line_numbers=False)
            yield from self.foot()

    def on_mount(self) -> None:
        """Write at the end of what there is."""
        area = self.query_one(Area)
        area.move_cursor(area.document.end)
        area.focus()

    def _text(self) -> str:
        return self.query_one(Area).text.strip()

    def fields(self) -> dict[str, Any]:
        """The text."""
        text = self._text()
        if len(text) > MOST:
            raise UsageError(f"A note has at most {MOST} characters, this one {len(text)}.")
        if text == self.subject.note:
            raise NotYet("Nothing is changed yet; tab leads to the buttons.")
        return {"text": text}

    def is_edited(self) -> bool:
        """Whether the text is another one than when the dialog opened."""
        return self._text() != self.asked.note

    def on_text_area_changed(self) -> None:
        """Something was typed."""
        self.edited()
