"""Panel titles: Textual reads them as markup, so what comes from outside is escaped."""

from textual.markup import escape

from hades_tui.palette import style
from hades_tui.textual_theme import css_colour
from hades_tui.view import Line


def title(text: str) -> str:
    """Plain text as a panel's title."""
    return escape(text)


def title_of(line: Line) -> str:
    """Hued text as a panel's title."""
    out = []
    for text, hue in line:
        look = style(hue)
        words = [word for word, wanted in (("bold", look.bold), ("dim", look.dim), ("reverse", look.reverse)) if wanted]
        words += [css_colour(look.color.name)] if look.color else []
        words += [f"on {css_colour(look.bgcolor.name)}"] if look.bgcolor else []
        out.append(f"[{' '.join(words)}]{escape(text)}[/]" if words else escape(text))
    return "".join(out)
