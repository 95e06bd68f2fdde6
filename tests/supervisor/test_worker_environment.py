"""The environment a worker starts in."""

import os
from pathlib import Path

import pytest

from hades_protocol.run_spec import build_spec
from hadesd.supervisor.scheduling.nvml import Gpu
from hadesd.supervisor.worker_environment import usable_cores, worker_environment

CACHE = Path("/cache")
GPU = Gpu(index=1, uuid="GPU-abc", name="H200", memory_total=1, memory_used=0)


def environment(base: dict[str, str] | None = None, gpu: Gpu | None = None, cores: int = 6, devices: int = 0):
    spec = build_spec({"env": "ant", "resources": {"devices": devices}})
    return worker_environment(spec, () if gpu is None else (gpu,), cores, CACHE, base or {})


def test_on_the_cpu_every_core_is_a_device() -> None:
    env = environment()
    assert env["JAX_PLATFORMS"] == "cpu"
    assert env["XLA_FLAGS"] == "--xla_force_host_platform_device_count=6"
    assert env["PJRT_NPROC"] == "6"
    assert env["JAX_COMPILATION_CACHE_DIR"] == "/cache/jax"
    assert "CUDA_VISIBLE_DEVICES" not in env


def test_the_number_of_devices_may_be_set() -> None:
    assert environment(devices=3)["XLA_FLAGS"] == "--xla_force_host_platform_device_count=3"


@pytest.mark.parametrize(("cores", "threads"), [(1, "4"), (2, "4"), (4, "4"), (64, "64")])
def test_xla_never_gets_fewer_than_four_threads(cores: int, threads: str) -> None:
    assert environment(cores=cores)["PJRT_NPROC"] == threads


@pytest.mark.parametrize("gpu", [None, GPU])
def test_openblas_has_one_thread_whatever_the_user_set(gpu: Gpu | None) -> None:
    assert environment(gpu=gpu)["OPENBLAS_NUM_THREADS"] == "1"
    assert environment({"OPENBLAS_NUM_THREADS": "8"}, gpu)["OPENBLAS_NUM_THREADS"] == "1"


def test_on_a_gpu_the_run_sees_its_gpu_alone_and_resumes_bit_exactly() -> None:
    env = environment(gpu=GPU)
    assert env["XLA_CLIENT_MEM_FRACTION"] == "0.9"
    assert env["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    assert env["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert env["XLA_FLAGS"] == "--xla_gpu_deterministic_ops=true"
    assert "JAX_PLATFORMS" not in env


def test_what_the_user_set_stays() -> None:
    base = {
        "HOME": "/home/me",
        "JAX_PLATFORMS": "tpu",
        "JAX_COMPILATION_CACHE_DIR": "/mine",
        "PJRT_NPROC": "5",
        "XLA_FLAGS": "--xla_dump_to=/tmp/x --xla_force_host_platform_device_count=1",
    }
    env = environment(base)
    assert env.items() >= base.items()
    assert base.keys() <= env.keys()


def test_what_must_not_vary_is_pinned_whatever_the_user_set() -> None:
    env = environment({"JAX_ENABLE_X64": "1", "JAX_RANDOM_SEED_OFFSET": "7", "JAX_DISABLE_JIT": "1"})
    assert (env["JAX_ENABLE_X64"], env["JAX_RANDOM_SEED_OFFSET"]) == ("False", "0")
    assert env["JAX_DISABLE_JIT"] == "1", "what may vary stays, and is recorded"


def test_flags_in_a_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "flags").write_text("--xla_dump_to=/tmp/x\n")
    flags = environment({"XLA_FLAGS": str(tmp_path / "flags")}, devices=3)["XLA_FLAGS"]
    assert flags == "--xla_dump_to=/tmp/x --xla_force_host_platform_device_count=3"


def test_flags_are_added_to_the_users_own() -> None:
    env = environment({"XLA_FLAGS": "--xla_dump_to=/tmp/x"}, gpu=GPU)
    assert env["XLA_FLAGS"] == "--xla_dump_to=/tmp/x --xla_gpu_deterministic_ops=true"


@pytest.mark.parametrize("name", ["XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"])
def test_the_users_own_memory_fraction_wins_under_either_name(name: str) -> None:
    """jaxlib refuses to start where both names are set."""
    env = environment({name: "0.3"}, gpu=GPU)
    assert {key: value for key, value in env.items() if key.endswith("MEM_FRACTION")} == {name: "0.3"}


def test_a_run_on_several_gpus_with_a_share_of_their_memory() -> None:
    spec = build_spec({"env": "ant", "resources": {"gpus": "2", "memory_fraction": 0.455}})
    other = Gpu(index=3, uuid="GPU-def", name="H200", memory_total=1, memory_used=0)
    env = worker_environment(spec, (GPU, other), 6, CACHE, {"CUDA_VISIBLE_DEVICES": "0,1,2,3"})
    assert env["CUDA_VISIBLE_DEVICES"] == "GPU-abc,GPU-def"
    assert env["XLA_CLIENT_MEM_FRACTION"] == "0.455"


def test_the_daemons_own_environment_is_not_changed() -> None:
    base = {"A": "1"}
    environment(base)
    assert base == {"A": "1"}


@pytest.mark.parametrize(
    ("node", "granted", "cores"),
    [
        ("n1", "8", 8),
        ("n1", "128", 64),  # bound to fewer than were granted
        ("n1", "", 64),
        ("n1", "0", 64),
        ("n1", "8(x2)", 64),
        ("", "8", 64),  # on no node of a job
    ],
)
def test_cores_are_those_of_the_slurm_job(node: str, granted: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", granted)
    if node:
        monkeypatch.setenv("SLURMD_NODENAME", node)
    else:
        monkeypatch.delenv("SLURMD_NODENAME", raising=False)
    assert usable_cores() == cores
