"""Settings in layers: defaults, preset, spec file, --set. Later ones win.

A preset file has the tables `all`, `family.<family>` (of environments of one's own: `own-discrete`, `own-continuous`,
`own-grid`, by what they are), `env.<name>`, `method.<method>`,
`family_method.<family>.<method>`, `env_method.<env>.<method>` and `strategy.<strategy>`, laid over each other in
this order. With `extends = "other"` it lies on the other preset's tables.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.settings import leaves, merge, set_dotted
from hadesd.spec import environments, own_code, strategies, validation
from hadesd.spec.differences import difference
from hadesd.spec.without_effect import without_effect

NAMED = ("env", "method", "preset")
"""Settings with options of their own."""

DEFAULT_METHOD = leaves(RunSpec)["method"].default


def available() -> list[str]:
    """Names of the presets."""
    names = [file.name for file in resources.files("hadesd.spec.presets").iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml") and name != "strategies.toml")


def resolve(
    *,
    env: str | None,
    method: str | None,
    preset: str | None,
    file_values: Mapping[str, Any] | None,
    assignments: Iterable[tuple[str, Any]],
    has_gpu: bool,
) -> tuple[RunSpec, list[str]]:
    """The spec that a command line asks for, and notes for the person who typed it.

    env, method, preset: options of the command line; they win over `file_values` (a parsed spec file) and lose
    against `assignments` (dotted name, value), as what is typed last should. Without a preset: `published`
    where there is a GPU, else `cpu`.

    Raises:
        UsageError: unknown environment, preset or setting; a value out of range; no environment at all; an environment
            or a policy of one's own that cannot be used.
    """
    asked: dict[str, Any] = dict(file_values or {})
    asked |= {key: value for key, value in (("env", env), ("method", method), ("preset", preset)) if value is not None}
    for key, value in assignments:
        set_dotted(asked, key, value)
    if not isinstance(asked.get("env"), str):
        raise UsageError("no environment given: use --env, e.g. --env CartPole-v1 (or env in the spec file)")
    entry = _entry(asked)
    asked["env"] = entry.name
    notes: list[str] = []
    name = asked.get("preset") or ("published" if has_gpu else "cpu")
    if not asked.get("preset") and not has_gpu:
        notes.append(
            "no GPU found: using the preset 'cpu', sized for two cores (the paper's settings: --preset published)"
        )
    asked["preset"] = name
    method_name = str(asked.get("method", DEFAULT_METHOD))
    below = preset_values(str(name), entry, method_name, asked_strategy(asked))
    spec = build_spec(merge(below, asked))
    validation.check(spec)
    own_code.check_policy(spec)
    named = {key: asked[key] for key in (*NAMED, "own_environment") if key in asked}
    differing = {change.name for change in difference(build_spec(merge(below, named)), spec)}
    return spec, [*notes, *without_effect(spec, differing)]


def _entry(asked: dict[str, Any]) -> environments.EnvironmentInfo:
    """The environment that is asked for. One of the user's own is described, where it is not yet; written back.

    Raises:
        UsageError: there is no such environment, or one's own cannot be used.
    """
    name = asked["env"]
    if not own_code.is_own(name) and not asked.get("own_environment"):
        return environments.find(name, own_code.entry_points)
    own = asked.get("own_environment")
    if not own:
        own = asked["own_environment"] = msgspec.to_builtins(own_code.describe(name))
    return environments.of_spec(build_spec({"env": name, "own_environment": own}))


def _family_of(entry: environments.EnvironmentInfo) -> str:
    if entry.family != "own":
        return entry.family
    return "own-grid" if entry.is_grid else "own-discrete" if entry.discrete else "own-continuous"


def _fitted(values: dict[str, Any], entry: environments.EnvironmentInfo) -> dict[str, Any]:
    """A preset's values for an environment of one's own: a pair for each action, and steps for a whole episode."""
    own: dict[str, Any] = {"evaluation": {"steps": entry.episode_steps}} if entry.episode_steps else {}
    if entry.discrete:
        own["dataset"] = {"pairs": max(entry.actions, values.get("dataset", {}).get("pairs", 0))}
    return merge(values, own)


def asked_strategy(asked: Mapping[str, Any]) -> str | None:
    """The strategy that was asked for, in canonical spelling (written back), or None."""
    evolution = asked.get("evolution")
    name = evolution.get("strategy") if isinstance(evolution, dict) else None
    if not isinstance(name, str) or not isinstance(evolution, dict):
        return None
    evolution["strategy"] = strategies.find(name).key
    return str(evolution["strategy"])


def preset_values(name: str, entry: environments.EnvironmentInfo, method: str, strategy: str | None) -> dict[str, Any]:
    """What a preset says. strategy: the one that is asked for, in canonical spelling; None: the preset's own.

    Raises:
        UsageError: there is no such preset.
    """
    out: dict[str, Any] = {}
    chain, family = _chain(name), _family_of(entry)
    for tables in chain:
        for layer in (
            tables.get("all", {}),
            tables.get("family", {}).get(family, {}),
            tables.get("env", {}).get(entry.name, {}),
            tables.get("method", {}).get(method, {}),
            tables.get("family_method", {}).get(family, {}).get(method, {}),
            tables.get("env_method", {}).get(entry.name, {}).get(method, {}),
        ):
            out = merge(out, layer)
    own = out.get("evolution", {}).get("strategy", "openes")
    if strategy is not None and strategy != own:
        # Settings of the preset's strategy are not those of another one: its steps have other units.
        for tables in (_load("strategies"), *chain):
            out = merge(out, tables.get("strategy", {}).get(strategy, {}))
    return _fitted(out, entry) if entry.family == "own" else out


def _chain(name: str) -> list[dict[str, Any]]:
    """The preset's tables, after those of the presets that it extends."""
    if name not in available():
        raise UsageError(f"unknown preset '{name}'; there are: {', '.join(available())}")
    tables = _load(name)
    below = tables.get("extends")
    return [*(_chain(str(below)) if below else []), tables]


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("hadesd.spec.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
