"""The commands that give a run once more."""

import shlex
from typing import Any

from hades_protocol.errors import HadesError
from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import set_dotted
from hadesd.analysis.report.run_data import ReportData, as_json
from hadesd.spec.changes import forked
from hadesd.spec.own_code import evaluate_command
from hadesd.spec.presets.base import base_of, differences
from hadesd.storage.checkpoints import choose_generation


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
    try:
        choose_generation(report_data.path.parent / parent.run, parent.generation)
        changed = _changes(report_data.parent_spec, spec, parent.generation)
        forked_spec, _, _ = forked(report_data.parent_spec, _nested(changed), parent.generation)
    except HadesError:
        return []
    command = ["hadesd", "fork", f"{parent.run}@{parent.generation}", *_assignments(changed)]
    return [shlex.join(command)] if forked_spec == spec else []


def _changes(parent: RunSpec, spec: RunSpec, generation: int) -> dict[str, Any]:
    """What --set must give for a fork of the parent to have these settings."""
    if spec.method == parent.method:
        return differences(parent, spec)
    # Another method brings its own settings along, and a strategy that is asked for those of its own.
    asked: dict[str, Any] = {"method": spec.method, "evolution.generations": spec.evolution.generations}
    asked |= {"evolution.strategy": spec.evolution.strategy}
    brought, _, _ = forked(parent, _nested(asked), generation)
    return asked | differences(brought, spec)


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in settings.items():
        set_dotted(values, name, value)
    return values


def _assignments(settings: dict[str, Any]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={as_json(value)}")]
