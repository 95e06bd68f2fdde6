"""Which runs a few words mean. Pure."""

import re
from collections.abc import Callable

import msgspec

from hades_protocol.messages import RunSummary

FIELDS: dict[str, Callable[[RunSummary], str]] = {
    "id": lambda run: run.id,
    "env": lambda run: run.env,
    "method": lambda run: run.method,
    "state": lambda run: run.state.value,
    "group": lambda run: run.group,
    "note": lambda run: run.note,
}
"""What a word is looked for in. `method:es` looks in one of them, for what begins with it: es, not hades-r."""


class RunFilter(msgspec.Struct, frozen=True):
    """Words that all have to be found in a run, upper and lower case alike."""

    words: tuple[tuple[str, str], ...] = ()  # (field, or empty for any; text)

    def passes(self, run: RunSummary) -> bool:
        """Whether the run has every word."""
        return all(_has(run, field, text) for field, text in self.words)


def parse(text: str) -> RunFilter:
    """The filter that a person typed. A prefix that is no field is part of its word."""
    words = []
    for word in text.lower().split():
        field, colon, rest = word.partition(":")
        words.append((field, rest) if colon and field in FIELDS else ("", word))
    return RunFilter(tuple(word for word in words if word[1]))


def _has(run: RunSummary, field: str, text: str) -> bool:
    if not field:
        return any(text in read(run).lower() for read in FIELDS.values())
    return re.search(rf"(?<![^\W_]){re.escape(text)}", FIELDS[field](run).lower()) is not None
