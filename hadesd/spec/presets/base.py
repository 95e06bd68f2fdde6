"""What a run's settings are compared with: those of its preset."""

from contextlib import suppress
from typing import Any

import msgspec

from hades_protocol.errors import HadesError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import leaves, merge
from hadesd.spec import environments, strategies
from hadesd.spec.presets.layers import NAMED, preset_values


def base_of(spec: RunSpec) -> tuple[RunSpec, str]:
    """What the settings would be without --set, and a name for it; `preset` is empty where there is none to name.

    The strategy is the preset's, all else what the preset has for the run's strategy: asking for one brings its
    settings along.
    """
    own_environment = spec_to_dict(spec)["own_environment"]  # which --env brings along
    for preset in filter(None, (spec.preset, "published")):
        with suppress(HadesError):  # a preset, an environment or a strategy of another version
            entry, strategy = environments.of_spec(spec), strategies.find(spec.evolution.strategy).key
            values, own = (preset_values(preset, entry, spec.method, name) for name in (strategy, None))
            named = {"env": spec.env, "method": spec.method, "preset": preset, "own_environment": own_environment}
            own_strategy = {"evolution": {"strategy": own.get("evolution", {}).get("strategy", "openes")}}
            base = msgspec.convert(merge(merge(values, own_strategy), named), RunSpec)
            return base, f"the preset {preset}"
    return build_spec({"env": spec.env, "method": spec.method, "own_environment": own_environment}), "the defaults"


def flat(spec: RunSpec) -> dict[str, Any]:
    """Every setting by its dotted name."""
    out = {}
    for name in leaves(RunSpec):
        value: Any = spec
        for part in name.split("."):
            value = getattr(value, part)
        out[name] = value
    return out


def differences(base: RunSpec, spec: RunSpec) -> dict[str, Any]:
    """The settings that --set must give for the base to become the other one."""
    theirs = flat(base)
    return {name: value for name, value in flat(spec).items() if value != theirs[name] and name not in NAMED}
