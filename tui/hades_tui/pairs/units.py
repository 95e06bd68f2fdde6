"""Units of the entries of an observation. Pure."""

import re

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import names_of

UNITLESS_SPEED = "MountainCarContinuous-v0"
"""Its position has no unit, and its velocity is per step."""

RULES = (
    (re.compile(r"(cos|sin|quat)(_|$)"), ""),
    (re.compile(r"w(_|$)"), "rad/s"),
    (re.compile(r"w[xyz]$"), "rad/s"),
    (re.compile(r"v[xyz]$"), "m/s"),
    (re.compile(r"(d?[xyz]|target_[xyz])$"), "m"),
    (re.compile(r"(angle|pitch|thigh|leg|foot|[bf](thigh|shin|foot)|hip|ankle|joint)(_|$)"), "rad"),
)
"""Beginning of a name -> unit; the first match counts. The names are those of hadesd/spec/environments.py."""


def units_of(env: str, dataset: DatasetSnapshot) -> tuple[str, ...]:
    """The unit of each entry of a flat observation, or ""; () where states are normalised or not flat."""
    shape = dataset.states.shape[1:]
    if dataset.normalisation != "none" or len(shape) != 1 or env == UNITLESS_SPEED:
        return ()
    if dataset.observation_units:  # an environment of one's own: what its names mean, it knows itself
        return dataset.observation_units
    names = names_of(dataset.observation_names, shape[0], "obs ", shape)
    return tuple(_unit(name) for name in names)


def _unit(name: str) -> str:
    return next((unit for pattern, unit in RULES if pattern.match(name)), "")


def with_unit(number: str, unit: str) -> str:
    """The number with its unit: +0.30 rad."""
    return f"{number} {unit}" if unit else number


def all_alike(dataset: DatasetSnapshot) -> bool:
    """Whether all entries of an observation have the same unit, so that their sizes can be compared."""
    return dataset.normalisation != "none" or len(dataset.states.shape) > 2
