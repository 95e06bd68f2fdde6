"""The filter of the list of runs: words that a run must contain. Pure."""

import re
from collections.abc import Callable

import msgspec

from hades_protocol.messages import RunSummary
from hades_tui.text.format import state_word

FIELDS: dict[str, Callable[[RunSummary], str]] = {
    "id": lambda run: run.id,
    "env": lambda run: run.env,
    "method": lambda run: run.method,
    "state": lambda run: " ".join(dict.fromkeys((run.state.value, state_word(run)))),
    "group": lambda run: run.group,
    "name": lambda run: run.name,
    "tag": lambda run: " ".join(run.tags),
    "note": lambda run: run.note,
}
"""The searched fields. `method:es` searches one of them, at the beginning of a word: it finds es, not hades-r."""


class RunFilter(msgspec.Struct, frozen=True):
    """Lower-case words that a run must all contain, in upper or lower case."""

    words: tuple[tuple[str, str], ...] = ()  # (field, or empty for any; text)

    def passes(self, run: RunSummary) -> bool:
        """Whether the run contains every word."""
        return all(_has(run, field, text) for field, text in self.words)


def unknown_field(text: str) -> str:
    """The first prefix of a typed text that names no field; empty without any."""
    prefixes = (word.partition(":") for word in text.lower().split())
    return next((field for field, colon, _ in prefixes if colon and field and field not in FIELDS), "")


def parse(text: str) -> RunFilter:
    """The filter of a typed text. A prefix that names no field is part of the word."""
    words = []
    for word in text.lower().split():
        field, colon, rest = word.partition(":")
        words.append((field, rest) if colon and field in FIELDS else ("", word))
    return RunFilter(tuple(word for word in words if word[1]))


def _has(run: RunSummary, field: str, text: str) -> bool:
    if not field:
        return any(text in read(run).lower() for read in FIELDS.values())
    return re.search(rf"(?<![^\W_]){re.escape(text)}", FIELDS[field](run).lower()) is not None
