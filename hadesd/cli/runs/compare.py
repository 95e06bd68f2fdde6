"""hadesd compare: runs and groups side by side, as a table, a picture or a page. No daemon is needed."""

import argparse
import shlex
import typing
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import number, print_json, refuse_existing, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hadesd.analysis.comparison import Comparison

PICTURES, PAGES = (".svg", ".png"), (".html", ".htm")
BY = ("generation", "steps", "hours")

EXAMPLES = """\
hadesd compare @ k3f9
hadesd compare sizes baseline -o sizes.svg --force
hadesd compare hopper-seeds ant-seeds --normalise --by steps -o both.html"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "compare",
        "put runs and groups side by side: a table, and with -o a picture or a page with a line each; "
        "a group is its mean over seeds",
        EXAMPLES,
    )
    parser.add_argument("names", metavar="RUN|GROUP", nargs="+", help=RUN_HELP + "; or the name of a group")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="also write the curves, as .svg, .png or .html"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--by", choices=BY, default=BY[0], help="what curves are drawn against (default: %(default)s)")
    parser.add_argument(
        "--normalise",
        action="store_true",
        help="draw each environment's curves from 0 (the lowest mean of all lines there) to 1 (the highest)",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Read the runs, print the table, draw."""
    _check_output(args)
    with Progress("looking for the runs") as progress:
        compared = _read(args.names, progress)
    if len(compared.environments) > 1 and not args.normalise:
        say(
            f"these are {len(compared.environments)} environments ({', '.join(compared.environments)}), whose returns "
            "cannot be compared: --normalise draws the curves of each from 0 to 1"
        )
    if args.output is not None:
        with Progress("drawing"):
            _write(args, compared)
    from hadesd.analysis import comparison

    if args.json:
        print_json(comparison.document(compared, args.output))
        return 0
    print(comparison.text(compared, number))
    say(comparison.spread_text(compared))
    if args.output is not None:
        say(f"{'page' if args.output.suffix.lower() in PAGES else 'picture'}: {args.output}")
    return 0


def _check_output(args: argparse.Namespace) -> None:
    """What can be said before anything is read.

    Raises:
        UsageError: an option of the picture without one, or a file that cannot or may not be written.
    """
    output: Path | None = args.output
    if output is None:
        given = [name for name, on in (("--by", args.by != BY[0]), ("--normalise", args.normalise)) if on]
        if given or args.force:
            raise UsageError(f"{(given or ['--force'])[0]} is about the picture: say where with -o FILE")
        return
    from hadesd.cli.compute import require_daemon_extra
    from hadesd.spec.user_files import as_argument

    require_daemon_extra("compare -o")
    if output.suffix.lower() not in (*PICTURES, *PAGES):
        example = as_argument((output.stem or "compared") + ".svg")
        raise UsageError(f"{output}: compare writes .svg, .png and .html files, e.g. -o {example}")
    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no directory {output.parent}; make it, or choose another place")
    refuse_existing(output, args.force, "another name with -o")


def _read(names: list[str], report: Progress) -> "Comparison":
    from hadesd.analysis import comparison

    paths = Paths()
    if not paths.connect:
        return comparison.read(paths.runs, names, report)
    with ControlClient(paths) as client:
        return comparison.ask(client, names, report)


def _write(args: argparse.Namespace, compared: "Comparison") -> None:
    """Draw, and write the picture or the page.

    Raises:
        UsageError: there is nothing to draw, or the file cannot be written.
    """
    from hadesd.analysis.comparison import By, curve
    from hadesd.analysis.pictures import comparison as picture
    from hadesd.analysis.pictures import style

    by = typing.cast(By, args.by)
    curves = [curve(line, by) for line in compared.lines]
    for line, points in zip(compared.lines, curves, strict=True):
        if not points:
            why = "its hours are not known here" if by == "hours" and line.row.reach[1] else "no generation yet"
            say(f"{line.label} is not in the picture: {why}")
    if not any(curves):
        raise UsageError("there is nothing to draw yet: no file was written")
    figure = picture.draw(compared, curves, by, args.normalise)
    if args.output.suffix.lower() in PICTURES:
        style.save(figure, args.output)
        return
    _page(args, compared, figure, picture.reading(curves))


def _page(args: argparse.Namespace, compared: "Comparison", figure: "Figure", reading: str) -> None:
    from hadesd.analysis.report.comparison import page
    from hadesd.spec.user_files import as_argument
    from hadesd.storage.atomic import write_outputs

    caption = f"Mean fitness of the population{f' ({reading})' if reading else ''}."
    if args.normalise:
        caption += " In each environment 0 is the lowest mean of all lines, 1 the highest."
    command = shlex.join(["hadesd", "compare", *args.names, "--by", args.by, *["--normalise"] * args.normalise])
    command += f" -o {as_argument(args.output)} --force"
    try:
        write_outputs({args.output: page(compared, figure, caption, command, number).encode()})
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from None
