"""Titles of panels. Textual reads them as markup, so texts are escaped."""

from textual.markup import escape

from hades_tui.text.format import Line
from hades_tui.theme.palette import style
from hades_tui.theme.textual_theme import css_colour


def title(text: str) -> str:
    """Plain text as markup of a panel's title."""
    return escape(text)


def title_of(line: Line) -> str:
    """A line with hues as markup of a panel's title."""
    out = []
    for text, hue in line:
        rich_style = style(hue)
        attributes = [
            name
            for name, wanted in (("bold", rich_style.bold), ("dim", rich_style.dim), ("reverse", rich_style.reverse))
            if wanted
        ]
        attributes += [css_colour(rich_style.color.name)] if rich_style.color else []
        attributes += [f"on {css_colour(rich_style.bgcolor.name)}"] if rich_style.bgcolor else []
        out.append(f"[{' '.join(attributes)}]{escape(text)}[/]" if attributes else escape(text))
    return "".join(out)
