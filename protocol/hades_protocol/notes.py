"""Notes: what people write on a run, one line of text."""

import unicodedata

from hades_protocol.errors import UsageError

MAX_NOTE = 2000
"""Letters."""

REFUSED = {"Cc": "control characters", "Cs": "half characters", "Zl": "line breaks", "Zp": "line breaks"}
"""Categories of Unicode that would move a terminal's cursor, or are no text."""

BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make a terminal show a line in another order than it has."""


def check_note(text: str) -> str:
    """The note, without blanks around it.

    Raises:
        UsageError: it is too long, or holds what is no text on one line.
    """
    text = text.strip()
    if len(text) > MAX_NOTE:
        raise UsageError(f"a note is at most {MAX_NOTE} letters long, this one has {len(text)}")
    for letter in text:
        what = "marks of direction" if letter in BIDIRECTIONAL else REFUSED.get(unicodedata.category(letter))
        if what:
            raise UsageError(f"a note is one line of text, without {what} (it holds {letter!a}): nothing done")
    return text
