"""Which dataset a person means, and with which settings it is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
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
    from hadesd.analysis.datasets.settings import settings_for as settings_of

    return settings_of(dataset, env, assignments, hint=hint, tell=say)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse an integer option out of its range.

    Raises:
        UsageError: it is.
    """
    if not low <= value <= high:
        raise UsageError(f"--{name} is {value}: it takes an integer from {low} to {high}")
