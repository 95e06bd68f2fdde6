"""What lies over a curve: levels to compare with, as dotted lines with a label, and markers of evaluations. Pure."""

from collections.abc import Callable, Iterable, Sequence

from hades_protocol.messages import Reference
from hades_tui.plot import Point, Scale
from hades_tui.view import Span, number

MARKER = "◆"
DOTTED = "⠁⠂⠄⡀"
"""One dot a character, in row 0-3 of its four."""

Cells = dict[tuple[int, int], Span]
"""Column and row of a character -> what stands there."""


def lines(references: Sequence[Reference], scale: Scale, rows: int) -> dict[int, str]:
    """Row of characters -> the character that a reference's line is made of, right to a quarter of a row."""
    out = {}
    for reference in references:
        dot = scale.row(reference.value, 4 * rows)
        out[dot >> 2] = DOTTED[dot & 3]
    return out


def markers(points: Iterable[Point], scale: Scale, reach: tuple[float, float], width: int, rows: int) -> Cells:
    """A marker for every point, at most one in a column: the newest."""
    first, last = reach
    newest: dict[int, int] = {}
    for x, y in points:
        column = round((x - first) / ((last - first) or 1.0) * (width - 1))
        newest[min(width - 1, max(0, column))] = scale.row(y, 4 * rows) >> 2
    return dict.fromkeys(newest.items(), (MARKER, "evaluated"))


def labels(
    references: Sequence[Reference], scale: Scale, width: int, rows: int, is_taken: Callable[[int, int], bool]
) -> Cells:
    """Name and level of every reference: at the right edge of its line, or above, below or left where that is free."""
    out: Cells = {}
    for reference in references:
        text = f" {reference.name} {number(reference.value)}"
        if len(text) > width // 2:
            text = text[: width // 2 - 1] + "…"
        row = scale.row(reference.value, 4 * rows) >> 2
        right = width - len(text)
        places = [(right, row), (right, row - 1), (right, row + 1), (0, row)]
        free = (
            (x, y)
            for x, y in places
            if 0 <= y < rows and not any((x + i, y) in out or is_taken(x + i, y) for i in range(len(text)))
        )
        x, y = next(free, places[0])  # without any room it stands over the curve: a level must have its name
        out.update({(x + i, y): (character, "reference") for i, character in enumerate(text)})
    return out
