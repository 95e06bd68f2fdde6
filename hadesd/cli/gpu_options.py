"""Options of `hadesd start` about GPUs and the queue, and what is checked of them before a daemon is asked."""

import argparse
import json
import os
import re
from typing import TYPE_CHECKING

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import listens
from hadesd.api.launch import ensure_daemon
from hadesd.cli.parsing import Parser

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec

LOWEST, HIGHEST = -1000, 1000

GPUS = re.compile(r"auto|[1-9][0-9]{0,3}|[0-9]{1,4},|[0-9]{1,4}(,[0-9]{1,4})+")


def add_devices(parser: Parser) -> None:
    """Add the options about GPUs and the queue."""
    parser.add_argument(
        "--gpus", metavar="G", type=gpus, help="GPUs: auto (default: one), a number, or indices: 0,2 (one alone: 2,)"
    )
    parser.add_argument(
        "--priority", metavar="N", type=priority, default=0, help="of two queued runs the higher starts first (0)"
    )
    parser.add_argument(
        "--yield-to-others",
        action="store_true",
        help="commit and free the GPUs while another user computes on one of them, and come back",
    )
    parser.add_argument(
        "--yield-cooldown",
        metavar="S",
        type=float,
        help="--yield-to-others: come back after so many free seconds (300)",
    )


def assignments(args: argparse.Namespace) -> list[str]:
    """The options as --set takes them."""
    given = (
        ("gpus", args.gpus),
        ("yield_to_others", args.yield_to_others or None),
        ("yield_cooldown", args.yield_cooldown),
    )
    return [f"resources.{name}={json.dumps(value)}" for name, value in given if value is not None]


def check(args: argparse.Namespace, spec: "RunSpec", paths: Paths) -> None:
    """What can be said before there is a daemon; one that runs already sees its own GPUs and checks itself.

    Raises:
        UsageError: --yield-cooldown is of no use, or this machine can never give the run its GPUs.
    """
    if args.yield_cooldown is not None and not spec.resources.yield_to_others:
        raise UsageError("--yield-cooldown goes with --yield-to-others: it says how long others must have been away")
    if paths.connect or listens(paths) or spec.resources.executor == "slurm":
        return
    from hadesd.supervisor.scheduling.nvml import usable_gpus
    from hadesd.supervisor.scheduling.scheduler import check_gpus

    check_gpus(spec.resources.gpus, [gpu.index for gpu in usable_gpus(os.environ)] or None)


def has_gpu() -> bool:
    """Whether a run started here would compute on a GPU; found out without jax."""
    if (paths := Paths()).connect:  # it computes where that daemon is
        return ensure_daemon(paths)[0].gpus > 0
    from hadesd.supervisor.scheduling import nvml

    return bool(nvml.usable_gpus(os.environ))


def gpus(text: str) -> str:
    """Check the value of --gpus; it stays text."""
    if not GPUS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither auto, nor a number of GPUs, nor indices such as 0,2 (one alone: 2,)"
        )
    return text


def priority(text: str) -> int:
    """Parse a priority, an integer from LOWEST to HIGHEST."""
    try:
        value = int(text)
    except ValueError:
        value = HIGHEST + 1
    if not LOWEST <= value <= HIGHEST:
        raise argparse.ArgumentTypeError(f"'{text}' is no integer from {LOWEST} to {HIGHEST}")
    return value
