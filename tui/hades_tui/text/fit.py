"""Fit text into a number of columns; a cut is marked with an ellipsis. Pure."""

from collections.abc import Iterator

from rich.cells import cell_len

from hades_tui.text.format import Line

ELLIPSIS = "…"


def clean(text: str) -> str:
    """The text on one line, without control characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def length(line: Line) -> int:
    """Columns that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def head(text: str, width: int) -> str:
    """The longest beginning of a text that takes at most so many columns."""
    if text.isascii():
        return text[: max(0, width)]
    used = 0
    for i, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:i]
    return text


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis where it is cut."""
    if cell_len(text) <= width:
        return text
    return head(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def abridged(name: str, width: int) -> str:
    """A name in at most `width` columns, cut in the middle: both ends tell names apart."""
    if cell_len(name) <= width or width < 5:
        return shortened(name, width)
    first = head(name, (width - 1) // 3)
    last = head(name[::-1], width - 1 - cell_len(first))[::-1]
    return first + ELLIPSIS + last


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` columns, cut or padded."""
    text = shortened(text, width)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def fitted(line: Line, width: int) -> Line:
    """The line in at most `width` columns, with an ellipsis where it is cut."""
    if length(line) <= width:
        return line
    out: Line = []
    room = width - 1
    for text, hue in line:
        piece = head(text, room)
        room -= cell_len(piece)
        out.append((piece, hue))
        if piece != text:
            return [*out, (ELLIPSIS, hue)] if width > 0 else []
    return out


def centred(lines: list[Line], width: int, height: int) -> list[Line]:
    """The lines in the middle of `width` columns and `height` rows, at most `height` lines."""
    above = max(0, (height - len(lines)) // 2)
    out: list[Line] = [[] for _ in range(above)]
    for line in lines:
        length = sum(len(text) for text, _ in line)
        out.append([(" " * max(0, (width - length) // 2), "text"), *line])
    return out[: max(0, height)]


def wrapped(text: str, width: int, first: int = 0) -> Iterator[str]:
    """Yield the text in pieces of at most `width` columns (the first at most `first`), broken at spaces if possible.

    Only spaces at a break are lost. Widths below 2 count as 2, since a character may need two columns.
    """
    width = max(2, width)
    room = max(2, first) if first else width
    while cell_len(text) > room:
        piece = head(text, room)
        if text[len(piece)] != " " and (space := piece.rfind(" ")) > room // 3:
            piece = piece[:space]
        yield piece.rstrip()
        text = text[len(piece) :].lstrip(" ")
        room = width
    yield text
