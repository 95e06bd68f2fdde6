"""What the daemon knows of the GPUs: readings, who was there and when, whose the memory is."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.supervisor.scheduling.gpu_pool import (
    BACKGROUND,
    READ_SECONDS,
    STUCK_SECONDS,
    GpuPool,
    external_share,
    gpu_infos,
)
from hadesd.supervisor.scheduling.nvml import Gpu, Process
from hadesd.supervisor.scheduling.scheduler import Allocation
from tests.helpers.processes.daemon import until

GIB = 2**30
ALICE = Process(pid=4242, user="alice", memory=31 * GIB, other=True)
OURS = Process(pid=7, user="me", memory=40 * GIB)
NOBODY: frozenset[int] = frozenset()


def gpu(*processes: Process, used: int | None = None, total: int = 100 * GIB, index: int = 0) -> Gpu:
    return Gpu(
        index=index,
        uuid=f"GPU-{index}",
        name="H200",
        memory_total=total,
        memory_used=sum(process.memory or 0 for process in processes) if used is None else used,
        processes=processes,
    )


def allocation(name: str = "run", fraction: float = 0.45) -> Allocation:
    return Allocation(id=name, gpus=("GPU-0",), memory_fraction=fraction)


class Driver:
    """Answers with what a test says."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = list(gpus)
        self.readings = 0

    def read(self) -> list[Gpu]:
        self.readings += 1
        return self.gpus


def refreshed(gpu_pool: GpuPool, at: float, workers: frozenset[int] = NOBODY) -> None:
    """Let time pass until there is a reading of that time."""
    assert not gpu_pool.refresh(workers, at), "the reading was only asked for"
    until(lambda: gpu_pool.refresh(workers, at), "a reading")


def test_the_driver_is_asked_every_few_seconds_in_a_thread_of_its_own() -> None:
    driver = Driver(gpu())
    gpu_pool = GpuPool(driver.read, now=0.0)
    for _ in range(100):
        assert not gpu_pool.refresh(NOBODY, READ_SECONDS - 0.1)
    assert driver.readings == 1
    driver.gpus = [gpu(ALICE)]
    refreshed(gpu_pool, READ_SECONDS)
    assert driver.readings == 2
    assert gpu_pool.gpus[0].processes == (ALICE,)


def test_a_driver_that_hangs_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    released = threading.Event()
    returned = []
    driver = Driver(gpu())
    gpu_pool = GpuPool(driver.read, now=0.0)

    def hang() -> list[Gpu]:
        released.wait()
        returned.append(True)
        return []

    gpu_pool._read = hang
    assert not any(gpu_pool.refresh(NOBODY, float(at)) for at in range(10, 10 + 3 * int(STUCK_SECONDS)))
    assert not returned, "the driver still hangs, and nobody waited for it"
    assert len(gpu_pool.gpus) == 1, "what was known stays known"
    assert capsys.readouterr().out.count("NVML does not answer") == 1, "it is said, and once"
    released.set()


def test_what_goes_wrong_in_the_thread_is_not_lost() -> None:
    gpu_pool = GpuPool(Driver(gpu()).read, now=0.0)

    def fail() -> list[Gpu]:
        raise ValueError("a bug")

    gpu_pool._read = fail
    gpu_pool.refresh(NOBODY, 10.0)
    with pytest.raises(ValueError, match="a bug"):
        until(lambda: gpu_pool.refresh(NOBODY, 11.0), "the reading")


def test_a_machine_without_gpus_computes_on_its_cpu_and_is_not_asked_again() -> None:
    driver = Driver()
    gpu_pool = GpuPool(driver.read, now=0.0)
    assert not gpu_pool.refresh(NOBODY, 100.0)
    assert (driver.readings, gpu_pool.present, gpu_pool.devices([], 0.0)) == (1, False, None)


def test_a_gpu_that_no_longer_answers_does_not_make_a_cpu_machine() -> None:
    driver = Driver(gpu())
    gpu_pool = GpuPool(driver.read, now=0.0)
    driver.gpus = []
    refreshed(gpu_pool, 10.0)
    assert (gpu_pool.present, gpu_pool.devices([], 10.0)) == (True, [])


