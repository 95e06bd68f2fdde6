"""The commands that give a run once more, and what its settings are compared with."""

import shlex
from contextlib import suppress
from typing import Any

import msgspec

from hades_protocol.errors import HadesError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import leaves, merge, set_dotted
from hadesd.analysis.report.run_data import ReportData, as_json
from hadesd.spec import environments, strategies
from hadesd.spec.changes import forked
from hadesd.spec.own_code import evaluate_command
from hadesd.spec.presets import preset_values
from hadesd.storage.checkpoints import choose_generation

NAMED = ("env", "method", "preset")
"""Settings with options of their own."""


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


def commands(report_data: ReportData) -> list[str]:
    """What to type to get the same again."""
    if report_data.spec is None:
        name = report_data.entry.name if report_data.entry else ""
        return [f"{evaluate_command(report_data.path, name)} --inits 10"] if name else []
    out = _fork(report_data, report_data.spec) or _start(report_data, report_data.spec)
    if report_data.dataset is not None:
        file = f"{report_data.name}.npz"
        out += [
            f"hadesd export {report_data.name} -o {file}",
            f"{evaluate_command(file, report_data.spec.env)} --inits 10",
        ]
    return [*out, f"hadesd report {report_data.name} -o {report_data.name}.html"]


def _start(report_data: ReportData, spec: RunSpec) -> list[str]:
    base, _ = base_of(spec)
    arguments = ["hadesd", "start", "--env", spec.env, "--method", spec.method]
    if base.preset:
        arguments += ["--preset", base.preset]
    command = shlex.join([*arguments, *_assignments(differences(base, spec))])
    parent = report_data.record.parent if report_data.record is not None else None
    if parent is None:
        return [command]
    why = f"# it was forked from {parent.run}@{parent.generation}, which is not there as it was: this begins anew"
    return [why, command]


def _fork(report_data: ReportData, spec: RunSpec) -> list[str]:
    """The command that forks once more; none where the run is no fork, or its parent would give another one."""
    parent = report_data.record.parent if report_data.record is not None else None
    if parent is None or report_data.parent_spec is None:
        return []
    changed = differences(report_data.parent_spec, spec)
    values: dict[str, Any] = {}
    for name, value in changed.items():
        set_dotted(values, name, value)
    try:
        choose_generation(report_data.path.parent / parent.run, parent.generation)
        forked_spec, _, _ = forked(report_data.parent_spec, values, parent.generation)
    except HadesError:
        return []
    command = ["hadesd", "fork", f"{parent.run}@{parent.generation}", *_assignments(changed)]
    return [shlex.join(command)] if forked_spec == spec else []


def _assignments(settings: dict[str, Any]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={as_json(value)}")]
