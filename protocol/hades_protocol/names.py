"""Names and other texts: what people give to runs (group, name, tags, note), and the entries of states and actions."""

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.messages import ExportFormat

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


NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""Of a run's name and of a tag: one word for a shell, which is no @ and no option."""

FILE_ENDINGS = tuple(f".{ending}" for ending in get_args(ExportFormat))
"""Of dataset files: where a verb takes a run or a file, what ends so is a file."""

MAX_TAGS = 32
"""Most tags of a run."""


class Labels(msgspec.Struct, frozen=True):
    """What people call a run. It is no part of the settings and decides nothing that is computed.

    name: need not be unique; tags: ascending, each once.
    """

    group: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()


def check_name(name: str) -> str:
    """Check the name of a run and return it.

    Raises:
        UsageError: it is not 1 to 63 letters, digits, dots, underscores and dashes, begins with another one than a
            letter or a digit, or ends like a dataset file.
    """
    _check_word(name, "a run")
    if name.lower().endswith(FILE_ENDINGS):
        raise UsageError(f"'{name}' cannot name a run: a verb would take it for a file; choose another ending")
    return name


def _check_word(word: str, what: str) -> str:
    if not NAME_PATTERN.fullmatch(word):
        raise UsageError(
            f"'{word[:80]}' cannot name {what}: use up to 63 of A-Z, a-z, 0-9, dots, underscores and dashes, "
            "the first a letter or a digit, e.g. sigma-0.1"
        )
    return word


def listed_tags(name: str, tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that a program gives. A text is a sequence of its letters: it would silently be as many tags.

    name: of the argument, for the error.

    Raises:
        UsageError: they are no list of texts.
    """
    found = tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str | bytes) else None
    if found is None or not all(isinstance(tag, str) for tag in found):
        raise UsageError(f"{name} is {tags!r}: it takes a list of tags, e.g. ['paper']")
    return found


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Check the tags of a run and return them ascending, each once.

    Raises:
        UsageError: one of them has not the form of a name, or they are too many.
    """
    found = tuple(sorted({_check_word(tag, "a tag") for tag in tags}))
    if len(found) > MAX_TAGS:
        raise UsageError(f"a run has at most {MAX_TAGS} tags, these are {len(found)}")
    return found


def check_labels(group: str = "", name: str = "", tags: Iterable[str] = ()) -> Labels:
    """Check what a run is to be called; empty texts mean nothing.

    Raises:
        UsageError: a name that is not accepted.
    """
    return Labels(check_group(group) if group else "", check_name(name) if name else "", check_tags(tags))


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


STATE_COLUMN, ACTION_COLUMN = "state_", "action_"
"""What the titles of a CSV file's columns begin with."""


def state_names(shape: Sequence[int], names: Sequence[str]) -> list[str]:
    """A name for each entry of an observation of that shape, in C order.

    names: one for each entry of a flat observation, or one for each channel of a grid [height, width, channels];
        where their number fits neither, entries are numbered: s0, s1, …, and grids y0x0c0, y0x0c1, …
    """
    if len(shape) != 3:
        count = math.prod(shape)
        return list(names) if len(names) == count else [f"s{i}" for i in range(count)]
    height, width, channels = shape
    channel = [f"_{name}" for name in names] if len(names) == channels else [f"c{i}" for i in range(channels)]
    places = itertools.product(range(height), range(width), range(channels))
    return [f"y{y}x{x}" + ("" if channels == 1 else channel[c]) for y, x, c in places]


def action_names(count: int, names: Sequence[str]) -> list[str]:
    """A name for each entry of an action: the given ones where their number fits, else a0, a1, …"""
    return list(names) if len(names) == count else [f"a{i}" for i in range(count)]


def state_columns(shape: Sequence[int], names: Sequence[str]) -> list[str]:
    """Titles of a CSV file's state columns."""
    return [STATE_COLUMN + name for name in state_names(shape, names)]


def action_columns(count: int, names: Sequence[str]) -> list[str]:
    """Titles of a CSV file's action columns."""
    return [ACTION_COLUMN + name for name in action_names(count, names)]
