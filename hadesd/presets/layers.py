"""Settings in layers: defaults, preset, spec file, --set. Later ones win.

A preset file has the tables `all`, `family.<family>`, `env.<name>`, `method.<method>` and
`family_method.<family>.<method>`, laid over each other in this order.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.settings import leaves, merge, set_dotted
from hadesd import catalogue

DEFAULT_METHOD = leaves(RunSpec)["method"].default


def available() -> list[str]:
    """Names of the presets."""
    files = resources.files("hadesd.presets").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


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
        UsageError: unknown environment, preset or setting; a value out of range; no environment at all.
    """
    asked: dict[str, Any] = dict(file_values or {})
    asked |= {key: value for key, value in (("env", env), ("method", method), ("preset", preset)) if value is not None}
    for key, value in assignments:
        set_dotted(asked, key, value)
    if not isinstance(asked.get("env"), str):
        raise UsageError("no environment given: use --env, e.g. --env CartPole-v1 (or env in the spec file)")
    entry = catalogue.find(asked["env"])
    asked["env"] = entry.name
    notes: list[str] = []
    name = asked.get("preset") or ("published" if has_gpu else "cpu")
    if not asked.get("preset") and not has_gpu:
        notes.append(
            "no GPU found: using the preset 'cpu', sized for two cores (the paper's settings: --preset published)"
        )
    asked["preset"] = name
    method_name = str(asked.get("method", DEFAULT_METHOD))
    spec = build_spec(merge(_preset_values(str(name), entry, method_name), asked))
    catalogue.backend_for(entry, spec.backend)
    _check_labels(spec, entry)
    return spec, notes


def _preset_values(name: str, entry: catalogue.Entry, method: str) -> dict[str, Any]:
    if name not in available():
        raise UsageError(f"unknown preset '{name}'; there are: {', '.join(available())}")
    text = resources.files("hadesd.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    out: dict[str, Any] = {}
    for layer in (
        tables.get("all", {}),
        tables.get("family", {}).get(entry.family, {}),
        tables.get("env", {}).get(entry.name, {}),
        tables.get("method", {}).get(method, {}),
        tables.get("family_method", {}).get(entry.family, {}).get(method, {}),
    ):
        out = merge(out, layer)
    return out


def _check_labels(spec: RunSpec, entry: catalogue.Entry) -> None:
    if spec.method == "es" or not entry.discrete or spec.dataset.labels != "fixed":
        return
    if spec.dataset.pairs < entry.actions:
        raise UsageError(
            f"dataset.pairs is {spec.dataset.pairs}, but {entry.name} has {entry.actions} actions and fixed labels "
            f"give each at least one pair: use {entry.actions} or more, or --set dataset.labels=learned"
        )
