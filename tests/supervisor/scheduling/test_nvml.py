"""GPUs and their users through a stand-in for NVML."""

import os
import subprocess
from pathlib import Path

import pytest

from hadesd.supervisor.scheduling import nvml
from hadesd.supervisor.scheduling.nvml import (
    UNKNOWN,
    Gpu,
    Owner,
    Process,
    least_used,
    list_gpus,
    login_name,
    owner_of,
    usable,
    usable_gpus,
)
from tests.helpers.processes.fake_nvml import pynvml
from tests.helpers.processes.gpus import GIB, FakeGpus, process_of_another_user


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpus:
    fake = FakeGpus(tmp_path / "nvml.json", 3)
    monkeypatch.setenv("HADES_FAKE_NVML", str(fake.file))
    return fake


def test_a_gpu_is_listed_with_its_use_and_its_users(three: FakeGpus) -> None:
    with process_of_another_user() as stranger:
        three.use(1, (stranger, 31 * GIB), (os.getpid(), 2 * GIB), used=34 * GIB)
        three.state["gpus"][1]["utilisation"] = 97
        three.write()
        found = list_gpus(pynvml)[1]
        assert (found.index, found.uuid, found.name) == (1, "GPU-11", "Testing H200")
        assert (found.memory_total, found.memory_used, found.memory_free) == (100 * GIB, 34 * GIB, 66 * GIB)
        assert found.utilisation == 0.97
        mine = Process(pid=os.getpid(), user=login_name(os.getuid()), memory=2 * GIB, other=False)
        theirs = Process(
            pid=stranger, user=login_name(os.stat(f"/proc/{stranger}").st_uid), memory=31 * GIB, other=True
        )
        assert sorted(found.processes, key=lambda process: process.other) == [mine, theirs]


def test_a_process_that_is_gone_is_left_out(three: FakeGpus) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    three.use(0, (ended.pid, GIB))
    assert list_gpus(pynvml)[0].processes == ()


@pytest.mark.parametrize("error", ["NVMLError_NotSupported", "NVMLError_FunctionNotFound", "NVMLError_NoPermission"])
def test_what_a_gpu_does_not_tell_is_left_open(three: FakeGpus, error: str) -> None:
    questions = ("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetComputeRunningProcesses")
    three.use(0, (os.getpid(), GIB))
    three.state["gpus"][0]["broken"] = dict.fromkeys(questions, error)
    three.write()
    found = list_gpus(pynvml)[0]
    assert found == Gpu(index=0, uuid="GPU-00", name="Testing H200", memory_total=0, memory_used=0)


def test_memory_of_a_process_may_be_unknown(three: FakeGpus) -> None:
    three.state["gpus"][0]["processes"] = [{"pid": os.getpid()}]
    three.write()
    assert list_gpus(pynvml)[0].processes[0].memory is None


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount"])
def test_without_a_working_driver_there_is_no_gpu(three: FakeGpus, broken: str) -> None:
    three.state["broken"] = {broken: "NVMLError"}
    three.write()
    assert list_gpus(pynvml) == []


def test_a_gpu_that_fell_off_the_bus_is_left_out(three: FakeGpus) -> None:
    three.state["gpus"][1]["broken"] = {"nvmlDeviceGetMemoryInfo": "NVMLError_GpuIsLost"}
    three.state["broken"] = {"nvmlShutdown": "NVMLError"}
    three.write()
    assert [gpu.index for gpu in list_gpus(pynvml)] == [0, 2]


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
def test_runs_use_what_the_user_leaves_visible(three: FakeGpus, environ: dict[str, str], found: list[int]) -> None:
    assert [gpu.index for gpu in usable(list_gpus(pynvml), environ, plugin=True)] == found


def test_a_gpu_is_of_no_use_without_jaxs_plugin(three: FakeGpus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable(list_gpus(pynvml), {}, plugin=False) == []
    monkeypatch.setattr(nvml, "list_gpus", lambda: list_gpus(pynvml))
    monkeypatch.setattr(nvml, "jax_can_use_gpus", lambda: False)
    assert usable_gpus({}) == []
    monkeypatch.setattr(nvml, "jax_can_use_gpus", lambda: True)
    assert len(usable_gpus({})) == 3


def test_a_command_computes_on_the_gpu_with_the_most_free_memory(three: FakeGpus) -> None:
    three.use(0, used=9)
    three.use(2, used=5)
    found = list_gpus(pynvml)
    assert least_used(found).index == 1
    assert least_used([]) is None


def test_whose_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert owner_of(os.getpid()) == Owner(login_name(os.getuid()), other=False)
    assert owner_of(2**22 + 1) is None, "beyond the largest process id"
    assert login_name(4_000_000_000) == "4000000000"


def test_a_process_that_the_system_hides_is_another_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """With /proc mounted with hidepid its directory is not there, yet it may not be signalled."""

    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert owner_of(2**22 + 1) == Owner(UNKNOWN, other=True)
