"""hadesd gpus: which GPUs runs may use, and who uses them."""

import argparse
import os

from hades_protocol import commands, replies
from hades_protocol.formatting import size
from hades_protocol.messages import GpuInfo, GpuProcess
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient, listens
from hadesd.cli.documents.daemon import GpusDocument, RunningJob
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.supervisor.scheduling.reasons import describe_process

HEADINGS = ("GPU", "NAME", "MEMORY", "BUSY", "WHO")


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "gpus",
        "list the GPUs that runs may use here and who uses them, and runs on nodes of Slurm; needs no daemon",
        "hadesd gpus\nhadesd gpus --json",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the table or the JSON."""
    found = read_gpus(Paths())
    if args.json:
        print_json(found)
        return 0
    if found.gpus:
        print(table(found.gpus))
    else:
        say("no GPU that JAX can use: runs compute on the CPU ('hadesd doctor' says more)")
    for job in found.jobs:
        print(f"run {job.run}: Slurm job {job.job}{f', {job.reason}' if job.reason else ''}")
    return 0


def read_gpus(paths: Paths) -> GpusDocument:
    """The GPUs here, from the daemon, which knows what runs are on them and elsewhere; without one from NVML."""
    if paths.connect or listens(paths):
        with ControlClient(paths) as client:
            snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
        jobs = tuple(
            RunningJob(run=run.id, job=run.slurm_job, reason=run.reason) for run in snapshot.runs if run.slurm_job
        )
        return GpusDocument(from_daemon=True, gpus=snapshot.gpus, jobs=jobs)
    from hadesd.supervisor.scheduling.gpu_pool import gpu_infos
    from hadesd.supervisor.scheduling.nvml import usable_gpus

    return GpusDocument(from_daemon=False, gpus=gpu_infos(usable_gpus(os.environ), ()))


def table(gpus: tuple[GpuInfo, ...]) -> str:
    """The GPUs as a table, one a line, with who uses them."""
    rows = [HEADINGS, *map(_row, gpus)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS) - 1)]
    lines = []
    for number, name, memory, busy, who in rows:
        cells = (
            number.rjust(widths[0]),
            name.ljust(widths[1]),
            memory.rjust(widths[2]),
            busy.rjust(widths[3]),
            who,
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(gpu: GpuInfo) -> tuple[str, str, str, str, str]:
    memory = f"{size(gpu.memory_used)} of {size(gpu.memory_total)}" if gpu.memory_total else "–"
    busy = "–" if gpu.utilisation is None else f"{gpu.utilisation:.0%}"
    shown = {process.run for process in gpu.processes}
    ours = [f"run {run}" for run in gpu.runs if run not in shown]  # given the GPU, and not seen on it (yet)
    return str(gpu.index), gpu.name, memory, busy, ", ".join([*map(_who, gpu.processes), *ours]) or "nobody"


def _who(process: GpuProcess) -> str:
    if process.run:
        return f"run {process.run}{f' ({size(process.memory)})' if process.memory else ''}"
    return describe_process(process.user, process.pid, process.memory)
