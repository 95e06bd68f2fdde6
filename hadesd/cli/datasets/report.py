"""hadesd report: a run as one HTML file for people, and its pictures for papers. No daemon is needed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import UsageError
from hades_protocol.formatting import count_of
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.datasets.inputs import add_trust, find_run
from hadesd.cli.documents.datasets import ReportDocument
from hadesd.cli.output import print_json, refuse_existing, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb, check_range
from hadesd.cli.progress import LOADING, Progress
from hadesd.spec.user_files import as_argument
from hadesd.storage.datasets import is_dataset_name

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.evaluation.rollout_recording import Recording
    from hadesd.analysis.report.html import Report
    from hadesd.analysis.report.run_data import ReportData

FORMATS = {"png": (".png",), "svg": (".svg",), "both": (".png", ".svg")}
PICTURES = ("curve", "pairs", "rollout")


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "report",
        "write a run as one HTML file for people: curve, pairs, a rollout, settings",
        "hadesd report @\n"
        "hadesd report @ -o cartpole.html --force\n"
        "hadesd report @ --no-rollout --figures figures --format svg",
    )
    parser.add_argument("run", metavar="RUN|FILE", help=RUN_HELP + "; or an exported dataset")
    parser.add_argument("-o", "--output", metavar="FILE.html", type=Path, help="where to write it (default: RUN.html)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the policy and its rollout (default: %(default)s)"
    )
    parser.add_argument("--no-rollout", action="store_true", help="train no policy: faster, without a film")
    parser.add_argument(
        "--figures",
        metavar="DIR",
        type=Path,
        help="write curve, pairs and rollout as pictures into DIR, and no HTML unless -o",
    )
    parser.add_argument("--format", choices=tuple(FORMATS), help="of the pictures of --figures (default: both)")
    parser.add_argument("--open", action="store_true", help="show the file in a browser (nothing is opened otherwise)")
    add_trust(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Gather, train and roll out one policy, draw, write."""
    check_range("seed", args.seed, 0, 2**32 - 1)
    if args.format is not None and args.figures is None:
        raise UsageError(f"--format {args.format} is about the pictures of --figures DIR: give both or neither")
    require_daemon_extra("report")
    with Progress("reading the run") as progress:
        data = _gather(args.run)
        output = _output(args, data.name)
        if args.figures is not None:
            _prepare_directory(args)
        recording, why_none = (
            (None, "No policy was trained: --no-rollout.")
            if args.no_rollout
            else _record(data, args.seed, args.trust, progress)
        )
        progress.phase("drawing")
        from hadesd.analysis.report.html import draw

        drawn = draw(data, recording)
        written = _figures(drawn, args) if args.figures is not None else []
        if output is not None:
            progress.phase("writing")
            _page(output, data, drawn, recording, why_none)
            written.append(output)
    if args.json:
        print_json(_document(data, recording, written))
    else:
        print("\n".join(map(str, written)))
    if args.open and output is not None:
        _open(output)
    return 0


def _gather(name: str) -> "ReportData":
    from hadesd.analysis.report import run_data

    if is_dataset_name(name):
        return run_data.of_file(Path(name))
    found = run_data.of_run(find_run(name))
    run_data.require_something(found)
    return found


def _output(args: argparse.Namespace, name: str) -> Path | None:
    """Where the HTML goes; None where only pictures were asked for."""
    if args.output is None and args.figures is not None:
        return None
    output: Path = args.output or Path(f"{Path(name).stem if is_dataset_name(name) else name}.html")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(
            f"{output}: reports are HTML files, e.g. -o {as_argument((output.stem or 'report') + '.html')}"
        )
    refuse_existing(output, args.force, "another name with -o")
    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no directory {output.parent}; make it, or choose another place")
    return output


def _prepare_directory(args: argparse.Namespace) -> None:
    """Make the directory of the pictures, and see that none is there: before anything is trained."""
    directory: Path = args.figures
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {directory}: {error.strerror or error}") from None
    for name in PICTURES:
        for path in _picture_files(args, name):
            refuse_existing(path, args.force, "another directory")


def _picture_files(args: argparse.Namespace, name: str) -> list[Path]:
    return [args.figures / f"{name}{suffix}" for suffix in FORMATS[args.format or "both"]]


def _record(data: "ReportData", seed: int, trust: list[str], progress: Progress) -> "tuple[Recording | None, str]":
    """A rollout of a policy freshly trained on the dataset, or why there is none."""
    from hadesd.analysis.report.text import is_images

    if data.dataset is None:
        return None, ""
    if data.entry is None:
        return None, "The file names no single environment that is known here, so no policy was trained."
    if is_images(data):
        return None, ""
    spec = _spec(data, trust)
    from hadesd.cli.compute import interruptible, prepare_computing

    say(f"training a policy on {count_of(len(data.dataset.states), 'pair')} of {spec.env} and recording an episode …")
    progress.phase(LOADING)
    prepare_computing(spec, "hadesd.analysis.evaluation.rollout_recording")
    from hadesd.analysis.evaluation.rollout_recording import record

    progress.phase("compiling, then training a policy and recording an episode")
    dataset = data.dataset
    return interruptible(lambda: record(dataset, spec, seed)), ""


def _spec(data: "ReportData", trust: list[str]) -> "RunSpec":
    """The settings that a policy is trained with: the dataset's own, as for `hadesd evaluate`."""
    from hadesd.cli.datasets.inputs import settings_for

    assert data.dataset is not None
    return settings_for(data.dataset, None, [], trusted=trust if data.record is None else None)


def _figures(drawn: "Report", args: argparse.Namespace) -> list[Path]:
    from hadesd.analysis.pictures.style import save

    drawings = (drawn.curve, drawn.pairs.figure if drawn.pairs else None, drawn.strip)
    planned = [
        (figure, path)
        for name, figure in zip(PICTURES, drawings, strict=True)
        if figure is not None
        for path in _picture_files(args, name)
    ]
    for figure, path in planned:
        save(figure, path)
    return [path for _, path in planned]


def _page(output: Path, data: "ReportData", drawn: "Report", recording: "Recording | None", why_none: str) -> None:
    from hadesd.analysis.report.html import page
    from hadesd.storage.atomic import write_outputs

    try:
        write_outputs({output: page(data, drawn, recording, why_none).encode()})
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def _document(data: "ReportData", recording: "Recording | None", written: list[Path]) -> ReportDocument:
    return ReportDocument(
        id=None if data.record is None else data.record.id,
        env=data.entry.name if data.entry else None,
        files=tuple(str(path) for path in written),
        rollout_return=recording.episode_return if recording is not None else None,
        rollout_steps=len(recording.rewards) if recording is not None else None,
    )


def _open(output: Path) -> None:
    import webbrowser

    if not webbrowser.open(output.resolve().as_uri()):
        say(f"no browser was found: open {output} yourself")