def test_it_is_remembered_when_another_user_was_last_seen() -> None:
    driver = Driver(gpu(OURS))
    gpu_pool = GpuPool(driver.read, now=0.0)
    assert gpu_pool.devices([], 5.0)[0].free_for == float("inf"), "our own processes disturb nobody"
    driver.gpus = [gpu(OURS, ALICE)]
    refreshed(gpu_pool, 10.0)
    (seen,) = gpu_pool.devices([], 12.0)
    assert (seen.free_for, seen.whose) == (0.0, "alice (pid 4242, 31 GiB)")
    driver.gpus = [gpu(OURS)]
    refreshed(gpu_pool, 20.0)
    (seen,) = gpu_pool.devices([], 25.0)
    assert (seen.free_for, seen.whose) == (15.0, "alice (pid 4242, 31 GiB)"), "seconds since she was last seen"


def test_a_worker_that_ended_since_the_reading_is_not_taken_for_a_stranger() -> None:
    driver = Driver(gpu(OURS))
    gpu_pool = GpuPool(driver.read, now=0.0)
    refreshed(gpu_pool, 10.0, frozenset({OURS.pid}))
    (seen,) = gpu_pool.devices([], 11.0)
    assert (seen.external_memory, seen.holder) == (0.0, "")
    refreshed(gpu_pool, 20.0)
    (seen,) = gpu_pool.devices([], 21.0)
    assert (seen.external_memory, seen.holder) == (0.4, "me (pid 7, 40 GiB)"), "it should be gone by now"


@pytest.mark.parametrize(
    ("seen", "allocations", "share"),
    [
        (gpu(), [], 0.0),
        (gpu(used=GIB), [], 0.0),  # a desktop, a driver: nobody will give it back
        (gpu(used=BACKGROUND + 20 * GIB), [], 0.2),  # processes that a container does not show
        (gpu(ALICE), [], 0.31),
        (gpu(OURS, used=41 * GIB), [(allocation(), OURS.pid)], 0.0),
        (gpu(OURS, ALICE), [(allocation(), OURS.pid)], 0.31),
        (gpu(OURS, ALICE), [], 0.71),  # a program of our own user that is no run
        (gpu(used=45 * GIB), [(allocation(), 99)], 0.0),  # our run, which a container does not show
        (gpu(Process(pid=7, user="me"), used=45 * GIB), [(allocation(), 7)], 0.0),  # the driver does not say how much
        (gpu(ALICE, total=0, used=0), [], 0.0),
    ],
)
def test_whose_the_memory_is(seen: Gpu, allocations: list[tuple[Allocation, int]], share: float) -> None:
    assert external_share(seen, allocations, frozenset(pid for _, pid in allocations)) == pytest.approx(share)


@given(
    used=st.integers(0, 100),
    others=st.lists(st.integers(0, 60), max_size=3),
    mine=st.lists(st.integers(0, 60), max_size=3),
)
def test_a_share_is_a_share_and_ours_never_adds_to_it(used: int, others: list[int], mine: list[int]) -> None:
    theirs = [Process(pid=100 + i, user="alice", memory=m * GIB, other=True) for i, m in enumerate(others)]
    ours = [Process(pid=i, user="me", memory=m * GIB) for i, m in enumerate(mine)]
    held = [(allocation(f"r{i}", 0.1), process.pid) for i, process in enumerate(ours)]
    seen = gpu(*theirs, *ours, used=used * GIB)
    share = external_share(seen, held, frozenset(process.pid for process in ours))
    assert min(1.0, sum(others) / 100) <= share <= 1.0
    assert share <= external_share(seen, [], NOBODY)


def test_the_picture_for_clients_marks_our_runs_and_other_users() -> None:
    (seen,) = gpu_infos([gpu(OURS, ALICE)], [(allocation("ant-1"), OURS.pid), (Allocation(id="on-the-cpu"), 9)])
    assert seen.runs == ("ant-1",)
    assert [(process.user, process.run, process.other) for process in seen.processes] == [
        ("me", "ant-1", False),
        ("alice", "", True),
    ]
