"""Numbers of three rows' height, out of half blocks. Pure."""

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
    " ": ". . . . .",
}
"""Five rows of pixels; two rows of pixels make a row of text."""

HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def big(text: str) -> tuple[str, str, str]:
    """Three lines that show the text large; a character without a picture is left out."""
    lines = ["", "", ""]
    for character in text:
        if character not in GLYPHS:
            continue
        rows = [*GLYPHS[character].split(), "." * 3]
        for i in range(3):
            upper, lower = rows[2 * i], rows[2 * i + 1]
            lines[i] += "".join(HALVES[u == "#", v == "#"] for u, v in zip(upper, lower, strict=False)) + " "
    return lines[0], lines[1], lines[2]
