"""Text made to fit a number of columns: nothing is cut off without a sign. Pure."""

from collections.abc import Iterator

from rich.cells import cell_len

from hades_tui.text.format import Line

ELLIPSIS = "…"


def clean(text: str) -> str:
    """Text from outside on one line, without characters that a terminal would obey."""
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
    """The beginning of a text, and a sign where there is more."""
    if cell_len(text) <= width:
        return text
    return head(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def abridged(name: str, width: int) -> str:
    """A name without its middle: both ends tell more than one."""
    if cell_len(name) <= width or width < 5:
        return shortened(name, width)
    first = head(name, (width - 1) // 3)
    last = head(name[::-1], width - 1 - cell_len(first))[::-1]
    return first + ELLIPSIS + last


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text of exactly so many columns."""
    text = shortened(text, width)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def fitted(line: Line, width: int) -> Line:
    """A line of at most so many columns."""
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


def wrapped(text: str, width: int, first: int = 0) -> Iterator[str]:
    """A text in pieces of at most so many columns, the first of at most `first`; broken at spaces where there are any.

    No character is lost but spaces at a break. Fewer than two columns do not do: a character may need as many.
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
