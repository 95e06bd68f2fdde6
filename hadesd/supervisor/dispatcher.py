"""Which queued run gets which slot and GPUs, and what the others wait for: the scheduler, asked about real runs."""

import time
from collections.abc import Iterable, Iterator

from hades_protocol.run_spec import RunSpec
from hades_protocol.run_state import WITH_WORKER, RunState
from hadesd.supervisor.run import ManagedRun
from hadesd.supervisor.scheduling import scheduler
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from hadesd.supervisor.scheduling.nvml import Gpu
from hadesd.supervisor.scheduling.scheduler import Allocation, Plan, ResourceRequest, check_gpus


class Dispatcher:
    """Decides; changes nothing. jobs: Slurm jobs at the same time; None: this daemon submits none."""

    def __init__(self, slots: int, gpu_pool: GpuPool, jobs: int | None = None) -> None:
        self._slots = slots
        self._gpu_pool = gpu_pool
        self._jobs = jobs

    def plan(self, runs: Iterable[ManagedRun]) -> Plan:
        """The queued runs that can start now, with their GPUs, and for each other one what it waits for."""
        local: list[ManagedRun] = []
        as_jobs: list[ManagedRun] = []
        for managed_run in runs:
            (as_jobs if is_job(managed_run) else local).append(managed_run)
        allocations = list(held(local))
        here = scheduler.plan(
            requests(local),
            [allocation for allocation, _ in allocations],
            self._gpu_pool.devices(allocations, time.monotonic()),
            self._slots,
        )
        there = scheduler.plan_jobs(
            requests(as_jobs), sum(managed_run.run.state in WITH_WORKER for managed_run in as_jobs), self._jobs
        )
        return Plan((*here.starts, *there.starts), {**here.reasons, **there.reasons})

    def gpus(self, uuids: Iterable[str]) -> tuple[Gpu, ...]:
        """The GPUs with these uuids."""
        return self._gpu_pool.named(uuids)

    def check(self, spec: RunSpec) -> None:
        """Raises UsageError where this machine can never give a run what it asks for."""
        if spec.resources.executor == "slurm":
            scheduler.check_jobs(self._jobs)
            return
        if self._gpu_pool.present and not self._gpu_pool.gpus:
            return  # for the moment none answers: the run waits and says so
        check_gpus(spec.resources.gpus, [gpu.index for gpu in self._gpu_pool.gpus] or None)


def requests(runs: Iterable[ManagedRun]) -> Iterator[ResourceRequest]:
    """What the queued runs ask for."""
    for managed_run in runs:
        if managed_run.run.state == RunState.QUEUED:
            asked = managed_run.spec.resources
            yield ResourceRequest(
                id=managed_run.run.id,
                priority=managed_run.run.priority,
                queued_at=managed_run.run.queued_at,
                gpus=asked.gpus,
                memory_fraction=asked.memory_fraction,
                yield_to_others=asked.yield_to_others,
                yield_cooldown=asked.yield_cooldown,
                has_job=managed_run.has_job,
            )


def is_job(managed_run: ManagedRun) -> bool:
    """Whether a run computes as a Slurm job, or will."""
    return managed_run.spec.resources.executor == "slurm"


def held(runs: Iterable[ManagedRun]) -> Iterator[tuple[Allocation, int | None]]:
    """What the runs with a worker on this machine hold, and its process id once there is one."""
    for managed_run in runs:
        if managed_run.run.state in WITH_WORKER and not is_job(managed_run):
            uuids = tuple(gpu.uuid for gpu in managed_run.gpus)
            fraction = managed_run.spec.resources.memory_fraction
            yield Allocation(id=managed_run.run.id, gpus=uuids, memory_fraction=fraction), managed_run.run.worker_pid
