"""GPUs through a stand-in for NVML."""

from types import SimpleNamespace
from typing import Any

import pytest

from hadesd.supervisor.gpus import Gpu, least_used, list_gpus, usable


class NVMLError(Exception):
    """What pynvml raises."""


def nvml(used: list[int], broken: str = "") -> Any:
    """A driver with one GPU for each number of used bytes; the function named in `broken` fails."""

    def call(name: str, result: Any) -> Any:
        def function(*_: Any) -> Any:
            if name == broken:
                raise NVMLError("driver not loaded")
            return result(*_) if callable(result) else result

        return function

    results = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlDeviceGetCount": len(used),
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda index: SimpleNamespace(total=100, used=used[index]),
        "nvmlDeviceGetUUID": lambda index: f"GPU-{index}{index}",
        "nvmlDeviceGetName": "H200",
    }
    return SimpleNamespace(NVMLError=NVMLError, **{name: call(name, value) for name, value in results.items()})


def test_gpus_are_listed() -> None:
    found = list_gpus(nvml([5, 0]))
    assert found[0] == Gpu(index=0, uuid="GPU-00", name="H200", memory_total=100, memory_used=5)
    assert [gpu.uuid for gpu in found] == ["GPU-00", "GPU-11"]


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetMemoryInfo"])
def test_without_a_working_driver_there_is_no_gpu(broken: str) -> None:
    assert list_gpus(nvml([0], broken)) == []


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, [0, 1, 2]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, [0, 2]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-11"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"JAX_PLATFORMS": "cpu"}, []),
        ({"JAX_PLATFORMS": "cuda,cpu"}, [0, 1, 2]),
    ],
)
def test_runs_use_what_the_user_leaves_visible(environ: dict[str, str], found: list[int]) -> None:
    assert [gpu.index for gpu in usable(list_gpus(nvml([0, 0, 0])), environ, plugin=True)] == found


def test_a_gpu_is_of_no_use_without_jaxs_plugin() -> None:
    assert usable(list_gpus(nvml([0])), {}, plugin=False) == []


def test_a_run_gets_the_gpu_with_the_fewest_runs_then_the_least_memory_in_use() -> None:
    gpus = list_gpus(nvml([9, 3, 5]))
    assert least_used(gpus, {}).index == 1
    assert least_used(gpus, {"GPU-11": 1}).index == 2
    assert least_used([], {}) is None
