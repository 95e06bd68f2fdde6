"""Verbs that compute in the command's own process get the environment that a worker gets."""

import os

from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec
from hadesd.supervisor.environment import worker_environment
from hadesd.supervisor.gpus import least_used, usable_gpus


def prepare_computing(spec: RunSpec) -> None:
    """Set the environment, then jax; call it before jax is imported."""
    paths = Paths()
    gpu = least_used(usable_gpus(os.environ))
    cores = len(os.sched_getaffinity(0))
    os.environ.update(worker_environment(spec, () if gpu is None else (gpu,), cores, paths.cache, os.environ))
    from hadesd.worker.platform import prepare

    prepare()
