"""Somebody else's states and actions -> arrays as our exports have them, checked against the environment."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from hades_protocol.errors import UsageError
from hadesd.analysis.datasets.column_order import (
    EntryNames,
    order_actions,
    order_constants,
    order_states,
    with_meta,
)
from hadesd.analysis.datasets.formats import Arrays, Content
from hadesd.analysis.datasets.reader import as_float32, read_meta
from hadesd.spec.environments import EnvironmentInfo

NAMES = {
    "states": ("states", "state", "observations", "observation", "obs", "x", "images"),
    "actions": ("actions", "action", "labels", "label", "y", "targets"),
}
"""What others call the two arrays; ours is the first."""

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Imported:
    """states float32 [D, *obs], actions float32 [D, A], and obs_mean, obs_var float32 [*obs] where the file has them.

    notes: what a person should know, one line each.
    """

    arrays: Arrays
    notes: tuple[str, ...]


def fit(path: Path, read: Content, entry: EnvironmentInfo) -> Imported:
    """The arrays of a file in the shapes that an environment asks for, their entries in its order.

    Flattened observations get their shape back. Of a discrete environment, integer labels [D] or [D, 1] become
    one-hots; [D, A] must be probabilities.

    Raises:
        UsageError: something is missing, is no number, or does not fit the environment.
    """
    content = read.arrays
    meta = read_meta(path, content)
    names = with_meta(path, read.columns, meta)
    states = _states(path, order_states(path, names, _array(path, "states", content), entry), entry)
    given = order_actions(path, names, _array(path, "actions", content), entry)
    if given.ndim == 0 or len(given) != len(states):
        count = 0 if given.ndim == 0 else len(given)
        raise UsageError(f"{path}: there are {len(states)} states, but {count} actions")
    notes: list[str] = []
    actions = _labels(path, given, entry) if entry.discrete else _continuous(path, given, entry)
    arrays = {"states": states, "actions": actions} | _constants(path, content, names, entry)
    ours = "schema" in meta  # of a file that hades wrote: evolved actions may lie beyond the bounds
    if not entry.discrete and not ours and (highest := float(np.abs(actions).max())) > 1.0:
        notes.append(
            f"actions reach {highest:g}: here -1 and 1 are the environment's bounds, and what a policy does beyond "
            "them is clipped; are these in other units?"
        )
    if entry.family == "images" and (states.min() < -0.5 or states.max() > 1.5):
        notes.append(f"states reach from {states.min():g} to {states.max():g}; real images here are from 0 to 1")
    return Imported(arrays, tuple(notes))


def _array(path: Path, kind: str, content: Arrays) -> np.ndarray:
    there = [name for name in NAMES[kind] if name in content]
    if not there:
        found = ", ".join(f"'{found}'" for found in content if found != "meta") or "nothing"
        raise UsageError(f"{path} has no array '{kind}' (or {', '.join(NAMES[kind][1:])}); it has {found}")
    if len(there) > 1 and there[0] != kind:
        raise UsageError(f"{path} has '{there[0]}' and '{there[1]}': call the {kind} '{kind}'")
    return as_float32(path, there[0], content[there[0]])


def _states(path: Path, states: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    wanted = prod(entry.observation)
    if states.ndim == 0 or len(states) == 0:
        raise UsageError(f"{path}: there is no state in 'states' {list(states.shape)}")
    if (size := prod(states.shape[1:])) != wanted:
        raise UsageError(
            f"{path}: a state has {size} entries, an observation of {entry.name} has {wanted} "
            f"{list(entry.observation)}: is --env the right environment?"
        )
    return states.reshape(len(states), *entry.observation)


def _labels(path: Path, actions: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    flat = actions.reshape(len(actions), -1)
    if flat.shape[1] == 1:
        labels = flat[:, 0]
        if np.any(labels != np.round(labels)) or labels.min() < 0 or labels.max() >= entry.actions:
            raise UsageError(
                f"{path}: labels must be whole numbers from 0 to {entry.actions - 1} "
                f"({', '.join(entry.action_names)}); these are from {labels.min():g} to {labels.max():g}"
            )
        return np.eye(entry.actions, dtype=np.float32)[labels.astype(int)]
    if flat.shape[1] != entry.actions:
        raise UsageError(f"{path}: an action has {flat.shape[1]} entries, {entry.name} has {entry.actions} actions")
    if np.any(flat < 0) or np.any(np.abs(flat.sum(axis=1) - 1.0) > SUM_TOLERANCE):
        raise UsageError(
            f"{path}: {entry.name} is discrete, so a row of actions must be probabilities that sum to 1, or one label; "
            "logits: take their softmax first"
        )
    return flat


def _continuous(path: Path, actions: np.ndarray, entry: EnvironmentInfo) -> np.ndarray:
    flat = actions.reshape(len(actions), -1)
    if flat.shape[1] != entry.actions:
        raise UsageError(f"{path}: an action has {flat.shape[1]} entries, one of {entry.name} has {entry.actions}")
    return flat


def _constants(path: Path, content: Arrays, names: EntryNames, entry: EnvironmentInfo) -> Arrays:
    found = [name for name in ("obs_mean", "obs_var") if name in content]
    if len(found) == 1:
        raise UsageError(f"{path} has {found[0]} alone: obs_mean and obs_var belong together")
    out: Arrays = {}
    for name in found:
        array = as_float32(path, name, content[name])
        if array.size != prod(entry.observation):
            raise UsageError(f"{path}: {name} has {array.size} entries, not {prod(entry.observation)}")
        out[name] = order_constants(path, names, array, entry).reshape(entry.observation)
    return out
