"""Lines of our logs as people read them: for `hadesd logs`, and for clients that ask the daemon. Pure."""

import json
import re
from typing import Any, NamedTuple

from hades_protocol.messages import LOG_LEVELS, LogLevel
from hades_protocol.terminal import printable

RAW_LEVEL: LogLevel = "warning"
"""Of a line that is none of ours: what is written past the log is mostly what went wrong."""

HIDDEN = ("timestamp", "level", "event", "exception")

_ABSEIL = re.compile(r"([IWEF])\d{4} ")
"""How lines of XLA begin."""

_ABSEIL_LEVELS: dict[str, LogLevel] = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_WORD = re.compile(r"[A-Za-z0-9]+")
_SPELLED = re.compile(r"\\[bfru]")
"""JSON's escapes of what may be shown in other letters than those on the line."""


class LogEntry(NamedTuple):
    """A line of a log. stamp: UTC in ISO 8601, as it stands in the file; empty for a line that is none of ours."""

    stamp: str
    level: LogLevel
    text: str  # the event and its fields; a traceback follows on lines of its own


def parse(line: str) -> LogEntry:
    """A line of structlog's JSON as `event  name=value …`; any other line as it is."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return _raw(line)
    if not isinstance(entry, dict) or "event" not in entry:
        return _raw(line)
    fields = "  ".join(f"{name}={_value(value)}" for name, value in entry.items() if name not in HIDDEN)
    text = f"{entry['event']}  {fields}" if fields else str(entry["event"])
    if trace := entry.get("exception"):
        text += "\n" + str(trace).rstrip()
    return LogEntry(str(entry.get("timestamp", "")), _level(entry.get("level")), printable(text))


def is_at_least(level: LogLevel, least: LogLevel) -> bool:
    """Whether a level is as bad as another one."""
    return LOG_LEVELS.index(level) >= LOG_LEVELS.index(least)


class Sieve:
    """Which lines a reader wants. Most of the others are told apart without being parsed.

    level: the least that is wanted. search: text that an entry must contain, upper and lower case alike.
    """

    def __init__(self, level: LogLevel, search: str) -> None:
        self._level = level
        self._search = search.casefold()
        self._word = max(_WORD.findall(search), key=len, default="").lower()
        worse = LOG_LEVELS[LOG_LEVELS.index(level) :]
        self._levels = () if level in ("debug", "info") else tuple(f'"{name}"' for name in worse)

    def entry(self, line: str) -> LogEntry | None:
        """The entry on a line where it is wanted."""
        if not line or self._is_out_of_question(line):
            return None
        entry = parse(line)
        wanted = is_at_least(entry.level, self._level) and self._search in entry.text.casefold()
        return entry if wanted else None

    def _is_out_of_question(self, line: str) -> bool:
        if self._levels and _is_whole(line) and not any(level in line for level in self._levels):
            return True
        # Where nothing is spelled, a word of an entry's text is a word of the line.
        return self._word not in line.casefold() and not _SPELLED.search(line) and line.isprintable()


def _is_whole(line: str) -> bool:
    """Whether a line is surely an entry of ours: one that was cut off, or two that ran together, are warnings."""
    return line.startswith("{") and line.endswith("}") and '"event": ' in line and line.count("{") == 1


def _level(value: Any) -> LogLevel:
    """The level of a line; one that is not known counts as info."""
    return next((level for level in LOG_LEVELS if level == value), "info")


def _raw(line: str) -> LogEntry:
    found = _ABSEIL.match(line)
    return LogEntry("", _ABSEIL_LEVELS[found[1]] if found else RAW_LEVEL, printable(line))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
