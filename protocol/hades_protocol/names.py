"""Texts that people give to runs: the name of a group, and the note on a run."""

import re
import unicodedata

from hades_protocol.errors import UsageError

GROUP_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def check_group(name: str) -> str:
    """Check the name of a group and return it.

    Raises:
        UsageError: it is not 1 to 63 of a to z, 0 to 9 and dashes, or begins with a dash.
    """
    if not GROUP_PATTERN.fullmatch(name):
        raise UsageError(
            f"'{name[:80]}' cannot name a group: use up to 63 of a-z, 0-9 and dashes, the first no dash, "
            "e.g. cartpole-pairs"
        )
    return name


MAX_NOTE = 2000
"""Longest note, in characters."""

REFUSED = {"Cc": "control characters", "Cs": "half characters", "Zl": "line breaks", "Zp": "line breaks"}
"""Unicode categories that a note must not contain: they move a terminal's cursor, or are no text."""

BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make a terminal show a line in another order than it is stored."""


def check_note(text: str) -> str:
    """Check a note and return it without blanks around it.

    Raises:
        UsageError: it is too long, or is not one line of text.
    """
    text = text.strip()
    if len(text) > MAX_NOTE:
        raise UsageError(f"a note is at most {MAX_NOTE} letters long, this one has {len(text)}")
    for letter in text:
        what = "marks of direction" if letter in BIDIRECTIONAL else REFUSED.get(unicodedata.category(letter))
        if what:
            raise UsageError(f"a note is one line of text, without {what} (it holds {letter!a}): nothing done")
    return text
