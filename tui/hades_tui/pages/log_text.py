"""Lines of a log as lines of the screen. Pure."""

import re
import time
from collections.abc import Iterator, Sequence

import msgspec

from hades_protocol.formatting import count_of
from hades_protocol.messages import LOG_LEVELS, LogLevel, LogLine
from hades_tui.text.fit import clean, fitted, wrapped
from hades_tui.text.format import Line

SIGNS: dict[LogLevel, tuple[str, str]] = {
    "debug": ("·", "faint"),
    "info": ("›", "dim"),
    "warning": ("▲", "warn"),
    "error": ("✘", "bad"),
    "critical": ("✘", "bad"),
}
"""Level -> glyph and hue."""

LEVEL_WIDTH = max(map(len, LOG_LEVELS))


class Question(msgspec.Struct, frozen=True):
    """Which lines to request. run: id, or empty for the daemon's log."""

    run: str
    level: LogLevel = "info"
    search: str = ""


def next_level(level: LogLevel) -> LogLevel:
    """The next more severe one; after the last the first."""
    return LOG_LEVELS[(LOG_LEVELS.index(level) + 1) % len(LOG_LEVELS)]


def log_lines(lines: Sequence[LogLine], width: int, search: str = "", now: float = 0.0) -> list[Line]:
    """The lines with time, level and text, wrapped to a width. search: text to highlight. now: Unix time."""
    today = time.strftime("%j %Y", time.localtime(now))
    form = "%H:%M:%S" if all(_day(line) == today for line in lines) else "%d %b %H:%M:%S"
    return [out for line in lines for out in _laid_out(line, form, width, search.lower())]


def _day(line: LogLine) -> str:
    return time.strftime("%j %Y", time.localtime(line.time))


def _laid_out(line: LogLine, form: str, width: int, search: str) -> Iterator[Line]:
    sign, hue = SIGNS.get(line.level, SIGNS["info"])
    stamp = time.strftime(form, time.localtime(line.time))
    head: Line = [(f"{stamp} ", "dim"), (f"{sign} {clean(line.level):<{LEVEL_WIDTH}} ", hue)]
    used = sum(len(text) for text, _ in head)
    room = width - used
    if room < 20:  # a narrow terminal: the text begins on a line of its own
        yield fitted(head, width)
        used, room = 2, max(1, width - 2)
        head = [("  ", "text")]
    text_hue = hue if line.level in ("error", "critical") else "text"
    for i, piece in enumerate(wrapped(clean(line.text), room)):
        start: Line = head if not i else [(" " * used, "text")]
        yield fitted([*start, *_with_hits(piece, search, text_hue)], width)


def _with_hits(text: str, search: str, hue: str) -> Line:
    """The text with hits of the search highlighted, unless a hit is broken over two lines."""
    if not search:
        return [(text, hue)]
    parts = re.split(f"({re.escape(search)})", text, flags=re.IGNORECASE)
    return [(part, "badge" if i % 2 else hue) for i, part in enumerate(parts) if part]


def headline(question: Question, count: int, following: bool, as_of: float, failure: str) -> Line:
    """The line above a log: whose it is, level, search, number of lines, age or failure."""
    line: Line = [("Log of ", "dim"), (clean(question.run) if question.run else "the daemon", "title")]
    line.append((f"  {question.level}" + ("" if question.level == "critical" else " and above"), "gold"))
    if question.search:
        line.append((f"  with '{clean(question.search)}'", "gold"))
    line.append((f"  {count_of(count, 'line')}", "dim"))
    clock = time.strftime("%H:%M:%S", time.localtime(as_of)) if as_of else ""
    if failure:
        line.append((f"  ✘ {clean(failure)}" + (f" (shown as of {clock})" if clock else ""), "bad"))
    elif following:
        line.append(("  ● following", "state.running"))
    else:
        line.append((f"  ‖ as of {clock}: f follows again", "warn"))
    return line


def absence(question: Question, answered: bool) -> str:
    """Why there is no line to show."""
    if not answered:
        return "asking the daemon…"
    if question.search or question.level != "debug":
        return "No line like that: l changes the level, / what is searched for."
    return "Nothing was written yet."
