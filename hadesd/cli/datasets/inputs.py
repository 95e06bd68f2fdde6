"""Which dataset a person means, and with which settings it is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, set_dotted
from hadesd.cli.output import say
from hadesd.storage.datasets import is_dataset_name

if TYPE_CHECKING:
    from hadesd.analysis.datasets.reader import DatasetFile


def find_dataset(text: str) -> tuple[Path, Path | None]:
    """A file or a RUN -> the dataset's file, and the run's directory where a run was named.

    Raises:
        NotFoundError: no such run, or it has no dataset.
    """
    from hadesd.cli.datasets.export import newest_dataset
    from hadesd.storage.records import find_directory

    if is_dataset_name(text):
        return Path(text), None
    directory = find_directory(Paths().runs, text)
    return newest_dataset(directory), directory


def settings_for(
    dataset: "DatasetFile",
    env: str | None,
    assignments: list[tuple[str, Any]],
    hint: str = "use --env, e.g. --env CartPole-v1",
) -> RunSpec:
    """The published settings, under what the file says, under what the command line says.

    hint: how a person can name the environment of a file that does not say it.

    Raises:
        UsageError: the environment is not known, or a setting is not accepted.
    """
    from hadesd.analysis.datasets.reader import settings_from_meta
    from hadesd.spec import environments, validation
    from hadesd.spec.presets import resolve

    asked: dict[str, Any] = settings_from_meta(dataset.meta)
    if env is not None:
        asked["env"] = env
    for key, value in assignments:
        set_dotted(asked, key, value)
    if not isinstance(asked.get("env"), str):
        raise UsageError(f"{dataset.path} does not say which environment it is for: {hint}")
    entry = environments.find(asked["env"])
    _say_what_is_missing(dataset)
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


def _say_what_is_missing(dataset: "DatasetFile") -> None:
    if not dataset.meta:
        say("the file says nothing of its settings: the published ones are used where --set gives none")
        return
    missing = [key for key in ("policy", "cloning", "evaluation") if not isinstance(dataset.meta.get(key), dict)]
    if missing:
        say(
            f"{dataset.path} does not say its settings of {', '.join(missing)}: the published ones are used where "
            "--set gives none; the files of 'hadesd export' say them all"
        )


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse an integer option out of its range.

    Raises:
        UsageError: it is.
    """
    if not low <= value <= high:
        raise UsageError(f"--{name} is {value}: it takes an integer from {low} to {high}")
