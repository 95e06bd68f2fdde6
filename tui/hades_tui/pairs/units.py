"""Units of the entries of an observation, where states are in natural units. Pure."""

import re

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import names_of

UNITLESS_SPEED = "MountainCarContinuous-v0"
"""Its position is a height's argument, and its velocity is by step."""

RULES = (
    (re.compile(r"(cos|sin|quat)(_|$)"), ""),
    (re.compile(r"w(_|$)"), "rad/s"),
    (re.compile(r"w[xyz]$"), "rad/s"),
    (re.compile(r"v[xyz]$"), "m/s"),
    (re.compile(r"(d?[xyz]|target_[xyz])$"), "m"),
    (re.compile(r"(angle|pitch|thigh|leg|foot|[bf](thigh|shin|foot)|hip|ankle|joint)(_|$)"), "rad"),
)
"""A name's beginning -> its unit; the first that fits. Names are those of hadesd's catalogue."""


def units_of(env: str, dataset: DatasetSnapshot) -> tuple[str, ...]:
    """A unit for each entry of a flat observation, empty where there is none; () where states are normalised."""
    shape = dataset.states.shape[1:]
    if dataset.normalisation != "none" or len(shape) != 1 or env == UNITLESS_SPEED:
        return ()
    names = names_of(dataset.observation_names, shape[0], "obs ", shape)
    return tuple(_unit(name) for name in names)


def _unit(name: str) -> str:
    return next((unit for pattern, unit in RULES if pattern.match(name)), "")


def with_unit(number: str, unit: str) -> str:
    """The number as people write it: +0.30 rad."""
    return f"{number} {unit}" if unit else number


def all_alike(dataset: DatasetSnapshot) -> bool:
    """Whether all entries of an observation are in the same units, so that their sizes can be compared."""
    return dataset.normalisation != "none" or len(dataset.states.shape) > 2
