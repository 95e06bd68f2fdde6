"""What the entries of a state and of an action are called in a table. No numpy."""

import itertools
from collections.abc import Sequence

STATE, ACTION = "state_", "action_"

_ACTION_WORDS = frozenset({"action", "actions", "label", "labels", "class"})


def state_names(shape: Sequence[int], names: Sequence[str]) -> list[str]:
    """A name for each entry of an observation of that shape, in C order.

    names: one for each entry of a flat observation, or one for each channel of a grid [height, width, channels];
        where their number fits neither, entries are numbered: s0, s1, …, and grids y0x0c0, y0x0c1, …
    """
    if len(shape) != 3:
        count = 1
        for length in shape:
            count *= length
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
    return [STATE + name for name in state_names(shape, names)]


def action_columns(count: int, names: Sequence[str]) -> list[str]:
    """Titles of a CSV file's action columns."""
    return [ACTION + name for name in action_names(count, names)]


def is_action(title: str) -> bool:
    """Whether a column holds actions or labels: its title is such a word, or begins with 'action'."""
    low = title.lower()
    return low in _ACTION_WORDS or low.startswith("action")
