"""hadesd transfer: train policies of many shapes and settings on datasets, and compare their returns."""

import argparse
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.formatting import count_of
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.datasets.inputs import (
    DATASET_HELP,
    DATASET_METAVAR,
    add_trust,
    find_dataset,
    settings_for,
    training_settings,
)
from hadesd.cli.output import duration, number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb, check_range
from hadesd.cli.picture_options import add_picture, check_picture
from hadesd.cli.progress import LOADING, Progress
from hadesd.spec import environments
from hadesd.spec.user_files import as_argument
from hadesd.storage.layout import RunPaths

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.datasets.reader import DatasetFile
    from hadesd.analysis.evaluation.documents import TransferDocument, WidthSummary
    from hadesd.analysis.evaluation.transfer import Transferred

DRAWN_WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
GRID_WIDTHS = (16, 64, 256, 1024)


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "transfer",
        "train policies of many shapes and settings on datasets and compare their returns",
        "hadesd transfer r.npz f.npz -o transfer.svg\n"
        "hadesd transfer @ --grid --threshold 475\n"
        "hadesd transfer r.npz --widths 16,64 --draws 10 --inits 2 --json",
    )
    parser.epilog = f"{parser.epilog}\n\n{_EXPLANATION}"
    parser.add_argument("what", metavar=DATASET_METAVAR, nargs="+", help=f"datasets, each {DATASET_HELP}")
    parser.add_argument("--grid", action="store_true", help="a full grid of settings instead of random draws")
    parser.add_argument(
        "--widths",
        metavar="W,W",
        help=f"widths of the hidden layers (default: {_join(DRAWN_WIDTHS)}; --grid: {_join(GRID_WIDTHS)})",
    )
    parser.add_argument("--draws", metavar="N", type=int, help="random settings for each width (default: 50)")
    parser.add_argument(
        "--inits",
        metavar="N",
        type=int,
        default=4,
        help="fresh initialisations for each setting (default: %(default)s)",
    )
    parser.add_argument(
        "--episodes",
        metavar="M",
        type=int,
        default=8,
        help="environments for each policy, in groups of evaluation.environments (default: %(default)s)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="root of its random numbers (default: 0)")
    parser.add_argument(
        "--threshold", metavar="R", type=float, help="report the share of settings that return R or more"
    )
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting, over the files'")
    add_picture(parser, "draw the figure into FILE.png or FILE.svg")
    add_trust(parser)
    add_json(parser)
    return parser


_EXPLANATION = """\
Random draws, around each file's own learning rate and epochs: learning rate from a tenth
to ten times, epochs from half to twice (both log-uniform), depth 1 to 4, tanh or relu, Adam
or plain SGD (which takes a hundred times Adam's rate). The better half of each width is what
the paper plots. The grid: depths 1 to 4, tanh and relu, three learning rates over a factor of
ten, with the file's own epochs and optimiser. Initialisations are always fresh, for datasets of
hades-f too. A run's result is also kept in its directory; one that Ctrl-C cut
short does not replace a complete one."""


def run(args: argparse.Namespace) -> int:
    """Train policies with every setting, roll them out, compare their returns."""
    widths = _widths(args)
    for name, low, high in (("inits", 1, 100_000), ("episodes", 1, 1_000_000), ("seed", 0, 2**32 - 1)):
        check_range(name, getattr(args, name), low, high)
    if args.grid and args.draws is not None:
        raise UsageError("--grid tries every combination and --draws random ones: use one of the two")
    count = 50 if args.draws is None else args.draws
    check_range("draws", count, 1, 100_000)
    assignments = training_settings(args.set)
    require_daemon_extra("transfer")
    from hadesd.analysis.datasets.reader import load

    check_picture(args)
    sources = [find_dataset(text) for text in args.what]
    datasets = [load(path) for path, _ in sources]
    hint = "use --set env=..., e.g. --set env=CartPole-v1"
    specs = [
        settings_for(_transferable(dataset), None, assignments, hint, trusted=args.trust if directory is None else None)
        for dataset, (_, directory) in zip(datasets, sources, strict=True)
    ]
    with Progress(LOADING) as progress:
        return _compare(args, progress, list(zip(datasets, specs, sources, strict=True)), widths, count)


def _compare(
    args: argparse.Namespace,
    progress: Progress,
    files: "list[tuple[DatasetFile, RunSpec, tuple[Path, Path | None]]]",
    widths: list[int],
    count: int,
) -> int:
    """files: dataset, its settings, and where it is from: the file and, of a run, the directory."""
    from hadesd.cli.compute import interruptible, prepare_computing

    prepare_computing(files[0][1], "hadesd.analysis.evaluation.transfer")
    from hadesd.analysis.evaluation import transfer

    results = [
        transfer.Transferred(dataset, spec, None if directory is None else directory.name)
        for dataset, spec, (_, directory) in files
    ]
    directories = [directory for _, _, (_, directory) in files if directory is not None]

    def document(complete: bool) -> "TransferDocument":
        frozen = [replace(one, trials=list(one.trials)) for one in results]  # after Ctrl-C they may still grow
        return transfer.document(
            [one for one in frozen if one.trials],
            mode="grid" if args.grid else "draws",
            complete=complete,
            seed=args.seed,
            inits=args.inits,
            episodes=args.episodes,
            threshold=args.threshold,
        )

    def work() -> None:
        for one in results:
            _compute(args, progress, one, widths, count)

    def interrupted() -> None:
        progress.end()
        if any(one.trials for one in results):
            say("interrupted: this is what was computed so far")
            partial = document(complete=False)
            _report(args, partial, _without_better(directories, partial))

    interruptible(work, interrupted)
    progress.end()
    _report(args, document(complete=True), directories)
    return 0


def _without_better(directories: list[Path], partial: "TransferDocument") -> list[Path]:
    """Those of the runs that a partial document is about, without those that have a complete one already."""
    begun = {entry.run for entry in partial.datasets}
    out = []
    for directory in directories:
        if directory.name in begun and _is_complete(RunPaths(directory).transfer):
            say(f"{RunPaths(directory).transfer} stays: it holds the complete result of an earlier comparison")
        elif directory.name in begun:
            out.append(directory)
    return out


def _is_complete(file: Path) -> bool:
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(kept, dict) and kept.get("complete") is True


def _compute(args: argparse.Namespace, progress: Progress, one: "Transferred", widths: list[int], count: int) -> None:
    """Fill in one dataset's trials, with a line for each width."""
    from hadesd.analysis.evaluation import transfer
    from hadesd.analysis.evaluation.transfer_eval import TransferEvaluator

    name = one.run or one.dataset.path.name
    if one.dataset.meta.get("method") == "hades-f":
        say(f"{name} is a dataset of hades-f, made for one initialisation: here it meets fresh ones, like the others")
    trials = TransferEvaluator(one.dataset, one.spec, args.inits, args.episodes, args.seed)
    for width in widths:
        settings = transfer.grid(one.spec, width) if args.grid else transfer.draws(one.spec, width, count, args.seed)
        started = time.monotonic()
        say(f"{name}: width {width}, {count_of(len(settings), 'setting')} x {count_of(args.inits, 'init')} …")
        before = len(one.trials)
        optimizers = sorted({setting.optimizer for setting in settings})
        for depth, group in itertools.groupby(settings, lambda setting: setting.depth):
            alike = list(group)
            progress.phase(f"{name}: compiling width {width}, depth {depth}")
            trials.compile(alike[0], optimizers)
            for setting in progress.over(f"{name}: settings of width {width}, depth {depth}", alike, len(alike)):
                one.trials.append(transfer.Trial(setting, trials.returns(setting, optimizers)))
        row = transfer.summary(width, one.trials[before:], args.threshold)
        say(f"{name}: width {width} done in {duration(time.monotonic() - started)}: {_describe(row, args.threshold)}")


def _report(args: argparse.Namespace, document: "TransferDocument", directories: list[Path]) -> None:
    """Print the table or the JSON, draw, and leave the document in those directories."""
    from hadesd.storage.atomic import write_atomically

    for directory in directories:
        try:
            write_atomically(RunPaths(directory).transfer, msgspec.json.encode(document) + b"\n")
        except OSError as error:
            say(f"could not keep the result in {directory}: {error.strerror or error}")
    if args.json:
        print_json(document)
    else:
        print("\n".join(_table(document)))
    if args.output is not None:
        from hadesd.analysis.pictures.style import save
        from hadesd.analysis.pictures.transfer import draw

        save(draw(document), args.output)
        say(f"drew {args.output}")


def _table(document: "TransferDocument") -> list[str]:
    threshold = document.threshold
    names = [entry.run or Path(entry.file).name for entry in document.datasets]
    left = max(7, *map(len, names))
    reach = "" if threshold is None else f"  {f'reach {threshold:g}':>12}"
    lines = [f"{'DATASET':{left}}  {'METHOD':8}  WIDTH  SETTINGS  {'BETTER HALF':>18}  {'ALL':>18}{reach}"]
    for name, entry in zip(names, document.datasets, strict=True):
        for row in entry.widths:
            share = "" if row.reached is None else f"  {row.reached:>12.0%}"
            lines.append(
                f"{name:{left}}  {entry.method or '–':8}  {row.width:>5}  {row.settings:>8}  "
                f"{_pm(row.top_mean, row.top_std):>18}  {_pm(row.mean, row.std):>18}{share}"
                + (f"  {row.not_finite} not finite" if row.not_finite else "")
            )
        if threshold is not None and entry.reached is not None:
            total = len(entry.settings)
            lines.append(f"{name}: {entry.reached:.1%} of {total} settings return {threshold:g} or more")
    return lines


def _describe(row: "WidthSummary", threshold: float | None) -> str:
    text = f"better half {_pm(row.top_mean, row.top_std)}, all {_pm(row.mean, row.std)}"
    return text if row.reached is None else f"{text}, {row.reached:.0%} reach {threshold:g}"


def _pm(mean: float | None, std: float | None) -> str:
    return "–" if mean is None or std is None else f"{number(mean)} ± {std:.3g}"


def _transferable(dataset: "DatasetFile") -> "DatasetFile":
    """The dataset itself.

    Raises:
        UsageError: it is no one environment's.
    """
    if "parts" in dataset.meta:
        hint = f"hadesd evaluate {as_argument(dataset.path)}"
        raise UsageError(f"{dataset.path} is merged of several environments' datasets: {hint}")
    entry = environments.of_meta(dataset.meta)
    if entry is not None and entry.family == "images":
        raise UsageError(f"{dataset.path} is a dataset of images: transfer rolls policies out, in an environment")
    return dataset


def _widths(args: argparse.Namespace) -> list[int]:
    if args.widths is None:
        return list(GRID_WIDTHS if args.grid else DRAWN_WIDTHS)
    try:
        widths = sorted({int(text) for text in args.widths.split(",")})
    except ValueError:
        raise UsageError(f"--widths is '{args.widths}': it takes integers with commas, e.g. --widths 16,64") from None
    if widths[0] < 1 or widths[-1] > 65_536:
        raise UsageError(f"--widths is '{args.widths}': a width is an integer from 1 to 65536")
    return widths


def _join(widths: tuple[int, ...]) -> str:
    return ",".join(map(str, widths))
