"""What every HTML page has in common: its templates, and pictures inside of the file."""

import base64
import re

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from hadesd.analysis.pictures import style


def templates() -> jinja2.Environment:
    """The templates of this package; what they are given is escaped, and what they are not given is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("hadesd.analysis.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )


def image(figure: Figure | None) -> Markup | None:
    """A figure as an <img> source: SVG with a clear background, so that the page's own shows."""
    if figure is None:
        return None
    drawn = style.render(figure, "svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = re.sub(rb"<\?xml.*?<svg", b"<svg", drawn, count=1, flags=re.DOTALL)
    return Markup("data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii"))
