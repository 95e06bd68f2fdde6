"""JAX in a process that computes by itself: the environment of a worker, so that numbers are a worker's."""

import importlib.util
import os
from typing import TYPE_CHECKING

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec

_started = False

NEEDED = ("jax", "brax", "gymnax", "evosax", "orbax.checkpoint")


def missing_packages() -> list[str]:
    """Names of the packages of the daemon extra that are not installed; nothing of them is imported."""
    return [name for name in NEEDED if importlib.util.find_spec(name.partition(".")[0]) is None]


def set_environment(spec: "RunSpec") -> None:
    """Give this process a worker's environment; of several GPUs it gets the least used. Call it before jax is used."""
    from hadesd.supervisor.scheduling.nvml import least_used, usable_gpus
    from hadesd.supervisor.worker_environment import usable_cores, worker_environment

    gpu = least_used(usable_gpus(os.environ))
    gpus = () if gpu is None else (gpu,)
    os.environ.update(worker_environment(spec, gpus, usable_cores(), Paths().cache, os.environ))


def start_jax(what: str, spec: "RunSpec") -> None:
    """Have JAX ready in a program that calls the library; only the first call does something.

    JAX that runs already keeps its devices and threads. what: the function that needs it, for the error.

    Raises:
        UsageError: packages are missing, or an environment variable keeps JAX from starting.
    """
    if missing := missing_packages():
        raise UsageError(
            f"{what} needs {', '.join(missing)}: pip install 'hades-distil[daemon]' "
            "(with an NVIDIA GPU: 'hades-distil[cuda]')"
        )
    global _started
    if _started:
        return
    set_environment(spec)
    from hadesd.compute.jax_setup import prepare

    prepare()
    import jax

    if (
        jax.config.values.get("jax_compilation_cache_dir") is None
    ):  # jax was imported before and has not seen the environment
        jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
    _started = True
