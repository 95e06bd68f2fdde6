"""The line below a curve: how it is viewed and what its hues mean. Pure."""

from collections.abc import Sequence

from hades_protocol.messages import Mark
from hades_tui.curve.picture import SIGNS, Picture
from hades_tui.curve.quantity import Quantity, named
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Viewport
from hades_tui.curve.xaxis import label
from hades_tui.text.fit import length
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import UNICODE, Glyphs, pictured

GAP = " · "
LINES = 2
"""Names that come before the signs of marks where there is little room: those of mean and best."""


def legend(
    logarithmic: bool,
    colours: bool = True,
    evaluated: bool = False,
    marks: Sequence[Mark] = (),
    *,
    view: Viewport | None = None,
    picture: Picture | None = None,
    missing: int = 0,
    width: int = 1000,
    glyphs: Glyphs = UNICODE,
) -> Line:
    """What differs from the default view, then the names of the lines; without hues, from top to bottom.

    evaluated: whether there are evaluations of the mean dataset. missing: number of points whose x is not known.
    References have their names in the picture. Where the width does not suffice, names are shorter and
    signs of marks come before all names but those of mean and best; parts that do not fit then are left out.
    """
    view_notes = _view_notes(view or Viewport(logarithmic=logarithmic), picture, missing)
    kinds = dict.fromkeys(mark.kind for mark in marks if mark.kind in SIGNS)
    signs: list[Line] = [[(f"{SIGNS[kind]} {kind}", "gold")] for kind in kinds]
    quantity = view.quantity if view is not None else Quantity.FITNESS
    names = (
        _line_names(colours, evaluated, glyphs) if quantity is Quantity.FITNESS else _name(quantity, colours, glyphs)
    )
    pieces = [*view_notes, *names, *signs]
    if sum(length(piece) + len(GAP) for piece in pieces) - len(GAP) > width:
        short = [[(text.replace(" of generation", "").replace(" mean ±", " ±"), hue) for text, hue in x] for x in names]
        pieces = [*view_notes, *short[:LINES], *signs, *short[LINES:]]
    line: Line = []
    for piece in pieces:
        gap: Line = [(GAP, "dim")] if line else []
        if length(line) + length(gap) + length(piece) <= width:
            line += gap + piece
    return [(pictured(text, glyphs), hue) for text, hue in line]


def _view_notes(view: Viewport, picture: Picture | None, missing: int) -> list[Line]:
    """How the view differs from the default."""
    notes = []
    if view.smoothing:
        notes.append(f"median of {SMOOTHINGS[view.smoothing]} columns, dots: lowest and highest")
    if view.logarithmic:
        notes.append("log")
    if view.axis is not Axis.GENERATION:
        notes.append(f"by {view.axis.value}" + (" since the first commit" if view.axis is Axis.TIME else ""))
    if missing:
        notes.append(f"{missing} without a known place")
    if view.reach is not None and picture is not None and picture.lines:
        step = (picture.high - picture.low) / max(1, picture.width)
        low, high = (label(view.axis, x, step) for x in (picture.low, picture.high))
        notes.append(f"{low} to {high}" + (", following" if view.following else ""))
    return [[(note, "gold")] for note in notes]


def _name(quantity: Quantity, colours: bool, glyphs: Glyphs) -> list[Line]:
    """The name of a line that is not the fitness, and of the band around evaluations."""
    line: Line = [(f"{glyphs.stroke if glyphs.braille else glyphs.mean} {named(quantity)}", "mean")]
    band: Line = [("█", "band"), (" ± standard error", "dim")] if colours else [("± standard error", "dim")]
    return [line, band] if quantity is Quantity.EVALUATED else [line]


def _line_names(colours: bool, evaluated: bool, glyphs: Glyphs) -> list[Line]:
    """The names of the lines in their hues."""
    marker: list[Line] = [[(f"{glyphs.marker} mean dataset", "evaluated")]] if evaluated else []
    if not colours and glyphs.braille:
        return [[("best of generation · mean + std · mean · mean - std", "dim")], *marker]
    if not glyphs.braille:
        lines: list[Line] = [[(f"{glyphs.mean} mean", "mean")], [(f"{glyphs.best} best of generation", "best")]]
        band: Line = [("shade: " if colours else f"{glyphs.edge} ", "dim"), ("mean + and - std", "dim")]
        return [*lines, *marker, band]
    stroke = glyphs.stroke
    return [
        [(f"{stroke} mean", "mean")],
        [(f"{stroke} best of generation", "best")],
        *marker,
        [("█", "band"), (" mean ± std", "dim")],
    ]
