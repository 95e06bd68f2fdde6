"""hadesd export: a run's dataset as a file. Reads the run directory; no daemon is needed."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.paths import Paths
from hadesd.cli.extras import require_daemon_extra
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "export",
        "copy a run's dataset into a file",
        "hadesd export @ -o cartpole.npz\nhadesd export @@50 -o generation50.npz --force",
    )
    parser.add_argument("run", metavar="RUN[@GEN]", help=RUN_HELP + "; @GEN: the mean dataset of a kept generation")
    parser.add_argument("-o", "--output", metavar="FILE.npz", required=True, type=Path, help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace FILE.npz if it exists")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    require_daemon_extra("export")
    from hadesd.supervisor.runs import find_directory

    name, generation = split_generation(args.run)
    directory = find_directory(Paths().runs, name)
    _check_output(args.output, args.force)
    try:
        if generation is None:
            _copy_newest(directory, args.output)
        else:
            _from_checkpoint(directory, generation, args.output)
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from None
    described = _describe(directory.name, args.output)
    if args.json:
        print_json(described)
    else:
        print(described["file"])
        say(
            f"{described['pairs']} pairs of {described['environment']} after generation {described['generation']} "
            f"of run {described['run']}; try it: hadesd evaluate {args.output}"
        )
    return 0


def split_generation(text: str) -> tuple[str, int | None]:
    """RUN[@GEN] -> run and generation; `@` alone is the newest run, `@@50` its generation 50."""
    head, sep, tail = text.rpartition("@")
    if not sep or tail == "":
        return text, None
    if not tail.isascii() or not tail.isdigit():
        raise UsageError(f"'{text}': after @ comes a generation, e.g. {head or '@'}@50")
    return head or "@", int(tail)


def _check_output(output: Path, force: bool) -> None:
    if output.suffix != ".npz":
        raise UsageError(f"{output}: exports are npz files, e.g. -o {output.stem or 'dataset'}.npz")
    if output.exists() and not force:
        raise UsageError(f"{output} exists already: choose another name, or replace it with --force")


def newest_dataset(directory: Path) -> Path:
    """The file of the newest committed mean dataset in a run directory.

    Raises:
        NotFoundError: the run has none.
    """
    source = directory / "dataset.npz"
    if not source.is_file():
        raise NotFoundError(
            f"run {directory.name} has no dataset yet: its first generation is not committed, "
            "or its method is es, which evolves a policy and no dataset"
        )
    return source


def _copy_newest(directory: Path, output: Path) -> None:
    source = newest_dataset(directory)
    partial = output.with_name(f".{output.name}.partial")
    try:
        shutil.copyfile(source, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _from_checkpoint(directory: Path, generation: int, output: Path) -> None:
    from hadesd.cli.computing import prepare_computing
    from hadesd.supervisor.runs import load

    _, spec = load(directory)
    prepare_computing(spec)
    from hadesd.worker.exporting import export_generation

    export_generation(directory, spec, generation, output)


def _describe(run_id: str, output: Path) -> dict[str, Any]:
    from hadesd.analysis.datasets import load as load_dataset

    dataset = load_dataset(output)
    return {
        "run": run_id,
        "file": str(output),
        "pairs": int(dataset.states.shape[0]),
        "environment": dataset.meta.get("environment"),
        "generation": dataset.meta.get("generation"),
        "normalisation": dataset.meta.get("normalisation"),
    }
