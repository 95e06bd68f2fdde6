"""Where runs compute: a process of this machine, or a Slurm job. A run says which, `resources.executor`."""

from typing import NamedTuple

from hadesd.supervisor.run import StartWorker
from hadesd.supervisor.slurm.executor import SlurmExecutor


class Executors(NamedTuple):
    """How workers are started. slurm: None where there is no Slurm."""

    local: StartWorker
    slurm: SlurmExecutor | None = None
