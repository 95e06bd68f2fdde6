"""Which dataset a person means, and with which settings it is used."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import parse_assignment
from hadesd.cli.output import say
from hadesd.cli.parsing import Parser, split_generation
from hadesd.storage.checkpoints import find_checkpoint
from hadesd.storage.datasets import SUFFIXES, is_dataset_name
from hadesd.storage.layout import DATASET

if TYPE_CHECKING:
    from hadesd.analysis.datasets.reader import DatasetFile


DATASET_METAVAR = "FILE|RUN[@GEN]"
DATASET_HELP = "an exported file, or a run (its newest commit; @GEN: a kept generation)"

OF_A_SEARCH = ("method", "seed", "preset", "dataset", "evolution", "checkpoints", "resources")
"""Settings, and sections of them, that have nothing to do with training on a file."""


def add_trust(parser: Parser) -> None:
    """Add --trust."""
    parser.add_argument(
        "--trust",
        metavar="CODE",
        action="append",
        default=[],
        help="import this environment or policy, package.module:name, which a file names; repeatable",
    )


def training_settings(texts: Iterable[str]) -> list[tuple[str, Any]]:
    """The NAME=VALUE of --set, of a verb that trains policies on a file.

    Raises:
        UsageError: it is none, or would change nothing there.
    """
    found = [parse_assignment(text) for text in texts]
    for name, _ in found:
        if name.partition(".")[0] in OF_A_SEARCH:
            raise UsageError(
                f"{name} is a setting of the search, and would change nothing here: policy.*, cloning.*, evaluation.* "
                "and backend do"
            )
    return found


def find_dataset(text: str) -> tuple[Path, Path | None]:
    """A file, a RUN or RUN@GENERATION -> the dataset's file, and the run's directory where a run was named.

    Raises:
        NotFoundError: no such run, or it has no dataset; the generation is not kept, or was kept without its dataset.
        UsageError: it is a file of another kind; what follows the @ is no generation.
    """
    if is_dataset_name(text):
        return Path(text), None
    name, generation = split_generation(text)
    directory = find_run(name)
    if generation is None:
        from hadesd.cli.datasets.export import newest_dataset

        return newest_dataset(directory), directory
    file = find_checkpoint(directory, generation) / DATASET
    if not file.is_file():
        raise NotFoundError(f"run {directory.name} keeps no pairs of generation {generation}: its method evolves none")
    return file, directory


def find_run(text: str) -> Path:
    """The directory of a RUN, where a dataset file could have been named instead.

    Raises:
        NotFoundError: no such run.
        UsageError: it is a file, and no dataset.
    """
    from hadesd.storage.records import find_directory

    try:
        return find_directory(Paths().runs, text)
    except NotFoundError:
        if not os.path.lexists(text):
            raise
        raise UsageError(
            f"{text} is no run and no dataset: datasets are {', '.join(SUFFIXES)} files, or directories of "
            "'hadesd export --format'"
        ) from None


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
