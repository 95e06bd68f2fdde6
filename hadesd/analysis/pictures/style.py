"""The one look of every picture this program draws: size, type, colours, files.

No pyplot: a Figure of its own has no window, no global state and no backend to choose. Colours are Okabe and Ito's
(2008), which readers with any common colour blindness tell apart; wherever colour carries meaning, marker or
label carries it too.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import rcsetup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter

from hades_protocol.errors import UsageError
from hades_protocol.terminal import printable
from hadesd.spec.user_files import as_argument
from hadesd.storage.atomic import write_outputs

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, BLACK, GREY = "#56B4E9", "#E69F00", "#000000", "#6E6E6E"

PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Colours in the order in which a plot takes them; yellow is not among them: lines of it vanish on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""As long as PALETTE and taken in step with it."""

METHODS: dict[str, tuple[str, str, str]] = {
    "hades-r": ("HaDES-R", BLUE, "o"),
    "hades-f": ("HaDES-F", VERMILLION, "s"),
    "es": ("direct ES", GREEN, "^"),
}
"""Method -> its name in print, its colour and its marker: the same in every picture."""

SUFFIXES = (".png", ".svg")
DPI = 160

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.formatter.useoffset": False,
    "axes.prop_cycle": rcsetup.cycler(color=PALETTE),
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # letters as outlines: no viewer has to own the font
    "svg.hashsalt": "hades",  # without it every file has other ids
}


def figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, in the shared style, whose layout fits itself to its labels.

    The style is set in matplotlib's rcParams, since axes read them when the caller adds them later.
    """
    mpl.rcParams.update(STYLE)
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def line_style(index: int) -> tuple[str, str]:
    """Colour and marker of the index-th thing in a picture, from 0; they repeat after seven."""
    return PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]


def band(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    marker: str,
    label: str,
) -> None:
    """A line with markers through (x, y), and a pale band from low to high behind it."""
    axes.plot(x, y, color=colour, marker=marker, label=label, zorder=3)
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)


def check_path(path: Path) -> None:
    """Refuse a file name that `save` could not write, before anything is computed for it.

    Raises:
        UsageError: another suffix than .png or .svg, or no such directory.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path}: pictures are .png or .svg files, e.g. -o {as_argument((path.stem or 'picture') + '.svg')}"
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}; make it, or choose another place")


def render(drawn: Figure, kind: str, **options: Any) -> bytes:
    """A figure as the content of a file. kind: "png" or "svg"; options: of savefig.

    Names in it come from files of other people: they are shown as they are, less what cannot be printed.
    """
    for text in drawn.findobj(Text):
        text.set_text(printable(text.get_text()))
        text.set_parse_math(False)
    for axis in (axis for axes in drawn.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FixedFormatter):
            formatter.seq = [printable(str(label)) for label in formatter.seq]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box is drawn
        drawn.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def save(drawn: Figure, path: Path) -> None:
    """Write a figure as .png or .svg, whole or not at all. The same figure gives the same bytes.

    Raises:
        UsageError: another suffix, or the file cannot be written.
    """
    check_path(path)
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    try:
        write_outputs({path: render(drawn, kind, metadata=metadata)})
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
