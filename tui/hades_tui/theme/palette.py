"""Names of hues -> styles of the chosen theme. A new hue is one line in HUES and has a style in every theme.

Lines hold hues, not styles, so that another theme needs no other lines. A cache of styles (strips, titles with
markup) has `generation()` in its key.
"""

from rich.style import Style

from hades_tui.theme.glyphs import UNICODE, Glyphs
from hades_tui.theme.terminal import Terminal
from hades_tui.theme.themes import DARK, Theme

HUES: dict[str, str] = {
    "": "",
    "text": "text",
    "bold": "bold text",
    "title": "bold ember",
    "ember": "ember",
    "gold": "gold",
    "grey": "grey",
    "dim": "dim",
    "faint": "faint",
    "grid": "grid",
    "bar": "ember",
    "bad": "bold red",
    "warn": "gold",
    "heading": "bold grey",
    "mean": "bold ember",
    "best": "violet",
    "ever": "cyan",
    "band": "band",
    "band.full": "on band",
    "band.inverse": "ground on band",
    "mean.band": "bold ember on band",
    "best.band": "violet on band",
    "evaluated": "bold green",
    "evaluated.band": "bold green on band",
    "reference": "dim",
    "reference.band": "dim on band",
    "run1": "blue",
    "run1.band": "blue on band",
    "run2": "cyan",
    "run2.band": "cyan on band",
    "run3": "gold",
    "run3.band": "gold on band",
    "run4": "red",
    "run4.band": "red on band",
    "run5": "green",
    "run5.band": "green on band",
    "run6": "orange",
    "run6.band": "orange on band",
    "parent": "grey",
    "parent.band": "grey on band",
    "raw": "dim",
    "raw.band": "dim on band",
    "cursor": "text",
    "cursor.band": "text on band",
    "selected": "on selected",
    "badge": "bold ground on ember",
    "badge.readonly": "bold ground on gold",
    "label": "bold gold",
    "link.connecting": "grey",
    "link.live": "bold green",
    "link.resyncing": "bold blue",
    "link.stale": "bold ground on gold",
    "link.mismatch": "bold ground on red",
    "state.queued": "grey",
    "state.starting": "blue",
    "state.running": "green",
    "state.pausing": "gold",
    "state.paused": "gold",
    "state.stopping": "orange",
    "state.backoff": "orange",
    "state.cancelling": "orange",
    "state.finished": "cyan",
    "state.failed": "bold red",
    "state.cancelled": "dim",
}
"""Hue -> its roles in a theme: `[bold] [role] [on role]`. `heat+2` and `heat-4`, sizes of a value, are hues as well."""

MOST_HEAT = 4
DIMMED = ("dim", "faint", "grid", "band")
"""Roles drawn dim where a theme has no greys."""


class _Chosen:
    """Theme and glyphs of this process, and the cached styles."""

    theme: Theme = DARK
    glyphs: Glyphs = UNICODE
    generation: int = 0
    styles: dict[str, Style] = {}  # noqa: RUF012 - one process, one screen, one theme


def choose(theme: Theme) -> None:
    """Set the theme that `style` uses."""
    _Chosen.theme, _Chosen.styles = theme, {}
    _Chosen.generation += 1


def chosen() -> Theme:
    """The theme in force."""
    return _Chosen.theme


def generation() -> int:
    """A number that changes with theme and glyphs; it belongs into the key of every cache of styles."""
    return _Chosen.generation


def use_glyphs(glyphs: Glyphs) -> None:
    """Set the characters for drawing."""
    _Chosen.glyphs = glyphs
    _Chosen.generation += 1


def terminal() -> Terminal:
    """What the terminal can show, with the chosen theme and glyphs."""
    theme = _Chosen.theme
    any_colour = theme.colours and not theme.ansi  # sixteen colours are too few for pixels
    return Terminal(glyphs=_Chosen.glyphs, colours=any_colour, dark=theme.dark)


def shades() -> bool:
    """Whether the theme can shade an area behind text; otherwise its edges are drawn."""
    return bool(_Chosen.theme.band)


def style(name: str) -> Style:
    """The style of a hue in the chosen theme.

    Raises:
        KeyError: there is no such hue.
    """
    known = _Chosen.styles.get(name)
    if known is None:
        known = _Chosen.styles[name] = style_in(_Chosen.theme, name)
    return known


def style_in(theme: Theme, name: str) -> Style:
    """The style of a hue in a theme; `px:ff875f:121212` is the upper and lower pixel of a half block."""
    if name.startswith("px:"):
        _, upper, lower = name.split(":")
        return Style(color=f"#{upper}", bgcolor=f"#{lower}" if lower else None)
    if name.startswith("heat"):
        level = int(name[4:])
        colour = (theme.warm if name[4] == "+" else theme.cold)[abs(level)]
        return Style(color=colour or None, bold=(not theme.colours and abs(level) == MOST_HEAT) or None)
    foreground, _, below = HUES[name].partition("on ")
    *attributes, role = foreground.split() or [""]
    bold = "bold" in attributes or None
    if not theme.colours:
        return Style(bold=bold, dim=role in DIMMED or None, reverse=bool(below) or None)
    if theme.ansi and below == "selected":  # no colour of the sixteen lies well below the others
        return Style(color="default", bgcolor="default", reverse=True)
    dim = (theme.ansi and role in DIMMED) or None
    return Style(color=_colour(theme, role), bgcolor=_colour(theme, below), bold=bold, dim=dim)


def _colour(theme: Theme, role: str) -> str | None:
    return getattr(theme, role) or None if role else None
