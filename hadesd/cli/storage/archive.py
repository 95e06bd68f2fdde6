"""hadesd archive: pack runs into one file each, and bring them back."""

import argparse
import os
import time
from pathlib import Path

from hades_protocol.errors import ExitCode, HadesError, UsageError, WrongStateError
from hades_protocol.formatting import count_of, size
from hades_protocol.paths import Paths
from hadesd.cli.documents.storage import ArchiveDocument, PackedRun
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress
from hadesd.cli.storage import selection
from hadesd.cli.storage.backend import RunBackend, hold, run_backend
from hadesd.cli.storage.rm import delete, removable
from hadesd.storage import archive
from hadesd.storage.removal import hold_back

MEGABYTE = 10**6

EXAMPLES = """\
hadesd archive @ -o /mnt/store
hadesd archive --group sizes --all-checkpoints --keep -o .
hadesd archive --restore /mnt/store/cartpole-1121-k3f9.tar.gz"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "archive",
        "pack each run into a file, read it back, then remove the run; --restore brings one back",
        EXAMPLES,
    )
    selection.add_choice(parser)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="where to (here)")
    parser.add_argument("--keep", action="store_true", help="do not remove the runs")
    parser.add_argument(
        "--all-checkpoints", action="store_true", help="pack every checkpoint, not only the two newest and the best"
    )
    parser.add_argument("--restore", metavar="FILE", type=Path, help="put the run of an archive back")
    selection.add_asking(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """List the runs, ask, pack them and remove them; or restore one."""
    if args.restore is not None:
        return _restore(args)
    if not args.output.is_dir():
        raise UsageError(f"-o takes a directory that exists, not {args.output}")
    with run_backend(Paths()) as backend:
        known = backend.runs()
        chosen = removable(selection.choose(known, args, time.time()), strict=bool(args.runs))
        without = [() if args.all_checkpoints else archive.left_out(Path(item.run.directory)) for item in chosen]
        if not args.json:
            print(selection.table(chosen, [_describe(generations) for generations in without], "LEFT OUT"))
        total = sum(item.room.total for item in chosen)
        say(f"{count_of(len(chosen), 'run')}, {size(total)}, into {args.output.resolve()}")
        if not args.keep:
            selection.say_about_children(chosen, known)
            if not args.dry_run and not selection.agreed(
                f"Pack and then remove {count_of(len(chosen), 'run')}?", args.yes
            ):
                return ExitCode.OK
        done: list[PackedRun] = []
        failures = 0
        with Progress("packing") as progress:
            for item, generations in zip(() if args.dry_run else chosen, without, strict=False):
                try:
                    packed, code = _archive(backend, item, args.output, generations, args.keep, progress)
                    done.append(packed)
                    failures = max(failures, code)
                except HadesError as error:
                    say(f"{item.run.id}: {error}")
                    failures = max(failures, error.exit_code)
    if args.json:
        runs = tuple(item.document() for item in chosen)
        print_json(ArchiveDocument(dry_run=args.dry_run, runs=runs, archives=tuple(done)))
    return failures


def _describe(generations: tuple[int, ...]) -> str:
    return count_of(len(generations), "checkpoint") if generations else ""


def _archive(
    backend: RunBackend,
    item: selection.Chosen,
    output: Path,
    without: tuple[int, ...],
    stays: bool,
    progress: Progress,
) -> tuple[PackedRun, ExitCode]:
    directory, target = Path(item.run.directory), output.resolve() / f"{item.run.id}{archive.SUFFIX}"
    try:
        with hold(directory):
            before = archive.contents(directory)
            progress.phase(
                f"packing {item.run.id}, MB", -(-sum(found.st_size for found in before.values()) // MEGABYTE)
            )
            archive.pack(directory, target, without, lambda done: progress.advance(done // MEGABYTE))
        count = target.stat().st_size
    except OSError as error:
        raise HadesError(f"cannot pack {directory}: {error.strerror or error}; nothing was removed") from error
    whole = stays or _remove(backend, item, before, target)
    say(f"{target}  {size(count)}{'' if stays else f'; {item.run.id} is removed'}")
    packed = PackedRun(id=item.run.id, file=str(target), bytes=count, removed=not stays)
    return packed, ExitCode.OK if whole else ExitCode.RUN_FAILED


def _remove(backend: RunBackend, item: selection.Chosen, before: dict[str, os.stat_result], target: Path) -> bool:
    """Remove a run that was packed, unless somebody resumed it since: then what is new is in no archive.

    Whether all of its files could be deleted.

    Raises:
        HadesError: it stays; the archive does too.
    """
    try:
        hidden = backend.remove(item.run)
    except HadesError as error:
        raise WrongStateError(f"{error}; its archive {target} is whole") from error
    if not _same(before, archive.contents(hidden)):
        hidden.rename(item.run.directory)
        backend.adopt(item.run.id)
        raise WrongStateError(f"it went on while it was packed, so it stays; its archive {target} is older")
    return delete(item.run.id, hidden)


def _same(before: dict[str, os.stat_result], after: dict[str, os.stat_result]) -> bool:
    def marks(found: dict[str, os.stat_result]) -> dict[str, tuple[int, int]]:
        return {name: (info.st_size, info.st_mtime_ns) for name, info in found.items()}

    return marks(before) == marks(after)


def _restore(args: argparse.Namespace) -> int:
    chosen = args.runs or args.tags or args.group is not None or args.state is not None
    if chosen or args.keep or args.dry_run or args.all_checkpoints or args.output != Path():
        raise UsageError("--restore takes one file and nothing else")
    paths = Paths()
    with run_backend(paths) as backend:
        paths.make_private()
        with Progress(f"reading {args.restore.name}"):
            restored = archive.restore(args.restore, paths.runs)
        try:
            why = hold_back(paths.runs / restored)
            summary = backend.adopt(restored)
        except HadesError as error:
            raise WrongStateError(f"{restored} is restored, but cannot be used: {error}") from error
    if args.json:
        print_json(summary)
    else:
        print(restored)
        say(f"{restored} is {summary.state} after generation {summary.generation}; the archive stays")
    if why:
        say(f"{why}: if you trust it, hadesd resume {restored}")
    return ExitCode.OK
