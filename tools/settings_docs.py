"""docs/settings.md, made from the types of the settings and the presets: `python -m tools.settings_docs`."""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hades_protocol.run_spec import Method, OwnEnvironment, RunSpec
from hades_protocol.settings import Leaf, leaves
from hadesd.config import Settings
from hadesd.spec import environments
from hadesd.spec.presets import available, preset_values
from tools.json_docs import ROOT

FILE = ROOT / "docs/settings.md"
COMMAND = "python -m tools.settings_docs"
WIDTH = 120

METHODS = Method.__args__  # type: ignore[attr-defined]
DEFAULT_METHOD = leaves(RunSpec)["method"].default

INTRODUCTION = f"""\
# Settings

This file is made by `{COMMAND}` from the types in the source and from the presets; a test
compares them. `hadesd settings PART` prints the settings whose names contain PART.

Later ones win: defaults, preset, `--spec run.toml`, `--set NAME=VALUE`. A preset (`--preset published` or `cpu`; by
default the first where there is a GPU, else the second) has other values by the family of the environment, for single
environments, and by method; where it is not named below it has the default. Families: brax, classic (classic control),
minatar, misc (Pong), images, and by their kind [environments of one's own](environments.md). What strategies other than
the preset's own begin with is in `hadesd/spec/presets/strategies.toml`.

*Paper* is the term or symbol of Lupu et al., *Behaviour Distillation*, ICLR 2024.
"""

DAEMON = """\
## Settings of the daemon

In `config.toml` (`hadesd paths` says where); `hadesd settings --daemon` prints them. Sections: `[hooks]` and below it
`finished = [...]`. The daemon reads the file when it starts.
"""

Values = Mapping[tuple[str, str, str], Any]
"""What one setting is by (family, environment, method)."""


def text() -> str:
    """The whole file."""
    parts = [INTRODUCTION]
    tables = {preset: preset_tables(preset) for preset in available()}
    for title, said, found in _sections(leaves(RunSpec)):
        parts.append(f"## {title}\n")
        parts += [textwrap.fill(said, WIDTH) + "\n"] if said else []
        parts += [_describe(leaf, {preset: table[leaf.name] for preset, table in tables.items()}) for leaf in found]
    parts.append(DAEMON)
    parts += [_describe(leaf, {}) for leaf in leaves(Settings).values()]
    return "\n".join(parts)


def preset_tables(preset: str) -> dict[str, Values]:
    """Setting -> its values under a preset, in every environment and by every method."""
    found: dict[str, dict[tuple[str, str, str], Any]] = {name: {} for name in leaves(RunSpec)}
    for family, entry in _environments():
        for method in METHODS:
            values = preset_values(preset, entry, method, None)
            for name, leaf in leaves(RunSpec).items():
                found[name][family, entry.name, method] = _at(values, name, leaf.default)
    return found  # type: ignore[return-value]


def shown_preset(values: Values, default: Any) -> str:
    """A preset's values in words; empty where all of them are the default."""
    if set(map(repr, values.values())) == {repr(default)}:
        return ""
    families = dict.fromkeys(family for family, _, _ in values)
    by_text: dict[str, list[str]] = {}
    for family in families:
        by_text.setdefault(_family_text(values, family), []).append(family)
    if len(by_text) == 1:
        return next(iter(by_text))
    by_text.pop(_shown(default), None)
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in by_text.items())


def _family_text(values: Values, family: str) -> str:
    """The value of a family; in brackets single environments that differ, and methods."""
    by_method = {
        method: {env: value for (f, env, m), value in values.items() if (f, m) == (family, method)}
        for method in METHODS
    }
    usual = _with_exceptions(by_method[DEFAULT_METHOD])
    texts = {method: _with_exceptions(found) for method, found in by_method.items() if method != DEFAULT_METHOD}
    return usual + "".join(f", {method} {said}" for method, said in texts.items() if said != usual)


def _with_exceptions(values: Mapping[str, Any]) -> str:
    texts = {env: _shown(value) for env, value in values.items()}
    usual, _ = Counter(texts.values()).most_common(1)[0]
    others = [f"{env} {said}" for env, said in texts.items() if said != usual]
    return usual + (f" ({', '.join(others)})" if others else "")


def _environments() -> Iterator[tuple[str, environments.EnvironmentInfo]]:
    """Every environment with its family, and one of each kind of a user's own."""
    for entry in environments.ENVIRONMENTS.values():
        yield entry.family, entry
    for family, observation, discrete in (
        ("own-discrete", (3,), True),
        ("own-continuous", (3,), False),
        ("own-grid", (10, 10, 2), True),
    ):
        own = OwnEnvironment(observation=observation, discrete=discrete, actions=2)
        yield family, environments.described(family, own)


def _sections(known: Mapping[str, Leaf]) -> Iterator[tuple[str, str, list[Leaf]]]:
    """The settings of a run by section: its name, what it is, and what is in it."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(RunSpec)}
    by_section: dict[str, list[Leaf]] = {}
    for leaf in known.values():
        by_section.setdefault(leaf.name.rpartition(".")[0], []).append(leaf)
    for section, found in by_section.items():
        yield section or "The run itself", " ".join((kinds[section].__doc__ or "").split()) if section else "", found


def _describe(leaf: Leaf, presets: Mapping[str, Values]) -> str:
    items = [f"takes: {leaf.accepts}"]
    items += [f"default: {_shown(leaf.default)}"] if leaf.name != "env" else ["has to be said"]
    items += [f"paper: {leaf.paper}"] if leaf.paper else []
    for preset, values in presets.items():
        if leaf.name not in ("env", "method", "preset") and (said := shown_preset(values, leaf.default)):
            items.append(f"`{preset}`: {said}")
    meaning = textwrap.wrap(leaf.description, WIDTH)
    listed = [line for item in items for line in textwrap.wrap(f"- {item}", WIDTH, subsequent_indent="  ")]
    return "\n".join([f"### {leaf.name}\n", *meaning, "", *listed, ""])


def _at(values: Mapping[str, Any], name: str, default: Any) -> Any:
    at: Any = values
    for part in name.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return default
        at = at[part]
    return at


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) or "empty"


if __name__ == "__main__":
    FILE.write_text(text())
    sys.stderr.write(f"wrote {FILE}\n")
