"""The last step of every line on its way to the terminal."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class WithoutColours(LineFilter):
    """No colour at all, not even the terminal's default: what stays is bold, dim, underlined, reverse."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text."""
        return [Segment(text, style.without_color if style else style, control) for text, style, control in segments]


WITHOUT_COLOURS = WithoutColours()
