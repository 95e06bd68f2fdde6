"""What the terminal can show."""

import msgspec

from hades_tui.theme.glyphs import UNICODE, Glyphs


class Terminal(msgspec.Struct, frozen=True):
    """What the terminal can show.

    glyphs: the characters for drawing. colours: whether a pixel can have any colour. dark: whether the background is.
    """

    glyphs: Glyphs = UNICODE
    colours: bool = True
    dark: bool = True

    @property
    def has_pixels(self) -> bool:
        """Whether half blocks in colour can be shown; otherwise pictures are made of characters."""
        return self.colours and self.glyphs.braille
