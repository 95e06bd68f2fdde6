"""hadesd export: a run's dataset as a file. Reads the run directory; no daemon is needed."""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.formatting import count_of
from hades_protocol.paths import Paths
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.documents.datasets import ExportDocument
from hadesd.cli.output import number, print_json, refuse_existing, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb, split_generation
from hadesd.spec.own_code import evaluate_command
from hadesd.spec.user_files import as_argument
from hadesd.storage.atomic import write_outputs
from hadesd.storage.datasets import SUFFIXES
from hadesd.storage.layout import DATASET, RunPaths

if TYPE_CHECKING:
    from hadesd.analysis.datasets.card import Origin
    from hadesd.analysis.datasets.reader import DatasetFile

FORMATS = tuple(suffix.removeprefix(".") for suffix in SUFFIXES)
DIRECTORIES = ("huggingface", "minari")
"""Formats that are a directory."""

EXAMPLES = """\
hadesd export @ -o cartpole.npz --card
hadesd export @@50 -o generation50.csv --force
hadesd export @ --best -o best.safetensors
hadesd export @ -o cartpole-hub --format huggingface"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(subparsers, "export", "copy a run's dataset into a file", EXAMPLES)
    parser.add_argument("run", metavar="RUN[@GEN]", help=RUN_HELP + "; @GEN: the mean dataset of a kept generation")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, type=Path, help="where to write it")
    parser.add_argument(
        "--format",
        choices=FORMATS + DIRECTORIES,
        help="the file's format (default: by its suffix); huggingface and minari: FILE is a directory",
    )
    parser.add_argument(
        "--best", action="store_true", help="the mean dataset of the highest evaluated return, not the newest"
    )
    parser.add_argument(
        "--card", action="store_true", help="also write FILE.md: what it is, how to use it, what it is worth"
    )
    parser.add_argument("--force", action="store_true", help="replace what exists")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    require_daemon_extra("export")
    from hadesd.storage.records import find_directory

    name, generation = split_generation(args.run)
    if args.best and generation is not None:
        raise UsageError("--best and a generation: choose one of them")
    directory = find_directory(Paths().runs, name)
    check_output(args.output, args.format, args.force, args.card)
    with _scratch() as scratch:
        source = _source(directory, generation, args.best, scratch)
        files = write_as(source, args.output, args.format)
    dataset, origin = _origin(directory, args.output)
    if args.card or args.format == "huggingface":
        files.append(write_card(dataset, args.output, origin, args.format == "huggingface"))
    document = _document(args.output, dataset, origin, files)
    if args.json:
        print_json(document)
    else:
        print(document.file)
        if len(files) > 1:
            where, others = ("in it", files) if args.output.is_dir() else ("beside it", files[1:])
            say(f"{where}: {', '.join(str(path) for path in others)}")
        worth = "" if origin.evaluated is None else f", evaluated {number(origin.evaluated[0])}"
        say(
            f"{count_of(document.pairs, 'pair')} of {document.env} after generation {document.generation} "
            f"of run {document.id}{worth}; try it: {evaluate_command(args.output, document.env)}"
        )
    return 0


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A directory for a dataset that has to be computed first.

    Raises:
        UsageError: there is no room for it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="hades-export-") as scratch:
            yield Path(scratch)
    except OSError as error:
        raise UsageError(
            f"cannot write below {tempfile.gettempdir()}: {error.strerror or error}; make room, or set TMPDIR"
        ) from None


def check_output(output: Path, format_: str | None, force: bool, card: bool) -> None:
    """Refuse a file name that would not be written, before anything is read for it.

    Raises:
        UsageError: an unknown suffix, another one than the format's, or something is there already.
    """
    stem = output.stem or "dataset"
    if format_ in DIRECTORIES:
        _check_directory(output, force)
        return
    if format_ is not None and output.suffix.lower() != f".{format_}":
        raise UsageError(f"{output} would not be read as {format_}: name it {as_argument(f'{stem}.{format_}')}")
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output}: datasets are {', '.join(SUFFIXES)} files, e.g. -o {as_argument(f'{stem}.npz')}")
    beside = [output.with_name(output.name + ".json")] if output.suffix.lower() == ".csv" else []
    beside += [output.with_suffix(".md")] if card else []
    for path in (output, *beside):
        refuse_existing(path, force)


def _check_directory(output: Path, force: bool) -> None:
    if output.suffix.lower() in SUFFIXES or (output.exists() and not output.is_dir()):
        raise UsageError(
            f"{output} is the name of a file, and this format is a directory: -o {as_argument('dataset-v0')}"
        )
    if output.is_dir() and any(output.iterdir()):
        refuse_existing(output, force)


def newest_dataset(directory: Path) -> Path:
    """The file of the newest committed mean dataset in a run directory.

    Raises:
        NotFoundError: the run has none.
    """
    source = RunPaths(directory).dataset
    if not source.is_file():
        raise NotFoundError(
            f"run {directory.name} has no dataset yet: its first generation is not committed, "
            "or its method is es, which evolves a policy and no dataset"
        )
    return source


def best_dataset(directory: Path) -> Path:
    """The file of the mean dataset with the highest evaluated return in a run directory.

    Raises:
        NotFoundError: no mean dataset of the run was evaluated so far; the text says what to set.
    """
    from hadesd.storage.records import load

    source = RunPaths(directory).best
    if source.is_file():
        return source
    newest_dataset(directory)
    every = load(directory)[1].evaluation.mean_every
    raise NotFoundError(
        f"run {directory.name} has no best dataset yet: its mean dataset is evaluated every {every} generations, "
        "and the first such evaluation is not committed"
        if every
        else f"run {directory.name} never evaluates its mean dataset, so none is known to be the best: start runs with "
        "--set evaluation.mean_every=10, say, or export the newest without --best"
    )


def _source(directory: Path, generation: int | None, best: bool, scratch: Path) -> Path:
    """The npz that is wanted; a kept generation is first taken out of its checkpoint."""
    if best:
        return best_dataset(directory)
    if generation is None:
        return newest_dataset(directory)
    from hadesd.cli.compute import prepare_computing
    from hadesd.storage.records import load

    _, spec = load(directory)
    prepare_computing(spec, "hadesd.worker.exporting")
    from hadesd.worker.exporting import export_generation

    export_generation(directory, spec, generation, scratch / DATASET)
    return scratch / DATASET


def write_as(source: Path, output: Path, format_: str | None = None) -> list[Path]:
    """Copy an npz, or convert it to a format, by default that of the output's suffix; the files that were written.

    Raises:
        UsageError: they cannot be written.
    """
    from hadesd.analysis.datasets import formats

    try:
        if format_ in DIRECTORIES or output.suffix.lower() != ".npz":
            arrays = formats.read(source).arrays
            return formats.write(output, arrays, str(arrays["meta"]), format_ if format_ in DIRECTORIES else "")
        write_outputs({output: source.read_bytes()})
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None
    return [output]


def write_card(dataset: "DatasetFile", output: Path, origin: "Origin", for_the_hub: bool = False) -> Path:
    """Write the card of a dataset file beside it, or into a directory; for the Hub with its front matter.

    Raises:
        UsageError: it cannot be written.
    """
    from hadesd.analysis.datasets.card import card_path, card_text, front_matter
    from hadesd.storage.atomic import write_outputs

    path = card_path(output)
    try:
        head = front_matter(dataset) if for_the_hub else ""
        write_outputs({path: (head + card_text(dataset, output, origin)).encode()})
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _origin(directory: Path, output: Path) -> "tuple[DatasetFile, Origin]":
    """The dataset as it was written, and what its run knows of it."""
    from hadesd.analysis.datasets.card import Origin
    from hadesd.analysis.datasets.reader import load as load_dataset
    from hadesd.storage.metric_lines import read_metrics
    from hadesd.storage.records import load

    dataset = load_dataset(output)
    record, spec = load(directory)
    generation = dataset.meta.get("generation")
    evaluated = next(
        (
            (line.evaluated_mean, line.evaluated_sem)
            for line in read_metrics(directory)
            if line.generation == generation and line.evaluated_mean is not None
        ),
        None,
    )
    inits = 1 if spec.method == "hades-f" else spec.evaluation.mean_inits
    return dataset, Origin(record.id, record.group, record.parent, evaluated, inits)


def _document(output: Path, dataset: "DatasetFile", origin: "Origin", files: list[Path]) -> ExportDocument:
    mean, sem = origin.evaluated or (None, None)
    meta = dataset.meta
    return ExportDocument(
        id=origin.run,
        file=str(output),
        files=tuple(str(path) for path in files),
        env=str(meta.get("environment")),
        pairs=int(dataset.states.shape[0]),
        generation=int(meta.get("generation", 0)),
        normalisation=str(meta.get("normalisation")),
        evaluated_mean=mean,
        evaluated_sem=sem,
    )
