"""The themes as tables of colours by role; which hue has which role says hades_tui.palette. Pure."""

from collections.abc import Mapping

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.settings import nearest

Ramp = tuple[str, str, str, str, str]
NO_RAMP: Ramp = ("", "", "", "", "")


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """Colours are `#rrggbb`, names of the terminal's own (`red`, `bright_blue`), or empty: as the terminal has it.

    dark: the ground is. ansi: the sixteen colours of the terminal, on its own ground. colours: there are any.
    safe_for: kinds of colour blindness for which everything that must be told apart can be; tests/tui/test_themes.py.
    ground is below everything, surface below dialogs; faint and grid are lines, the other roles text, but for
    selected and band, which lie below text. warm and cold: a value by its size, above and below zero.
    """

    name: str
    about: str
    dark: bool = True
    ansi: bool = False
    colours: bool = True
    safe_for: tuple[str, ...] = ()

    ground: str = ""
    surface: str = ""
    panel: str = ""
    selected: str = ""
    band: str = ""
    text: str = ""
    grey: str = ""
    dim: str = ""
    faint: str = ""
    grid: str = ""
    ember: str = ""
    gold: str = ""
    violet: str = ""
    green: str = ""
    blue: str = ""
    cyan: str = ""
    red: str = ""
    orange: str = ""
    warm: Ramp = NO_RAMP
    cold: Ramp = NO_RAMP


ROLES = (
    *("ground", "surface", "panel", "selected", "band", "text", "grey", "dim", "faint", "grid"),
    *("ember", "gold", "violet", "green", "blue", "cyan", "red", "orange"),
)

# All but the band are of xterm's 256, so that tmux and old terminals show them unchanged; there it is a dark grey.
DARK = Theme(
    name="dark",
    about="embers on black, the default",
    ground="#121212",  # 233
    surface="#1c1c1c",
    panel="#262626",
    selected="#303030",  # 236
    band="#3d2a20",
    text="#dadada",  # 253
    grey="#9e9e9e",  # 247
    dim="#808080",  # 244
    faint="#4e4e4e",  # 239
    grid="#303030",  # 236
    ember="#ff875f",  # 209
    gold="#ffd75f",  # 221
    violet="#af87ff",  # 141
    green="#87d75f",  # 113
    blue="#5fafff",  # 75
    cyan="#5fd7d7",  # 80
    red="#ff5f5f",  # 203
    orange="#ffaf5f",  # 215
    warm=("#8a8a8a", "#af875f", "#d7875f", "#ff875f", "#ff5f5f"),  # 245 137 173 209 203
    cold=("#8a8a8a", "#5f87af", "#5f87d7", "#5fafff", "#5fd7ff"),  # 245 67 68 75 81
)

MONO = Theme(
    name="mono",
    about="no colours: bold, dim and reverse alone (also with NO_COLOR)",
    ansi=True,
    colours=False,
)

THEMES: dict[str, Theme] = {theme.name: theme for theme in (DARK, MONO)}


def theme_named(name: str) -> Theme:
    """The theme of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in THEMES:
        raise UsageError(f"there is no theme '{name}'; {nearest(name, THEMES)}")
    return THEMES[name]


def default_theme(environ: Mapping[str, str]) -> Theme:
    """The theme where nobody has said which: none of the colours with NO_COLOR (no-color.org)."""
    return MONO if environ.get("NO_COLOR") else DARK
