"""Panel titles: Textual reads them as markup, so what comes from outside is escaped."""

from textual.markup import escape

from hades_tui.text.format import Line
from hades_tui.theme.palette import style
from hades_tui.theme.textual_theme import css_colour


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
