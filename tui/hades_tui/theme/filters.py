"""The last step of every line on its way to the terminal, whatever drew it."""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from hades_tui.theme.glyphs import plain


class WithoutColours(LineFilter):
    """No colour at all, not even the terminal's default: what stays is bold, dim, underlined, reverse."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text."""
        return [Segment(text, style.without_color if style else style, control) for text, style, control in segments]


class AsciiOnly(LineFilter):
    """Borders, scrollbars, names from outside: all of it in ASCII, as wide as before."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same looks."""
        return [Segment(ascii_cells(text), style, control) for text, style, control in segments]


@lru_cache(4096)
def ascii_cells(text: str) -> str:
    """The text in ASCII, as many columns wide as before."""
    if text.isascii():
        return text
    return "".join(plain(character) * cell_len(character) for character in text)


WITHOUT_COLOURS = WithoutColours()
ASCII_ONLY = AsciiOnly()
