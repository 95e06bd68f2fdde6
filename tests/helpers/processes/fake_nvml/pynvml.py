"""A driver's readings for tests, in the place of nvidia-ml-py: a JSON file says what there is, and a test rewrites it.

$HADES_FAKE_NVML names the file: {"gpus": [GPU, …], "broken": {FUNCTION: ERROR}}; a GPU is {"used": bytes,
"total": bytes, "utilisation": percent, "processes": [{"pid", "memory"}], "broken": {FUNCTION: ERROR}}, all of it
optional. ERROR is the name of one of the errors below.
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GIB = 2**30


class NVMLError(Exception):
    """What every function here may raise."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801
    """The GPU does not do that."""


class NVMLError_FunctionNotFound(NVMLError):  # noqa: N801
    """The driver is too old for that."""


class NVMLError_NoPermission(NVMLError):  # noqa: N801
    """Not for this user."""


class NVMLError_GpuIsLost(NVMLError):  # noqa: N801
    """It fell off the bus."""


def nvmlInit() -> None:
    """As the real one, like all below."""
    _read("nvmlInit")


def nvmlShutdown() -> None:
    _read("nvmlShutdown")


def nvmlDeviceGetCount() -> int:
    return len(_read("nvmlDeviceGetCount")["gpus"])


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    _gpu(index, "nvmlDeviceGetHandleByIndex")
    return index


def nvmlDeviceGetMemoryInfo(handle: int) -> SimpleNamespace:
    gpu = _gpu(handle, "nvmlDeviceGetMemoryInfo")
    return SimpleNamespace(total=gpu.get("total", 100 * GIB), used=gpu.get("used", 0))


def nvmlDeviceGetUtilizationRates(handle: int) -> SimpleNamespace:
    return SimpleNamespace(gpu=_gpu(handle, "nvmlDeviceGetUtilizationRates").get("utilisation", 0), memory=0)


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[SimpleNamespace]:
    processes = _gpu(handle, "nvmlDeviceGetComputeRunningProcesses").get("processes", [])
    return [SimpleNamespace(pid=process["pid"], usedGpuMemory=process.get("memory")) for process in processes]


def nvmlDeviceGetUUID(handle: int) -> str:
    _gpu(handle, "nvmlDeviceGetUUID")
    return f"GPU-{handle}{handle}"


def nvmlDeviceGetName(handle: int) -> str:
    _gpu(handle, "nvmlDeviceGetName")
    return "Testing H200"


def _read(function: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(Path(os.environ["HADES_FAKE_NVML"]).read_text())
    _break(state, function)
    return state


def _gpu(index: int, function: str) -> dict[str, Any]:
    gpu: dict[str, Any] = _read("")["gpus"][index]
    _break(gpu, function)
    return gpu


def _break(state: dict[str, Any], function: str) -> None:
    if function in state.get("broken", {}):
        raise globals()[state["broken"][function]](function)
