"""Settings of a run from plain values: a preset's, with what is asked for laid over them."""

import os
from collections.abc import Mapping
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import merge, set_dotted
from hadesd.api.arguments import as_settings
from hadesd.spec.presets import resolve


def settings(
    env: str,
    values: Mapping[str, Any] | None = None,
    *,
    method: str | None = None,
    preset: str | None = None,
    seed: int | None = None,
) -> RunSpec:
    """Every setting of a run, as `hadesd start` chooses them.

    Args:
        env: environment, e.g. "CartPole-v1", or a set of images, e.g. "digits".
        values: settings by dotted name or nested: {"dataset.pairs": 2} or {"dataset": {"pairs": 2}}.
            `hadesd settings` lists them with range, default and meaning.
        method: "hades-r" (the default), "hades-f" or "es".
        preset: where the other settings come from: "published" or "cpu". Default: "published" where this machine has
            a GPU, else "cpu".
        seed: root of all random numbers of the run (default 0).

    Returns:
        The settings, checked and unchangeable; `msgspec.structs.replace` makes others of them.

    Raises:
        UsageError: an environment, preset or setting that does not exist, or a value that is not accepted.
    """
    return resolve_settings(env, values, method=method, preset=preset, seed=seed, gpu=None)


def resolve_settings(
    env: str | None,
    values: Mapping[str, Any] | None,
    *,
    method: str | None = None,
    preset: str | None = None,
    seed: int | None = None,
    gpu: bool | None,
) -> RunSpec:
    """As `settings`. gpu: whether the run will have a GPU; None: whether this machine has one."""
    asked = nested(as_settings(values))
    if gpu is None:
        from hadesd.supervisor.scheduling.nvml import usable_gpus

        gpu = bool(usable_gpus(os.environ))
    assignments = [] if seed is None else [("seed", seed)]
    spec, _ = resolve(env=env, method=method, preset=preset, file_values=asked, assignments=assignments, has_gpu=gpu)
    return spec


def as_spec(spec: RunSpec | Mapping[str, Any], gpu: bool | None = None) -> RunSpec:
    """Settings as they are, or completed from values that name at least `env`. gpu: as in resolve_settings.

    Raises:
        UsageError: they name no environment, or are not accepted.
    """
    if isinstance(spec, RunSpec):
        return spec
    if "env" not in as_settings(spec):
        raise UsageError("these settings name no environment: add it, e.g. {'env': 'CartPole-v1', …}")
    return resolve_settings(None, spec, gpu=gpu)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name or nested, as nested ones.

    Raises:
        UsageError: a name is no text, or lies below a setting that is no section.
    """
    out: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(name, str):
            raise UsageError(f"settings are named by text, not by {name!r}: e.g. {{'dataset.pairs': 2}}")
        one: dict[str, Any] = {}
        set_dotted(one, name, nested(value) if isinstance(value, Mapping) else _number(value))
        out = merge(out, one)  # later ones win
    return out


def _number(value: Any) -> Any:
    """A scalar of numpy or jax, of linspace say, as Python's own."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def dotted(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Settings by dotted name or nested, as dotted names with values.

    Raises:
        UsageError: as `nested`.
    """
    out: list[tuple[str, Any]] = []
    for name, value in nested(values).items():
        out += dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return out
