"""The entries of states and actions in the environment's order, by the names that a file gives them.

A CSV file names its columns; the others, and a CSV's constants, go by `observation_names` and `action_names` of their
meta. Names that are none of the environment's are refused: in which order such entries stand, nobody can say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hades_protocol.errors import UsageError
from hades_protocol.names import (
    ACTION_COLUMN,
    STATE_COLUMN,
    action_columns,
    action_names,
    state_columns,
    state_names,
)
from hadesd.spec.environments import EnvironmentInfo

STATE_PREFIX = re.compile(r"(states?|observations?|obs)[_ .]", re.IGNORECASE)
ACTION_PREFIX = re.compile(r"actions?[_ .]?", re.IGNORECASE)
LABEL = re.compile(r"(actions?|labels?|class)", re.IGNORECASE)
NUMBERED = re.compile(r"(\D*)(\d+)")

MOST_NAMES = 8
"""So many of an environment's names are listed in an error."""


@dataclass(frozen=True)
class EntryNames:
    """What a file calls the entries of a state and of an action; empty where it does not say.

    state_columns, action_columns: titles of a CSV file's columns. observation_names, action_names: of its meta.
    """

    state_columns: tuple[str, ...] = ()
    action_columns: tuple[str, ...] = ()
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()


def is_action(title: str) -> bool:
    """Whether a column holds actions or labels: its title is such a word, or begins with 'action'."""
    return LABEL.fullmatch(title) is not None or title.lower().startswith("action")


def with_meta(path: Path, columns: EntryNames, meta: dict[str, Any]) -> EntryNames:
    """The names of the columns, and those of a file's meta.

    Raises:
        UsageError: its meta's names are no list of texts.
    """
    found = {key: meta.get(key) or () for key in ("observation_names", "action_names")}
    for key, names in found.items():
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{path}: '{key}' in its meta is no list of names")
    return EntryNames(columns.state_columns, columns.action_columns, *map(tuple, found.values()))


def order_states(path: Path, names: EntryNames, states: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    """States [D, ...] with the entries of each in the environment's order.

    Raises:
        UsageError: a column or a name is none of the environment's, or is there twice.
    """
    if names.state_columns:
        known = state_names(entry.observation, entry.observation_names)
        wanted = state_columns(entry.observation, entry.observation_names)
        order = _order(f"{path}: column", names.state_columns, known, wanted, entry.name)
    else:
        order = _meta_order(path, names, entry)
    return _permuted(states, order)


def order_actions(path: Path, names: EntryNames, actions: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    """Actions [D, ...] with the entries of each in the environment's order; one column stays, whatever its name.

    Raises:
        UsageError: as in order_states.
    """
    known = action_names(entry.actions, entry.action_names)
    wanted = action_columns(entry.actions, entry.action_names)
    given = names.action_columns
    if len(given) == 1 and (entry.actions == 1 or LABEL.fullmatch(given[0]) or _numbers(_bare(given, known))):
        return actions
    if given:
        return _permuted(actions, _order(f"{path}: column", given, known, wanted, entry.name))
    if names.action_names and actions.ndim > 1 and prod(actions.shape[1:]) == entry.actions > 1:
        what = f"{path}: its meta's action name"
        return _permuted(actions, _order(what, names.action_names, known, known, entry.name))
    return actions


def order_constants(path: Path, names: EntryNames, constants: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    """obs_mean or obs_var [...] in the environment's order. They stand in the order of the meta's names.

    Raises:
        UsageError: as in order_states.
    """
    return _permuted(constants[None], _meta_order(path, names, entry))[0]


def _permuted(array: np.ndarray, order: list[int]) -> np.ndarray:
    """array: [D, ...]. As it is where its rows have another number of entries, which is refused elsewhere."""
    if order == list(range(len(order))) or prod(array.shape[1:]) != len(order):
        return array
    return array.reshape(len(array), -1)[:, order].reshape(array.shape)


def _meta_order(path: Path, names: EntryNames, entry: EnvironmentInfo) -> list[int]:
    given, size = names.observation_names, prod(entry.observation)
    if not given:
        return list(range(size))
    what = f"{path}: its meta's observation name"
    channels = list(entry.observation_names)
    if entry.is_grid and len(given) == len(channels) == entry.observation[-1]:
        order = _order(what, given, channels, channels, entry.name)
        return [start + channel for start in range(0, size, len(order)) for channel in order]
    known = state_names(entry.observation, entry.observation_names)
    return _order(what, given, known, known, entry.name)


def _order(what: str, given: Sequence[str], known: Sequence[str], wanted: Sequence[str], env: str) -> list[int]:
    """For each of the known names, where it stands among the given ones.

    what: what the given ones are, for an error. wanted: the known ones, as they should be written.
    """
    if len(set(given)) == len(given) and sorted(given) == sorted(wanted):  # as our own files have them
        return [list(given).index(name) for name in wanted]
    bare = _bare(given, known)
    place = {name.lower(): i for i, name in enumerate(known)}
    unknown = [title for title, name in zip(given, bare, strict=True) if name not in place]
    if unknown and (numbers := _numbers(bare)) and len(numbers) == len(known):
        return numbers
    if unknown and len(given) != len(known) and not set(place) <= set(bare):
        return list(range(len(known)))  # of another environment: their number is refused elsewhere
    if unknown:
        numbered = f"{_prefix(wanted)}0, {_prefix(wanted)}1, …"
        raise UsageError(
            f"{what} '{unknown[0][:40]}' is none of {env}'s: they are {_listed(wanted)}, in any order, "
            f"or {numbered} in that order"
        )
    if twice := next((title for title, name in zip(given, bare, strict=True) if bare.count(name) > 1), None):
        raise UsageError(f"{what} '{twice[:40]}' is there twice: of {env}, {_listed(wanted)} are needed once each")
    if missing := next((wanted[i] for name, i in place.items() if name not in bare), None):
        raise UsageError(f"{what} '{missing}' is not there: of {env}, {_listed(wanted)} are needed once each")
    return [bare.index(name.lower()) for name in known]


def without_prefix(title: str, prefix: re.Pattern[str]) -> str:
    """A title less a prefix at its beginning; whole where nothing else is in it."""
    found = prefix.match(title)
    return title[found.end() :] if found and found.end() < len(title) else title


def _bare(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """Titles without 'state_', 'action_' or the like before them, in small letters."""
    low = {name.lower() for name in known}
    out = []
    for title in given:
        bare = title.strip().lower()
        for prefix in (STATE_PREFIX, ACTION_PREFIX):
            if bare not in low and (rest := without_prefix(bare, prefix)) != bare:
                bare = rest
                break
        out.append(bare)
    return out


def _numbers(names: Sequence[str]) -> list[int] | None:
    """Where number 0 (or 1) stands, where the next, …; None where the names are not one word with such numbers."""
    found = [NUMBERED.fullmatch(name) for name in names]
    if None in found or len({match[1] for match in found if match}) != 1:
        return None
    numbers = [int(match[2]) for match in found if match]
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    first = numbers[order[0]]
    complete = first in (0, 1) and [numbers[i] for i in order] == list(range(first, first + len(numbers)))
    return order if complete else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f", … ({len(names)})" if len(names) > MOST_NAMES else "")


def _prefix(names: Sequence[str]) -> str:
    return next((prefix for prefix in (STATE_COLUMN, ACTION_COLUMN) if names[0].startswith(prefix)), "")
