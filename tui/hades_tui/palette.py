"""Names of hues -> colours. All but one are of xterm's 256, so that tmux and old terminals show them unchanged."""

from functools import cache

from rich.style import Style
from textual.theme import Theme

EMBER = "#ff875f"  # 209
GOLD = "#ffd75f"  # 221
VIOLET = "#af87ff"  # 141
GREEN = "#87d75f"  # 113
BLUE = "#5fafff"  # 75
CYAN = "#5fd7d7"  # 80
RED = "#ff5f5f"  # 203
ORANGE = "#ffaf5f"  # 215
GREY = "#9e9e9e"  # 247
DIM = "#808080"  # 244
FAINT = "#4e4e4e"  # 239
GRID = "#303030"  # 236
TEXT = "#dadada"  # 253
GROUND = "#121212"  # 233
SELECTED = "#303030"  # 236
BAND = "#3d2a20"  # where there are only 256 colours: a dark grey

_STYLES: dict[str, Style] = {
    "text": Style(color=TEXT),
    "bold": Style(color=TEXT, bold=True),
    "title": Style(color=EMBER, bold=True),
    "ember": Style(color=EMBER),
    "gold": Style(color=GOLD),
    "dim": Style(color=DIM),
    "faint": Style(color=FAINT),
    "grid": Style(color=GRID),
    "bar": Style(color=EMBER),
    "bad": Style(color=RED, bold=True),
    "warn": Style(color=GOLD),
    "heading": Style(color=GREY, bold=True),
    "mean": Style(color=EMBER, bold=True),
    "best": Style(color=VIOLET),
    "ever": Style(color=CYAN),
    "band": Style(color=BAND),
    "band.full": Style(bgcolor=BAND),
    "band.inverse": Style(color=GROUND, bgcolor=BAND),
    "mean.band": Style(color=EMBER, bgcolor=BAND, bold=True),
    "best.band": Style(color=VIOLET, bgcolor=BAND),
    "evaluated": Style(color=GREEN, bold=True),
    "evaluated.band": Style(color=GREEN, bgcolor=BAND, bold=True),
    "reference": Style(color=DIM),
    "reference.band": Style(color=DIM, bgcolor=BAND),
    "selected": Style(bgcolor=SELECTED),
    "badge": Style(color=GROUND, bgcolor=EMBER, bold=True),
    "badge.readonly": Style(color=GROUND, bgcolor=GOLD, bold=True),
    "label": Style(color=GOLD, bold=True),
    "link.connecting": Style(color=GREY),
    "link.live": Style(color=GREEN, bold=True),
    "link.resyncing": Style(color=BLUE, bold=True),
    "link.stale": Style(color=GROUND, bgcolor=GOLD, bold=True),
    "link.mismatch": Style(color=GROUND, bgcolor=RED, bold=True),
    "state.queued": Style(color=GREY),
    "state.starting": Style(color=BLUE),
    "state.running": Style(color=GREEN),
    "state.pausing": Style(color=GOLD),
    "state.paused": Style(color=GOLD),
    "state.stopping": Style(color=ORANGE),
    "state.backoff": Style(color=ORANGE),
    "state.cancelling": Style(color=ORANGE),
    "state.finished": Style(color=CYAN),
    "state.failed": Style(color=RED, bold=True),
    "state.cancelled": Style(color=DIM),
}

WARM = ("#8a8a8a", "#af875f", "#d7875f", "#ff875f", "#ff5f5f")  # 245 137 173 209 203
COLD = ("#8a8a8a", "#5f87af", "#5f87d7", "#5fafff", "#5fd7ff")  # 245 67 68 75 81
"""Hues of a value by its size: warm above zero, cold below."""


@cache
def style(name: str) -> Style:
    """The style of a hue's name; `heat+2` and `heat-4` are sizes of a value."""
    if name.startswith("heat"):
        level = int(name[4:])
        return Style(color=(WARM if level >= 0 else COLD)[abs(level)])
    return _STYLES[name]


THEME = Theme(
    name="hades",
    primary=EMBER,
    secondary=VIOLET,
    accent=GOLD,
    warning=GOLD,
    error=RED,
    success=GREEN,
    foreground=TEXT,
    background=GROUND,
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={"footer-key-foreground": EMBER, "footer-background": GROUND, "footer-item-background": GROUND},
)
