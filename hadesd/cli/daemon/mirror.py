"""hadesd mirror: a copy of every generation for TensorBoard or Weights & Biases, by a client of the daemon."""

import argparse
import asyncio
import contextlib
import importlib.util
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import ExitCode, HadesError, UsageError
from hades_protocol.paths import Paths
from hadesd.cli.documents.daemon import MirrorDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_verb
from hadesd.storage.locks import lock_file

if TYPE_CHECKING:
    from hadesd.integrations.mirror.mirror import OpenTarget

EXTRAS = {"tensorboardX": "tensorboard", "wandb": "wandb"}
LOCK = ".hades-mirror.lock"
PROJECT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "mirror",
        "copy every generation into TensorBoard event files or to Weights & Biases, until Ctrl-C",
        "hadesd mirror --tensorboard boards\nhadesd mirror --tensorboard boards @ --once\n"
        "hadesd mirror --wandb my-project",
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"{RUN_HELP}; none: all there are and will be")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--tensorboard", metavar="DIR", help="event files in DIR/RUN (then: tensorboard --logdir DIR)")
    where.add_argument("--wandb", metavar="PROJECT", help="a project of Weights & Biases, as 'wandb login' left it")
    parser.add_argument("--once", action="store_true", help="copy what there is and exit")
    parser.add_argument("--json", action="store_true", help="at the end, print JSON on stdout: how much was copied")
    return parser


def run(args: argparse.Namespace) -> int:
    """Mirror; SIGTERM, and the end of all named runs, end it with status 0."""
    paths = Paths()
    try:
        with _place(args, paths) as open_target:
            asyncio.run(_mirror(args, paths, open_target))
    except OSError as error:
        why = error.strerror or str(error)
        raise HadesError(
            f"cannot write {error.filename or 'the mirror'}: {why}; the next mirror goes on there"
        ) from None
    return ExitCode.OK


async def _mirror(args: argparse.Namespace, paths: Paths, open_target: "OpenTarget") -> None:
    from hades_protocol.async_client import AsyncClient
    from hades_protocol.keys import destination
    from hadesd.integrations.mirror.mirror import Mirror

    where = destination(paths)
    client = AsyncClient(where.control, where.events, keys=where.keys)
    mirror = Mirror(client, open_target, args.runs, where.local, say)
    working = asyncio.create_task(mirror.run(args.once))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # Ctrl-C
            _tell(args, mirror.copied)
            raise
    finally:
        client.close()
    _tell(args, mirror.copied)


def _tell(args: argparse.Namespace, copied: int) -> None:
    if args.json:
        print_json(MirrorDocument(generations_copied=copied))


@contextlib.contextmanager
def _place(args: argparse.Namespace, paths: Paths) -> "Iterator[OpenTarget]":
    """Where the copies go; one mirror at a time."""
    if args.tensorboard is not None:
        _require("tensorboardX", "--tensorboard")
        top = Path(args.tensorboard).absolute()
        with _locked(top):
            from hadesd.integrations.mirror.tensorboard import EventFile

            yield lambda summary, spec: EventFile(top, summary, spec)
        return
    project: str = args.wandb
    if not PROJECT.fullmatch(project):
        raise UsageError(f"'{project[:80]}' cannot name a project: it takes letters, digits, '-', '_' and '.'")
    _require("wandb", "--wandb")
    notes = paths.state / "mirrors" / "wandb" / project
    with _locked(notes):
        from hadesd.integrations.mirror.wandb import WandbRun

        yield lambda summary, spec: WandbRun(project, notes, summary, spec)


def _require(package: str, flag: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"'hadesd mirror {flag}' needs {package}: pip install 'hades-distil[{EXTRAS[package]}]'")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    busy = f"another 'hadesd mirror' writes into {directory}: end it first"
    with lock_file(directory / LOCK, busy):
        yield
