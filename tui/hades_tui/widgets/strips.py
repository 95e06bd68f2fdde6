"""Lines of named hues -> Textual strips."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hades_tui.text.fit import clean
from hades_tui.text.format import Line
from hades_tui.theme.palette import style


def strip_of(line: Line, width: int, base: Style, over: Style | None = None) -> Strip:
    """One line of exactly `width` cells, without control characters.

    `base` lies under the hues, `over` above them.
    """
    styles = ((text, base + style(hue) + over if over else base + style(hue)) for text, hue in line if text)
    segments = [Segment(clean(text), segment_style) for text, segment_style in styles]
    return Strip(segments).adjust_cell_length(width, base + over if over else base)
