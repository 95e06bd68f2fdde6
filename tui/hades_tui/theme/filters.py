"""Line filters that Textual applies to every line before it goes to the terminal."""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from hades_tui.theme.glyphs import plain


class PrintableOnly(LineFilter):
    """Replaces what cannot be printed: whatever text a widget shows, nothing of it steers the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in printable text, with the same styles."""
        return [
            Segment(text if control or text.isprintable() else printable_cells(text), style, control)
            for text, style, control in segments
        ]


def printable_cells(text: str) -> str:
    """The text without what cannot be printed, as many columns wide as before."""
    return "".join(c if c.isprintable() else (" " if c.isspace() else "?") * cell_len(c) for c in text)


class WithoutColours(LineFilter):
    """Removes all colours, the terminal's default too; bold, dim, underline and reverse stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colours."""
        return [Segment(text, style.without_color if style else style, control) for text, style, control in segments]


class AsciiOnly(LineFilter):
    """Turns all text into ASCII of the same width, borders and scrollbars included."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII, with the same styles."""
        return [Segment(ascii_cells(text), style, control) for text, style, control in segments]


@lru_cache(4096)
def ascii_cells(text: str) -> str:
    """The text in ASCII, as many columns wide as before."""
    if text.isascii():
        return text
    return "".join(plain(character) * cell_len(character) for character in text)


PRINTABLE_ONLY = PrintableOnly()
WITHOUT_COLOURS = WithoutColours()
ASCII_ONLY = AsciiOnly()
