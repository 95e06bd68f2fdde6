"""Which GPUs there are and who computes on them, through NVML: no jax, and nothing on a machine without a driver."""

import contextlib
import importlib
import importlib.util
import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

CUDA_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")

T = TypeVar("T")


UNKNOWN = "another user"
"""Where the system hides other users' processes (/proc mounted with hidepid), all that can be said of one."""


class Owner(msgspec.Struct, frozen=True):
    """The user of a process. `other`: not the one of this process."""

    name: str
    other: bool


def owner_of(pid: int) -> Owner | None:
    """The owner of a process; None where there is no such process."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return Owner(UNKNOWN, other=True) if _is_hidden(pid) else None
    return Owner(login_name(uid), other=uid != os.getuid())


def login_name(uid: int) -> str:
    """The user's login name; the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_hidden(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 does nothing but tell whether it could be sent
    except PermissionError:
        return True
    except OSError:
        return False
    return False  # it has just begun to exist


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process that computes on a GPU. `memory`: bytes; None where the driver does not say."""

    pid: int
    user: str
    memory: int | None = None
    other: bool = False  # of another user than ours


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU. `uuid` is what CUDA_VISIBLE_DEVICES takes. Where the driver does not say how much memory: 0."""

    index: int
    uuid: str
    name: str
    memory_total: int  # bytes
    memory_used: int  # bytes, by anyone
    utilisation: float | None = None  # 0 to 1
    processes: tuple[Process, ...] = ()

    @property
    def memory_free(self) -> int:
        """Bytes."""
        return self.memory_total - self.memory_used


def list_gpus(nvml: Any = None, owner: Callable[[int], Owner | None] = owner_of) -> list[Gpu]:
    """The machine's GPUs; none where there is no driver or nvidia-ml-py is not installed. Takes some 10 ms.

    nvml: what stands in for the module pynvml. owner: to whom a process belongs; None where it is gone.
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
        count = nvml.nvmlDeviceGetCount()
        return [gpu for index in range(count) if (gpu := _describe(nvml, index, owner)) is not None]
    except nvml.NVMLError:
        return []  # a driver that is being replaced underneath us; JAX would not start on it either
    finally:
        with contextlib.suppress(nvml.NVMLError):  # such a driver may have forgotten us already
            nvml.nvmlShutdown()


def _describe(nvml: Any, index: int, owner: Callable[[int], Owner | None]) -> Gpu | None:
    """One GPU; None where it does not answer, as one that fell off the bus."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = _where_supported(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle), None)
        rates = _where_supported(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle), None)
        nobody: list[Any] = []
        processes = _where_supported(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle), nobody)
        return Gpu(
            index=index,
            uuid=str(nvml.nvmlDeviceGetUUID(handle)),
            name=str(nvml.nvmlDeviceGetName(handle)),
            memory_total=0 if memory is None else int(memory.total),
            memory_used=0 if memory is None else int(memory.used),
            utilisation=None if rates is None else rates.gpu / 100,
            processes=tuple(_owned(processes, owner)),
        )
    except nvml.NVMLError:
        return None


def _where_supported(nvml: Any, ask: Callable[[], T], otherwise: T) -> T:
    """What the driver says, or `otherwise` where this GPU, driver or container does not say it."""
    try:
        return ask()
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission):
        return otherwise


def _owned(processes: Iterable[Any], owner: Callable[[int], Owner | None]) -> Iterable[Process]:
    for process in sorted(processes, key=lambda process: int(process.pid)):
        whose = owner(int(process.pid))
        if whose is None:
            continue  # it ended since NVML looked
        memory = process.usedGpuMemory
        yield Process(
            pid=int(process.pid),
            user=whose.name,
            memory=None if memory is None else int(memory),
            other=whose.other,
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


def usable_gpus(environ: Mapping[str, str]) -> list[Gpu]:
    """The GPUs that runs with that environment may use, as they are now."""
    plugin = jax_can_use_gpus()  # asked first: without it NVML need not be loaded
    return usable(list_gpus(), environ, plugin) if plugin else []


def least_used(gpus: Iterable[Gpu]) -> Gpu | None:
    """The GPU with the most free memory, then the first; None without GPUs."""
    return min(gpus, key=lambda gpu: (-gpu.memory_free, gpu.index), default=None)
