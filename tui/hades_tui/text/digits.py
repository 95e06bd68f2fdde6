"""Numbers in large type, in several sizes. Pure."""

from hades_tui.theme.glyphs import UNICODE, Glyphs

GLYPHS = {
    "0": "### #.# #.# #.# ###",
    "1": ".#. ##. .#. .#. ###",
    "2": "### ..# ### #.. ###",
    "3": "### ..# .## ..# ###",
    "4": "#.# #.# ### ..# ..#",
    "5": "### #.. ### ..# ###",
    "6": "### #.. ### #.# ###",
    "7": "### ..# ..# .#. .#.",
    "8": "### #.# ### #.# ###",
    "9": "### #.# ### ..# ###",
    "-": "... ... ### ... ...",
    "–": "... ... ### ... ...",
    ".": ". . . . #",
    "k": "#.. #.# ##. #.# #.#",
    "M": "#.# ### ### #.# #.#",
    "e": "... ### #.# ##. ###",
    "∞": "..... ##.## #.#.# ##.## .....",
    " ": ". . . . .",
}
"""Five rows of pixels each; at the smallest size two rows of pixels make a row of text."""

PIXELS = 5
HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
ROWS = (3, 5, 10, 15)
"""Possible heights of large numbers, in rows of text."""


def big(text: str) -> tuple[str, str, str]:
    """Three lines that show the text large. A character without a glyph is left out."""
    lines = ["", "", ""]
    for character in text:
        if character not in GLYPHS:
            continue
        rows = [*GLYPHS[character].split(), "." * len(GLYPHS[character].split()[0])]
        for i in range(3):
            upper, lower = rows[2 * i], rows[2 * i + 1]
            lines[i] += "".join(HALVES[u == "#", v == "#"] for u, v in zip(upper, lower, strict=False)) + " "
    return lines[0], lines[1], lines[2]


def large(text: str, rows: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Lines of one width that show the text large. A character without a glyph is left out.

    rows: one of ROWS. Without Unicode there are no half blocks: the smallest size then is the text itself, one line.
    """
    if rows < PIXELS:
        return [line[:-1] for line in big(text)] if glyphs.braille else [text]
    scale = rows // PIXELS
    ink = "█" if glyphs.braille else "#"
    known = [GLYPHS[character].split() for character in text if character in GLYPHS]
    lines = []
    for y in range(PIXELS):
        dots = ".".join(picture[y] for picture in known)
        line = "".join((ink if dot == "#" else " ") * (2 * scale) for dot in dots)
        lines += [line] * scale
    return lines
