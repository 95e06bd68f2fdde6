"""What a caller gives, checked before it is used: an argument of another kind is one clear line, not a TypeError."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol import commands
from hades_protocol.errors import UsageError


def as_path(given: str | Path) -> Path:
    """The path of a file.

    Raises:
        UsageError: it is none.
    """
    try:
        return Path(given)
    except TypeError:
        raise UsageError(f"{given!r} is no path of a file: give a text or a pathlib.Path, e.g. 'mine.npz'") from None


def as_settings(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Settings by name; None: no setting.

    Raises:
        UsageError: it is no dictionary.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f"settings are a dictionary, not {given!r}: e.g. {{'env': 'CartPole-v1', 'dataset.pairs': 2}}")
    return given


def check_number(name: str, given: float) -> None:
    """Refuse what is no number.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(given, int | float):
        raise UsageError(f"{name} is {given!r}: it takes a number")


def check_priority(given: int) -> None:
    """Refuse what is no priority of a run.

    Raises:
        UsageError: it is no whole number, or out of its bounds.
    """
    try:
        msgspec.convert(given, commands.PriorityValue)
    except msgspec.ValidationError:
        raise UsageError(f"priority is {given!r}: it takes a whole number from -1000 to 1000") from None
