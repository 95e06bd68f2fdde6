"""Looks after the GPUs: who yields to others, who can go on, and what clients are told."""

import time
from collections.abc import Iterable, Sequence

from hades_protocol.events import GpusChanged
from hades_protocol.messages import GpuInfo
from hades_protocol.run_state import RunState
from hadesd.supervisor.dispatcher import held
from hadesd.supervisor.engine import Engine
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.scheduling.gpu_pool import GpuPool, gpu_infos
from hadesd.supervisor.scheduling.nvml import Gpu
from hadesd.supervisor.scheduling.reasons import describe_process

TELL_SECONDS = 5.0
"""Least time between two events about GPUs."""

MEMORY_MOVED = 0.05
UTILISATION_MOVED = 0.2
"""Shares by which a GPU must have changed before clients are told."""


class GpuMonitor:
    """What is done about the GPUs once a second."""

    def __init__(self, engine: Engine, gpu_pool: GpuPool, publisher: Publisher) -> None:
        self._engine = engine
        self._gpu_pool = gpu_pool
        self._publisher = publisher
        self._published: tuple[GpuInfo, ...] = ()
        self._published_at = 0.0

    def tick(self) -> None:
        """Once a second."""
        now = time.monotonic()
        workers = frozenset(pid for _, pid in held(self._engine.runs.values()) if pid is not None)
        if self._gpu_pool.refresh(workers, now):
            self._yield_gpus()
            self._engine.schedule()
        self._tell(now)

    def gpu_infos(self) -> tuple[GpuInfo, ...]:
        """The GPUs as clients see them."""
        return gpu_infos(self._gpu_pool.gpus, held(self._engine.runs.values()))

    def _yield_gpus(self) -> None:
        for managed_run in tuple(self._engine.runs.values()):
            if not managed_run.spec.resources.yield_to_others or managed_run.run.state not in (
                RunState.STARTING,
                RunState.RUNNING,
            ):
                continue
            if reason := crowded(self._gpu_pool.gpus, [gpu.uuid for gpu in managed_run.gpus]):
                self._engine.apply(managed_run, events.YieldAsked(reason))

    def _tell(self, now: float) -> None:
        if now - self._published_at < TELL_SECONDS:
            return
        seen = self.gpu_infos()
        if worth_publishing(self._published, seen):
            self._published, self._published_at = seen, now
            self._publisher.publish(GpusChanged, gpus=seen)


def crowded(gpus: Iterable[Gpu], mine: Sequence[str]) -> str:
    """Why a run on the GPUs `mine` (uuids) yields; empty where no other user is on them."""
    for gpu in gpus:
        for process in gpu.processes:
            if process.other and gpu.uuid in mine:
                return f"yields to {describe_process(process.user, process.pid, process.memory)} on GPU {gpu.index}"
    return ""


def worth_publishing(before: Sequence[GpuInfo], after: Sequence[GpuInfo]) -> bool:
    """Whether clients should hear of a change: who is there, or much more or less use."""
    if [_who(gpu) for gpu in before] != [_who(gpu) for gpu in after]:
        return True
    return any(_moved(*pair) for pair in zip(before, after, strict=True))


def _who(gpu: GpuInfo) -> tuple[object, ...]:
    return gpu.uuid, gpu.runs, tuple((process.pid, process.user, process.run) for process in gpu.processes)


def _moved(before: GpuInfo, after: GpuInfo) -> bool:
    if abs(after.memory_used - before.memory_used) > MEMORY_MOVED * after.memory_total:
        return True
    if before.utilisation is None or after.utilisation is None:
        return before.utilisation != after.utilisation
    return abs(after.utilisation - before.utilisation) > UTILISATION_MOVED
