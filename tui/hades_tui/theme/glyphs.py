"""The characters for drawing, in two sets: Unicode and ASCII.

Every glyph has the same meaning in both sets and is one column wide, so that a layout does not depend on the set.
`plain` turns any other text into ASCII, character by character.
"""

from collections.abc import Mapping

import msgspec

from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """A set of characters.

    braille: lines are made of dots, 2 across and 4 down in a character; otherwise of `mean`, `best`, ... one a cell.
    others: characters for the lines of compared runs, in their order. dotted: the line of a reference in the upper to
    the lower quarter of a cell. blocks: a cell filled from below by none to eight eighths. heat: the size of a value,
    from none to the largest.
    """

    braille: bool
    # the curve
    mean: str
    best: str
    edge: str
    raw: str
    parent: str
    others: str
    marker: str
    dotted: str
    blocks: str
    thin: str
    grid: str
    cursor: str
    stroke: str  # a line of its hue in a legend
    # axes
    axis: str
    axis_tick: str
    corner: str
    floor: str
    floor_tick: str
    # bars and tables
    bar_done: str
    bar_half: str
    bar_rest: str
    heat: str
    # signs
    up: str
    down: str
    left: str
    right: str
    good: str
    bad: str
    warning: str
    hint: str
    selected: str
    none: str
    ellipsis: str
    separator: str
    states: Mapping[RunState, str]
    links: Mapping[LinkPhase, str]


UNICODE = Glyphs(
    braille=True,
    mean="⣿",
    best="⣿",
    edge="⣿",
    raw="⣿",
    parent="⣿",
    others="⣿⣿⣿⣿⣿⣿",
    marker="◆",
    dotted="⠁⠂⠄⡀",
    blocks=" ▁▂▃▄▅▆▇█",
    thin="─",
    grid="┈",
    cursor="│",
    stroke="━",
    axis="│",
    axis_tick="┤",
    corner="└",
    floor="─",
    floor_tick="┬",
    bar_done="━",
    bar_half="╸",
    bar_rest="─",
    heat=" ░▒▓█",
    up="↑",
    down="↓",
    left="←",
    right="→",
    good="✔",
    bad="✘",
    warning="▲",
    hint="›",
    selected="▌",
    none="–",
    ellipsis="…",
    separator="·",
    states={
        RunState.QUEUED: "○",
        RunState.STARTING: "◐",
        RunState.RUNNING: "●",
        RunState.PAUSING: "◑",
        RunState.PAUSED: "‖",
        RunState.STOPPING: "◒",
        RunState.BACKOFF: "↻",
        RunState.CANCELLING: "◒",
        RunState.FINISHED: "✔",
        RunState.FAILED: "✘",
        RunState.CANCELLED: "⊘",
    },
    links={
        LinkPhase.CONNECTING: "◌",
        LinkPhase.LIVE: "●",
        LinkPhase.RESYNCING: "↻",
        LinkPhase.STALE: "▲",
        LinkPhase.MISMATCH: "✘",
    },
)

ASCII = Glyphs(
    braille=False,
    mean="*",
    best="+",
    edge=".",
    raw=".",
    parent=",",
    others="123456",
    marker="o",
    dotted="'--_",
    blocks=" ....::::",
    thin=".",
    grid="-",
    cursor="|",
    stroke="=",
    axis="|",
    axis_tick="+",
    corner="+",
    floor="-",
    floor_tick="+",
    bar_done="=",
    bar_half="-",
    bar_rest=".",
    heat=" .:*#",
    up="^",
    down="v",
    left="<",
    right=">",
    good="+",
    bad="x",
    warning="!",
    hint=">",
    selected=">",
    none="-",
    ellipsis="~",
    separator="|",
    states={
        RunState.QUEUED: "o",
        RunState.STARTING: "~",
        RunState.RUNNING: "*",
        RunState.PAUSING: "-",
        RunState.PAUSED: "=",
        RunState.STOPPING: "-",
        RunState.BACKOFF: "@",
        RunState.CANCELLING: "-",
        RunState.FINISHED: "+",
        RunState.FAILED: "x",
        RunState.CANCELLED: "/",
    },
    links={
        LinkPhase.CONNECTING: "o",
        LinkPhase.LIVE: "*",
        LinkPhase.RESYNCING: "@",
        LinkPhase.STALE: "!",
        LinkPhase.MISMATCH: "x",
    },
)

_ALIKE = {
    "o": "○◌◆◇",
    "~": "◐±…≈",
    "*": "●",
    "-": "◑◒─━┈╌╸–—−",
    "=": "‖",
    "@": "↻",
    "+": "✔└┬┤├┼┴┌┐┘╭╮╯╰╋┏┓┗┛┣┫┳┻",
    "x": "✘×",
    "/": "⊘",
    "!": "▲",
    "|": "│┃·▌▐║",
    ".": "▁▂▃▄░",
    ":": "▅▆▇█▒▀",
    "#": "▓",
    ">": "→›▸▶»",
    "<": "←‹◂◀«",
    "^": "↑▴",
    "v": "↓▾▼",
    "8": "∞",
    "u": "µ",
    "s": "σ",
    "'": "‘’",
    '"': "“”",
}
_PLAIN = {ord(character): ascii_ for ascii_, characters in _ALIKE.items() for character in characters}


def plain(text: str) -> str:
    """The text in ASCII, with as many characters; one without a counterpart becomes a question mark."""
    return text if text.isascii() else text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")


def pictured(text: str, glyphs: Glyphs) -> str:
    """The text as it is with Unicode glyphs, else in ASCII."""
    return text if glyphs.braille else plain(text)
