"""Options of `start` and `sweep` about where runs compute: here, or as Slurm jobs."""

import argparse

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hadesd.cli.gpu_options import has_gpu
from hadesd.cli.parsing import Parser


def add_executor(parser: Parser) -> None:
    """Add --on and --slurm."""
    parser.takes_options = ("--slurm",)
    parser.add_argument(
        "--on", choices=("local", "slurm"), help="where it computes: a process of the daemon's, or a Slurm job (local)"
    )
    parser.add_argument(
        "--slurm",
        metavar="OPTIONS",
        help="--on slurm: options of sbatch, e.g. '--gres=gpu:1 --time=4:00:00'",
    )


def settings_of(args: argparse.Namespace) -> list[tuple[str, str]]:
    """What the options set.

    Raises:
        UsageError: --slurm without --on slurm.
    """
    check(args)
    given = (("resources.executor", args.on), ("resources.slurm", args.slurm))
    return [(name, value) for name, value in given if value is not None]


def check(args: argparse.Namespace) -> None:
    """See that the two go together.

    Raises:
        UsageError: --slurm without --on slurm.
    """
    if args.slurm is not None and args.on != "slurm":
        raise UsageError("--slurm is for Slurm jobs: say --on slurm too")


def will_have_gpu(args: argparse.Namespace, paths: Paths) -> bool:
    """Whether the runs will compute on GPUs, as far as can be said here: it decides on the preset."""
    from hadesd.supervisor.slurm.options import names_gpu, of_run

    if args.on != "slurm":
        return has_gpu()
    from hadesd.config import load_settings

    options = () if paths.connect else load_settings(paths.config_file, {}).slurm.options
    return names_gpu(of_run(options, args.slurm or ""))
