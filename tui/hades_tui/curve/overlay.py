"""Drawn over a curve: references, markers of evaluations, signs of compared runs. Pure."""

from collections.abc import Callable, Iterable, Sequence

from hades_protocol.messages import Reference
from hades_tui.canvas.braille import Columns, Scale, column_of
from hades_tui.canvas.cells import Cells
from hades_tui.text.format import number
from hades_tui.theme.glyphs import UNICODE, Glyphs, pictured


def lines(references: Sequence[Reference], scale: Scale, rows: int, glyphs: Glyphs = UNICODE) -> dict[int, str]:
    """Row -> the character for the dotted line of a reference, which is exact to a quarter of a row."""
    out = {}
    for reference in references:
        dot = scale.row(reference.value, 4 * rows)
        out[dot >> 2] = glyphs.dotted[dot & 3]
    return out


def markers(
    points: Iterable[tuple[float, float]],
    scale: Scale,
    reach: tuple[float, float],
    width: int,
    rows: int,
    glyphs: Glyphs = UNICODE,
) -> Cells:
    """Markers of the points, at most one in a column: the newest. reach: lowest and highest visible x."""
    newest: dict[int, int] = {}
    for x, y in points:
        column = column_of(x, *reach, width)
        newest[min(width - 1, max(0, column))] = scale.cell(y, rows)
    return dict.fromkeys(newest.items(), (glyphs.marker, "evaluated"))


def labels(
    references: Sequence[Reference],
    scale: Scale,
    width: int,
    rows: int,
    is_taken: Callable[[int, int], bool],
    glyphs: Glyphs = UNICODE,
    text: Callable[[float], str] = number,
) -> Cells:
    """Name and level of every reference at the right end of its line; above, below or left where that is taken.

    text: how a level is written, as the y-axis writes its labels.
    """
    out: Cells = {}
    for reference in references:
        name = pictured(f" {reference.name} {text(reference.value)}", glyphs)
        if len(name) > width // 2:
            name = name[: width // 2 - 1] + glyphs.ellipsis
        row = scale.cell(reference.value, rows)
        right = width - len(name)
        places = [(right, row), (right, row - 1), (right, row + 1), (0, row)]
        free = (
            (x, y)
            for x, y in places
            if 0 <= y < rows and not any((x + i, y) in out or is_taken(x + i, y) for i in range(len(name)))
        )
        x, y = next(free, places[0])  # without room it covers the curve: a level needs its name
        out.update({(x + i, y): (character, "reference") for i, character in enumerate(name)})
    return out


def sign(data: Columns, across: int, scale: Scale, rows: int, character: str, hue: str) -> Cells:
    """The sign of a run at the end of its line; empty where no point of it is visible."""
    ends = [(x, column.last) for x, column in enumerate(data) if column is not None]
    if not ends:
        return {}
    x, y = ends[-1]
    return {(x // across, scale.cell(y, rows)): (character, hue)}
