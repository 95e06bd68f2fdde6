"""The environment of a process that computes by itself."""

import os
from unittest import mock

import pytest

from hades_protocol.run_spec import build_spec
from hadesd.api.jax_process import set_environment


def test_in_a_slurm_job_it_has_the_threads_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr("hadesd.supervisor.scheduling.nvml.usable_gpus", lambda environ: ())
    with mock.patch.dict(os.environ, {"SLURMD_NODENAME": "n1", "SLURM_CPUS_ON_NODE": "8"}):
        os.environ.pop("PJRT_NPROC", None)
        os.environ.pop("XLA_FLAGS", None)
        set_environment(build_spec({"env": "CartPole-v1"}))
        assert os.environ["PJRT_NPROC"] == "8"
        assert os.environ["XLA_FLAGS"] == "--xla_force_host_platform_device_count=8"
