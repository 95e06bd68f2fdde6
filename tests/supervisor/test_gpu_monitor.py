"""When a run yields, and when clients hear of a change."""

from hades_protocol.messages import GpuInfo, GpuProcess
from hadesd.supervisor.gpu_monitor import crowded, worth_publishing
from hadesd.supervisor.scheduling.nvml import Gpu, Process

GIB = 2**30
ALICE = Process(pid=4242, user="alice", memory=31 * GIB, other=True)
OURS = Process(pid=7, user="me", memory=40 * GIB)


def gpu(index: int, *processes: Process) -> Gpu:
    return Gpu(
        index=index, uuid=f"GPU-{index}", name="H200", memory_total=100 * GIB, memory_used=0, processes=processes
    )


def test_a_run_makes_way_where_another_user_is_on_one_of_its_gpus() -> None:
    gpus = [gpu(0, OURS), gpu(1, OURS, ALICE)]
    assert crowded(gpus, ["GPU-0"]) == ""
    assert crowded(gpus, ["GPU-0", "GPU-1"]) == "yields to alice (pid 4242, 31 GiB) on GPU 1"
    assert crowded(gpus, []) == ""


def info(**fields: object) -> tuple[GpuInfo, ...]:
    known = {"index": 0, "uuid": "GPU-0", "name": "H200", "memory_total": 100, "memory_used": 50, "utilisation": 0.5}
    return (GpuInfo(**{**known, **fields}),)


def test_clients_hear_of_who_comes_and_goes_and_of_much_more_use() -> None:
    assert not worth_publishing((), ())
    assert worth_publishing((), info()), "a GPU is new"
    assert not worth_publishing(info(), info(memory_used=55, utilisation=0.7))
    assert worth_publishing(info(), info(memory_used=56))
    assert worth_publishing(info(), info(utilisation=0.8))
    assert worth_publishing(info(), info(utilisation=None))
    assert worth_publishing(info(), info(runs=("ant-1",)))
    alice = GpuProcess(pid=1, user="alice", memory=3)
    assert worth_publishing(info(), info(processes=(alice,)))
    assert not worth_publishing(info(processes=(alice,)), info(processes=(GpuProcess(pid=1, user="alice", memory=4),)))
