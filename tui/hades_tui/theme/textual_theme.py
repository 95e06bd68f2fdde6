"""Themes for Textual. Its stylesheets name the same roles, as $ember, $faint and so on."""

from rich.color import ANSI_COLOR_NAMES
from textual.theme import Theme as TextualTheme

from hades_tui.theme.themes import ROLES, Theme

# What Textual's own widgets name where the colours are the terminal's.
_OF_THE_TERMINAL = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "border-blurred": "ansi_default",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_white",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_white",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_white",
    "screen-selection-foreground": "ansi_black",
    "scrollbar": "ansi_white",
    "scrollbar-background": "ansi_default",
}


def css_colour(colour: str) -> str:
    """A colour of a theme as stylesheets and markup call it."""
    if not colour:
        return "ansi_default"
    return f"ansi_{colour}" if colour in ANSI_COLOR_NAMES or colour == "default" else colour


def variables(theme: Theme) -> dict[str, str]:
    """Variables of the stylesheets: all roles but `text`, which Textual defines itself."""
    roles = {role: css_colour(getattr(theme, role)) for role in ROLES if role != "text"}
    footer = {f"footer-{part}": _below(theme) for part in ("background", "item-background")}
    return {**roles, **footer, "footer-key-foreground": roles["ember"], **(_OF_THE_TERMINAL if theme.ansi else {})}


def _below(theme: Theme) -> str:
    """The background. With the terminal's own colours it is unknown, and `ground` (text on a colour) is black."""
    return css_colour("" if theme.ansi else theme.ground)


def textual_name(theme: Theme) -> str:
    """Textual's name of the theme; names such as `dark` are taken by its own themes."""
    return f"hades-{theme.name}"


def textual_theme(theme: Theme) -> TextualTheme:
    """The theme as a Textual theme."""
    return TextualTheme(
        name=textual_name(theme),
        primary=css_colour(theme.ember),
        secondary=css_colour(theme.violet),
        accent=css_colour(theme.gold),
        warning=css_colour(theme.gold),
        error=css_colour(theme.red),
        success=css_colour(theme.green),
        foreground=css_colour(theme.text),
        background=_below(theme),
        surface=css_colour(theme.surface),
        panel=css_colour(theme.panel),
        dark=theme.dark,
        ansi=theme.ansi,
        variables=variables(theme),
    )
