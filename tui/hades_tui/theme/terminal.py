"""What a terminal can show of a picture."""

import msgspec

from hades_tui.theme.glyphs import UNICODE, Glyphs


class Look(msgspec.Struct, frozen=True):
    """glyphs: the characters that pictures are made of. colours: whether pixels can have any colour. dark: the ground
    is.
    """

    glyphs: Glyphs = UNICODE
    colours: bool = True
    dark: bool = True

    @property
    def has_pixels(self) -> bool:
        """Whether half blocks in colour can be shown; otherwise pictures are made of characters."""
        return self.colours and self.glyphs.braille
