"""Panel titles: Textual reads them as markup, so what comes from outside is escaped."""

from textual.markup import escape

from hades_tui.palette import style
from hades_tui.view import Line


def title(text: str) -> str:
    """Plain text as a panel's title."""
    return escape(text)


def title_of(line: Line) -> str:
    """Hued text as a panel's title."""
    out = []
    for text, hue in line:
        look = style(hue)
        colour = " ".join(
            part for part in (look.color and look.color.name, look.bgcolor and f"on {look.bgcolor.name}") if part
        )
        out.append(f"[{colour}]{escape(text)}[/]" if colour else escape(text))
    return "".join(out)
