"""Which GPUs there are, through NVML: no jax, and nothing on a machine without a driver."""

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

CUDA_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU. `uuid` is what CUDA_VISIBLE_DEVICES takes."""

    index: int
    uuid: str
    name: str
    memory_total: int  # bytes
    memory_used: int  # bytes, by anyone


def list_gpus(nvml: Any = None) -> list[Gpu]:
    """The machine's GPUs; none where there is no driver or nvidia-ml-py is not installed.

    nvml: what stands in for the module pynvml.
    """
    if nvml is None:
        if importlib.util.find_spec("pynvml") is None:
            return []
        nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []  # no driver: a machine without an NVIDIA GPU
    try:
        return [_describe(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return []  # a driver that is being replaced underneath us; JAX would not start on it either
    finally:
        nvml.nvmlShutdown()


def _describe(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        uuid=str(nvml.nvmlDeviceGetUUID(handle)),
        name=str(nvml.nvmlDeviceGetName(handle)),
        memory_total=int(memory.total),
        memory_used=int(memory.used),
    )


def jax_can_use_gpus() -> bool:
    """Whether JAX's CUDA plugin is installed; looked up without importing it."""
    return any(importlib.util.find_spec(name) is not None for name in CUDA_PLUGINS)


def usable(gpus: Iterable[Gpu], environ: Mapping[str, str], plugin: bool) -> list[Gpu]:
    """The GPUs that runs may use: those that the user's own environment leaves visible."""
    platforms = environ.get("JAX_PLATFORMS", "")
    if not plugin or (platforms and not {"cuda", "gpu"} & set(platforms.split(","))):
        return []
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return list(gpus)
    names = [name.strip() for name in visible.split(",")]
    return [gpu for gpu in gpus if str(gpu.index) in names or any(n and gpu.uuid.startswith(n) for n in names)]


def least_used(gpus: Iterable[Gpu], runs_on: Mapping[str, int]) -> Gpu | None:
    """The GPU with the fewest of our runs, then with the least memory in use; None without GPUs."""
    return min(gpus, key=lambda gpu: (runs_on.get(gpu.uuid, 0), gpu.memory_used, gpu.index), default=None)
