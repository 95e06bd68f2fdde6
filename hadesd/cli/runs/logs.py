"""hadesd logs: what a run's worker wrote, readable."""

import argparse
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import IO

from hades_protocol.errors import NotFoundError
from hades_protocol.paths import Paths
from hades_protocol.terminal import coloured
from hadesd.cli.output import say, use_colour
from hadesd.cli.parsing import Parser, Subparsers, add_run, add_verb, check_range
from hadesd.logs.parsing import parse
from hadesd.logs.rotation import rotated
from hadesd.storage.atomic import tail_lines
from hadesd.storage.layout import RunPaths

POLL_SECONDS = 0.2
MAX_BYTES = 64 * 2**20
COLOURS = {"warning": "33", "error": "31", "critical": "31"}


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "logs",
        "show what a run's worker wrote; no daemon is needed",
        "hadesd logs @\nhadesd logs @ -n 100\nhadesd logs @ -f",
    )
    add_run(parser)
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="the last N lines (50)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--raw", action="store_true", help="lines as they are in the file, JSON for the most part")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the end of the log, then what is added."""
    from hadesd.storage.records import find_directory

    check_range("lines", args.lines, 0, 1_000_000)
    paths = RunPaths(find_directory(Paths().runs, args.run))
    path = paths.worker_log
    if not path.exists() and not args.follow:
        path = _job_log(paths)
    colour = use_colour(sys.stdout)
    position = path.stat().st_size if path.exists() else 0
    for line in _tail(path, args.lines):
        print(line if args.raw else readable(line, colour))
    sys.stdout.flush()
    if args.follow:
        _follow(path, position, args.raw, colour)
    return 0


def _job_log(paths: RunPaths) -> Path:
    """What Slurm's job has printed, where no worker came to write anything.

    Raises:
        NotFoundError: it is no job, or has printed nothing.
    """
    from hadesd.storage.records import load
    from hadesd.supervisor.slurm.job_files import newest_job

    job = newest_job(paths.slurm)
    if job is None or not job.log.exists():
        record, _ = load(paths.worker_log.parent)
        why = " yet: its worker has not started" if record.outcome is None else ": it ended before a worker wrote one"
        raise NotFoundError(f"run {record.id} has no log{why}")
    say(f"its worker has not started; its Slurm job printed ({job.log}):")
    return job.log


def _tail(path: Path, count: int) -> list[str]:
    """The last lines, across rotations."""
    lines = tail_lines(path, count, MAX_BYTES)
    for older in reversed(rotated(path)):
        if len(lines) < count:
            lines = tail_lines(older, count - len(lines), MAX_BYTES) + lines
    return lines


def _follow(path: Path, position: int, raw: bool, colour: bool) -> None:
    file: IO[bytes] | None = None
    rest = b""
    while True:
        if file is None and path.exists():
            file = open(path, "rb")  # noqa: SIM115 — held across the file's rotation
            file.seek(position)
        if file is not None:
            over = _has_successor(file, path)  # asked before reading: nothing is written to it any more
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                print(text if raw else readable(text, colour), flush=True)
            if over:
                file.close()
                file, position = None, 0
                continue
        time.sleep(POLL_SECONDS)


def _has_successor(file: IO[bytes], path: Path) -> bool:
    """Whether the log was rotated and its writer has gone over to the new file."""
    try:
        info = path.stat()
    except FileNotFoundError:
        return False  # in the middle of a rotation
    return info.st_size > 0 and not os.path.samestat(info, os.fstat(file.fileno()))


def readable(line: str, colour: bool) -> str:
    """A structlog line as `time level event name=value …`; any other line as it is, less what steers a terminal."""
    entry = parse(line)
    if not entry.stamp:
        return entry.text
    code = COLOURS.get(entry.level) if colour else None
    shown = coloured(f"{entry.level:7}", code) if code else f"{entry.level:7}"
    return f"{_local(entry.stamp)}  {shown}  {entry.text}"


def _local(stamp: str) -> str:
    """A log's time, which is UTC, as `hadesd status` and the screen have it: in local time, to the second."""
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return stamp[:19]
