"""What a worker finds in its environment: cores, GPUs, threads, caches and flags. Verbs that compute have the same."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hades_protocol.run_spec import RunSpec
from hadesd.spec import jax_variables
from hadesd.supervisor.scheduling.nvml import Gpu

SLURM_NODE = "SLURMD_NODENAME"
"""The variable that Slurm sets on a job's nodes, and nowhere else."""


def usable_cores() -> int:
    """CPU cores that this process, and so its workers, may use: in a Slurm job also where it does not bind to them."""
    found = len(os.sched_getaffinity(0))
    granted = os.environ.get("SLURM_CPUS_ON_NODE", "") if SLURM_NODE in os.environ else ""
    return min(found, int(granted)) if granted.isdigit() and granted != "0" else found


MIN_PJRT_THREADS = 4
"""XLA's CPU thread pool: with fewer threads batched QR factorisations deadlock in jaxlib before 0.11.1."""

MEMORY_FRACTIONS = {"XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"}
"""The variable, and its older name."""


def worker_environment(
    spec: RunSpec, gpus: Sequence[Gpu], cores: int, cache: Path, base: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a worker of that run.

    What users set themselves stays, but for what must not vary (jax_variables.pinned): their XLA_FLAGS are kept and
    ours added where they name no such flag.

    Args:
        gpus: the GPUs the run was given; none: it computes on the CPU.
        cores: the CPU cores this process may use.
        cache: the directory of the persistent compilation cache's parent.
        base: the daemon's own environment.
    """
    env = {**base, **jax_variables.pinned()}
    # The size of the thread pool changes bits of vmapped matmuls: it must not differ between two starts.
    env.setdefault("PJRT_NPROC", str(max(MIN_PJRT_THREADS, cores)))
    env.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache / "jax"))
    env["PYTHONFAULTHANDLER"] = "1"  # a segmentation fault leaves a trace in worker.log
    if not gpus:
        env.setdefault("JAX_PLATFORMS", "cpu")
        devices = spec.resources.devices or cores
        return _with_xla_flag(env, "--xla_force_host_platform_device_count", str(devices))
    env["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in gpus)
    env.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if not MEMORY_FRACTIONS & env.keys():  # jaxlib refuses to start where both are set
        env["XLA_CLIENT_MEM_FRACTION"] = f"{spec.resources.memory_fraction:g}"
    # Without it autotuning may pick other kernels in another process, and a resume is not bit-exact.
    return _with_xla_flag(env, "--xla_gpu_deterministic_ops", "true")


def _with_xla_flag(env: dict[str, str], flag: str, value: str) -> dict[str, str]:
    flags = jax_variables.xla_flags(env)
    if not any(given.partition("=")[0] == flag for given in flags):
        flags.append(f"{flag}={value}")
    env["XLA_FLAGS"] = " ".join(flags)
    return env
