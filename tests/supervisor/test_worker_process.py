"""How much memory a worker has."""

import os
import subprocess
import sys

from hades_protocol.messages import GpuInfo, GpuProcess
from hadesd.supervisor.worker_process import memory_of, resident_bytes


def a_gpu(index: int, *processes: GpuProcess) -> GpuInfo:
    return GpuInfo(
        index=index, uuid=f"GPU-{index}", name="H100", memory_total=2**36, memory_used=2**33, processes=processes
    )


def test_a_process_has_a_resident_set() -> None:
    resident = resident_bytes(os.getpid())
    assert resident is not None
    assert 2**20 < resident < 2**36


def test_one_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert resident_bytes(process.pid) is None, "ended, not reaped"
    process.wait()
    assert resident_bytes(process.pid) is None


def test_memory_of_gpus_counts_where_the_driver_says_it() -> None:
    mine = GpuProcess(pid=1, user="ada", memory=2**30, run="ant-1")
    gpus = (a_gpu(0, mine), a_gpu(1, mine, GpuProcess(pid=2, user="bob", memory=2**32, other=True)))
    assert memory_of("ant-1", os.getpid(), gpus) == (2**31, "of GPU memory")
    found = memory_of("ant-2", os.getpid(), gpus)
    assert found is not None
    assert found[1] == "of main memory"
    assert memory_of("ant-1", None, gpus) is None
