"""Lines of named hues -> Textual strips."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hades_tui.palette import style
from hades_tui.view import Line


def strip_of(line: Line, width: int, base: Style, over: Style | None = None) -> Strip:
    """One line of exactly `width` cells. `base` lies under the hues, `over` above them."""
    segments = [Segment(text, base + style(hue) + over if over else base + style(hue)) for text, hue in line if text]
    return Strip(segments).adjust_cell_length(width, base + over if over else base)
