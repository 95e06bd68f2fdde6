"""Settings of runs for `hadesd status`: those that differ from a preset's, or from another run's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hades_protocol.errors import HadesError
from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import build_spec, spec_to_dict
from hadesd.spec.differences import differing, flat
from hadesd.spec.presets.base import base_of
from hadesd.spec.presets.layers import NAMED


def preset_changes(spec: Mapping[str, Any]) -> tuple[str, tuple[SettingChange, ...]]:
    """What settings are compared with, and those that differ from it: before is its value.

    Both are empty where a daemon of another version has settings that are not known here.
    """
    try:
        base, name = base_of(build_spec(dict(spec)))
    except HadesError:
        return "", ()
    changes = differing(spec_to_dict(base), spec)
    return name, tuple(change for change in changes if change.name not in NAMED)


def settings_lines(spec: Mapping[str, Any], everything: bool) -> list[str]:
    """The settings that differ from the preset's, or all of them, for people."""
    base, changes = preset_changes(spec)
    if everything:
        theirs = {change.name: value_text(change.before) for change in changes}
        rows = [
            (name, value_text(value), f"({base}: {theirs[name]})" if name in theirs else "")
            for name, value in flat(spec).items()
        ]
        return ["settings", *aligned(rows)]
    if not base:
        return ["settings     this version does not know all of them: --all-settings lists them"]
    if not changes:
        return [f"settings     all as in {base}"]
    rows = [(change.name, value_text(change.after), f"({value_text(change.before)})") for change in changes]
    return [f"settings     those of {base}, but for:", *aligned(rows)]


def columns(changes: Sequence[SettingChange], titles: tuple[str, str, str]) -> str:
    """The settings in which two runs differ, as a table."""
    rows = [(change.name, value_text(change.before), value_text(change.after)) for change in changes]
    return "\n".join(aligned([titles, *rows], indent=""))


def aligned(rows: Sequence[tuple[str, str, str]], indent: str = "  ") -> list[str]:
    """Three columns, two blanks apart."""
    first, second = (max(len(row[i]) for row in rows) for i in range(2))
    return [f"{indent}{one:{first}}  {two:{second}}  {three}".rstrip() for one, two, three in rows]


def value_text(value: Any) -> str:
    """A value as it is typed after --set; a dash where there is none."""
    if value is None:
        return "–"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
