"""The themes as tables of colours by role. hades_tui.theme.palette maps hues to roles. Pure."""

from collections.abc import Mapping

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.settings import nearest

Ramp = tuple[str, str, str, str, str]
NO_RAMP: Ramp = ("", "", "", "", "")


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """Colours are `#rrggbb`, names of the terminal's own (`red`, `bright_blue`), or empty: as the terminal has it.

    dark: whether the background is. ansi: the terminal's sixteen colours on its own background. colours: whether there
    are any. safe_for: kinds of colour blindness for which all colours with a meaning can be distinguished
    (test_themes.py). ground is the background, surface that of dialogs; faint and grid are lines; selected and band
    lie below text; the other roles are text. warm and cold: colours of a value by its size, above and below zero.
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

# All are of xterm's 256, so that tmux and old terminals show them unchanged: the band is grey, as none is a dark brown.
DARK = Theme(
    name="dark",
    about="embers on black, the default",
    ground="#121212",  # 233
    surface="#1c1c1c",
    panel="#262626",
    selected="#303030",  # 236
    band="#303030",  # 236
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

LIGHT = Theme(
    name="light",
    about="for paper-white terminals",
    dark=False,
    ground="#ffffff",  # 231
    surface="#eeeeee",
    panel="#e4e4e4",
    selected="#e4e4e4",  # 254
    band="#ffd7af",  # 223
    text="#262626",  # 235
    grey="#585858",  # 240
    dim="#6c6c6c",  # 242
    faint="#b2b2b2",  # 249
    grid="#dadada",  # 253
    ember="#af5f00",  # 130
    gold="#5f5f00",  # 58
    violet="#87005f",  # 89
    green="#008700",  # 28
    blue="#005fff",  # 27
    cyan="#005f5f",  # 23
    red="#d70000",  # 160
    orange="#af5f00",  # 130
    warm=("#767676", "#87875f", "#af5f00", "#d75f00", "#d70000"),  # 243 101 130 166 160
    cold=("#767676", "#5f87af", "#0087af", "#005fd7", "#0000d7"),  # 243 67 31 26 20
)

# Red and green look alike, yellow and blue do not: hues differ in lightness and from yellow to blue (Okabe and Ito).
DEUTAN = Theme(
    name="deutan",
    about="dark, for deuteranopia and protanopia (red and green look alike)",
    safe_for=("deuteranopia", "protanopia"),
    ground="#121212",
    surface="#1c1c1c",
    panel="#262626",
    selected="#303030",
    band="#303030",
    text="#dadada",
    grey="#9e9e9e",
    dim="#808080",
    faint="#4e4e4e",
    grid="#303030",
    ember="#ffaf00",  # 214
    gold="#ffff5f",  # 227
    violet="#af5fd7",  # 134
    green="#afffd7",  # 158
    blue="#5f87d7",  # 68
    cyan="#87d7ff",  # 117
    red="#d75f5f",  # 167
    orange="#d7af5f",  # 179
    warm=("#8a8a8a", "#af875f", "#d7af5f", "#ffd75f", "#ffff5f"),  # 245 137 179 221 227
    cold=("#8a8a8a", "#5f87af", "#5f87d7", "#5fafff", "#87d7ff"),  # 245 67 68 75 117
)

# Yellow and violet, and blue and green, look alike; red and cyan do not.
TRITAN = Theme(
    name="tritan",
    about="dark, for tritanopia (blue and green look alike)",
    safe_for=("tritanopia",),
    ground="#121212",
    surface="#1c1c1c",
    panel="#262626",
    selected="#303030",
    band="#303030",
    text="#dadada",
    grey="#808080",  # 244
    dim="#808080",
    faint="#4e4e4e",
    grid="#303030",
    ember="#ffaf5f",  # 215
    gold="#ffd75f",  # 221
    violet="#af87ff",  # 141
    green="#d7ff87",  # 192
    blue="#5f87ff",  # 69
    cyan="#5fffff",  # 87
    red="#ff5f5f",  # 203
    orange="#af875f",  # 137
    warm=("#8a8a8a", "#af8787", "#d7875f", "#ff875f", "#ff5f5f"),  # 245 138 173 209 203
    cold=("#8a8a8a", "#5f8787", "#5fafaf", "#5fd7d7", "#5fffff"),  # 245 66 73 80 87
)

ANSI = Theme(
    name="ansi",
    about="the terminal's own sixteen colours on its own ground",
    ansi=True,
    ground="black",
    ember="magenta",
    gold="yellow",
    violet="bright_blue",
    green="green",
    blue="bright_blue",
    cyan="cyan",
    red="red",
    orange="bright_red",
    warm=("", "yellow", "yellow", "bright_red", "red"),
    cold=("", "cyan", "cyan", "bright_cyan", "bright_blue"),
)

MONO = Theme(
    name="mono",
    about="no colours: bold, dim and reverse alone (also with NO_COLOR)",
    ansi=True,
    colours=False,
)

THEMES: dict[str, Theme] = {theme.name: theme for theme in (DARK, LIGHT, DEUTAN, TRITAN, ANSI, MONO)}


def theme_named(name: str) -> Theme:
    """The theme of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in THEMES:
        hint = nearest(name, THEMES, otherwise=f"there are {', '.join(THEMES)}")
        raise UsageError(f"there is no theme '{name}'; {hint}")
    return THEMES[name]


def default_theme(environ: Mapping[str, str]) -> Theme:
    """The theme where none is chosen: MONO if NO_COLOR is set (no-color.org), ANSI where there are sixteen colours."""
    if environ.get("NO_COLOR"):
        return MONO
    return DARK if _has_256_colours(environ) else ANSI


def _has_256_colours(environ: Mapping[str, str]) -> bool:
    """What Rich, which writes the colours, makes of these variables; with fewer it takes the nearest of sixteen."""
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return True
    terminal = environ.get("TERM", "").strip().lower()
    return not terminal or terminal.rpartition("-")[2] in ("256color", "kitty")
