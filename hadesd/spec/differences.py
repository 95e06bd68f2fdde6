"""In which settings two runs differ. Pure."""

from collections.abc import Mapping
from typing import Any

from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import RunSpec, spec_to_dict


def difference(before: RunSpec, after: RunSpec) -> tuple[SettingChange, ...]:
    """The settings that differ, in the order of their definition."""
    return differing(spec_to_dict(before), spec_to_dict(after))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[SettingChange, ...]:
    """The same of nested settings as they are on the wire, which may be those of another version; null where one has
    a setting not.
    """
    then, now = flat(before), flat(after)
    names = dict.fromkeys([*then, *now])
    return tuple(
        SettingChange(name=name, before=then.get(name), after=now.get(name))
        for name in names
        if then.get(name) != now.get(name)
    )


def describe(changes: tuple[SettingChange, ...]) -> str:
    """The changes on one line."""
    return ", ".join(
        f"{change.name} {format_value(change.before)} → {format_value(change.after)}" for change in changes
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name; an empty section, of parameters say, is a value."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def format_value(value: Any) -> str:
    """A value on a line of text."""
    return "unset" if value is None or value == {} else f"{value:g}" if isinstance(value, float) else str(value)
