"""Which dataset a person means, and with which settings it is used."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hadesd.cli.output import say
from hadesd.cli.parsing import Parser
from hadesd.storage.datasets import is_dataset_name

if TYPE_CHECKING:
    from hadesd.analysis.datasets.reader import DatasetFile


def add_trust(parser: Parser) -> None:
    """Add --trust."""
    parser.add_argument(
        "--trust",
        metavar="CODE",
        action="append",
        default=[],
        help="import this environment or policy, package.module:name, which a file names; repeatable",
    )


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
    trusted: Iterable[str] | None = (),
) -> RunSpec:
    """The published settings, under what the file says, under what the command line says.

    hint: how a person can name the environment of a file that does not say it. trusted: code that may be
    imported although only the file names it (None: any; the file is a run's own, or nothing will be imported).

    Raises:
        UsageError: the environment is not known, a setting is not accepted, or the file names code that the command
            line does not.
    """
    from hadesd.analysis.datasets.settings import settings_for as settings_of

    return settings_of(dataset, env, assignments, hint=hint, tell=say, trusted=trusted)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse an integer option out of its range.

    Raises:
        UsageError: it is.
    """
    if not low <= value <= high:
        raise UsageError(f"--{name} is {value}: it takes an integer from {low} to {high}")
