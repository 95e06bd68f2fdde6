"""How the processes that share a run's population come to be: children of its worker, or tasks of a Slurm job."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd import parent
from hadesd.storage.layout import RunPaths
from hadesd.worker.group import Leader
from hadesd.worker_protocol import FILE, NONCE, RANK

PARENT = "HADES_GROUP_PARENT"
"""Environment variable of a child: the process that it goes with."""

VISIBLE = "CUDA_VISIBLE_DEVICES"


def begin(directory: Path, spec: RunSpec) -> Leader | None:
    """Rank 0's end of the group of a run that has several hosts; the others are started, if nobody else does it.

    Call it before JAX is started: of the GPUs that the run was given each process on this machine takes its part.

    Raises:
        UsageError: GPUs cannot be divided evenly.
    """
    hosts = spec.resources.hosts
    if hosts == 1:
        return None
    if FILE in os.environ:  # the other tasks of our Slurm job look for it
        return Leader(hosts, Path(os.environ.pop(FILE)), os.environ.pop(NONCE))
    file, nonce = RunPaths(directory).group, secrets.token_hex(16)
    leader = Leader(hosts, file, nonce)
    visible = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
    if len(visible) % hosts:
        raise UsageError(
            f"{len(visible)} GPUs cannot be divided among {hosts} processes: set resources.gpus to a multiple of them"
        )
    each = len(visible) // hosts
    for rank in range(hosts):
        own = {VISIBLE: ",".join(visible[rank * each : (rank + 1) * each])} if each else {}
        if rank == 0:
            os.environ.update(own)
            continue
        environment = os.environ | own | {RANK: str(rank), FILE: str(file), NONCE: nonce, PARENT: str(os.getpid())}
        # They end with this process, and nobody waits for them.
        subprocess.Popen([sys.executable, "-m", "hadesd.worker", str(directory)], env=environment)
    return leader


def go_with_parent() -> None:
    """Have this process end with the one that started it, where it is a child of a worker."""
    started_by = os.environ.pop(PARENT, None)
    if started_by is not None and not parent.end_with(int(started_by)):
        os.kill(os.getpid(), signal.SIGKILL)
