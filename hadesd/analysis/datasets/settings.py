"""The settings with which a dataset's policies are trained and measured: what its file says, completed."""

from collections.abc import Callable
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, set_dotted
from hadesd.analysis.datasets.reader import DatasetFile, settings_from_meta
from hadesd.spec import environments, validation
from hadesd.spec.presets import resolve


def settings_for(
    dataset: DatasetFile,
    env: str | None,
    assignments: list[tuple[str, Any]],
    *,
    hint: str,
    tell: Callable[[str], None],
) -> RunSpec:
    """The published settings, under what the file says, under what was asked for.

    hint: how a person can name the environment of a file that does not say it. tell: gets a line for people where the
    file does not say its settings.

    Raises:
        UsageError: the environment is not known, or a setting is not accepted.
    """
    asked: dict[str, Any] = settings_from_meta(dataset.meta)
    if env is not None:
        asked["env"] = env
    for key, value in assignments:
        set_dotted(asked, key, value)
    if not isinstance(asked.get("env"), str):
        raise UsageError(f"{dataset.path} does not say which environment it is for: {hint}")
    entry = environments.find(asked["env"])
    _say_what_is_missing(dataset, tell)
    base, _ = resolve(
        env=entry.name, method="hades-r", preset="published", file_values=None, assignments=[], has_gpu=False
    )
    # Of the published settings only those of the inner loop matter here; the method and its k do not.
    values = {key: spec_to_dict(base)[key] for key in ("policy", "cloning", "evaluation", "images")}
    values = merge(values, asked) | {"env": entry.name, "method": "hades-r"}
    if isinstance(values["policy"], dict):  # build_spec refuses anything else
        values["policy"] = values["policy"] | {"inits": None}
    spec = build_spec(values)
    validation.check(spec)
    return spec


def _say_what_is_missing(dataset: DatasetFile, tell: Callable[[str], None]) -> None:
    if not dataset.meta:
        tell("the file says nothing of its settings: the published ones are used where none is given")
        return
    missing = [key for key in ("policy", "cloning", "evaluation") if not isinstance(dataset.meta.get(key), dict)]
    if missing:
        tell(
            f"{dataset.path} does not say its settings of {', '.join(missing)}: the published ones are used where "
            "none is given; the files of 'hadesd export' say them all"
        )
