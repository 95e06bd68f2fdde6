"""The machine's GPUs as the daemon knows them: the newest reading, and when each was last another user's."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

import structlog

from hades_protocol.messages import GpuInfo, GpuProcess
from hadesd.supervisor.scheduling.nvml import Gpu, Process
from hadesd.supervisor.scheduling.reasons import describe_process
from hadesd.supervisor.scheduling.scheduler import Allocation, Device

READ_SECONDS = 3.0
"""From one reading to the next."""

STUCK_SECONDS = 30.0

BACKGROUND = 2 * 2**30
"""Bytes that drivers and desktops hold, which nobody gives back: they do not count as another's use."""

log = structlog.get_logger()


class GpuPool:
    """What is known of the GPUs that runs may use.

    read: asks the driver; it is called in a thread of its own, for a driver that hangs must not stop the daemon.
    """

    def __init__(self, read: Callable[[], Sequence[Gpu]], now: float) -> None:
        self._read = read
        self._reading: Future[Sequence[Gpu]] | None = None
        self._asked_at = now
        self._stuck = False
        self._ours = self._ours_then = frozenset[int]()  # workers that the newest reading may have seen, the next one
        self._seen: dict[str, tuple[float, Process]] = {}  # uuid -> when another user's process was last seen
        self.gpus: tuple[Gpu, ...] = ()
        self._take(read(), now)
        self.present = bool(self.gpus)
        """Whether runs compute on GPUs. It is decided once: nothing moves from GPU to CPU by itself."""

    def refresh(self, workers: frozenset[int], now: float) -> bool:
        """Call it every second; whether there is a new reading. workers: process ids of our runs."""
        if not self.present:
            return False
        if self._reading is None:
            if now - self._asked_at >= READ_SECONDS:
                self._asked_at, self._ours_then = now, workers
                self._reading = _in_a_thread(self._read)
            return False
        if not self._reading.done():
            self._log_silence(now)
            return False
        found, self._reading = self._reading.result(), None
        self._stuck = False
        self._ours = self._ours_then | workers
        self._take(found, now)
        return True

    def devices(self, allocations: Iterable[tuple[Allocation, int | None]], now: float) -> list[Device] | None:
        """The GPUs as the scheduler sees them. allocations: runs with the process id of their worker.

        Returns None on a machine that computes on its CPU.
        """
        if not self.present:
            return None
        allocations = list(allocations)
        ours = self._ours | {pid for _, pid in allocations if pid is not None}
        return [self._device(gpu, allocations, ours, now) for gpu in self.gpus]

    def named(self, uuids: Iterable[str]) -> tuple[Gpu, ...]:
        """The GPUs with these uuids."""
        wanted = set(uuids)
        return tuple(gpu for gpu in self.gpus if gpu.uuid in wanted)

    def _device(
        self, gpu: Gpu, allocations: list[tuple[Allocation, int | None]], ours: frozenset[int], now: float
    ) -> Device:
        seen_at, last = self._seen.get(gpu.uuid, (float("-inf"), None))
        present = any(process.other for process in gpu.processes)
        return Device(
            index=gpu.index,
            uuid=gpu.uuid,
            external_memory=external_share(gpu, allocations, ours),
            free_for=0.0 if present else now - seen_at,
            whose=_describe(last),
            holder=_describe(_largest(process for process in gpu.processes if process.pid not in ours)),
        )

    def _take(self, found: Sequence[Gpu], now: float) -> None:
        self.gpus = tuple(found)
        for gpu in found:
            other = _largest(process for process in gpu.processes if process.other)
            if other is not None:
                self._seen[gpu.uuid] = (now, other)

    def _log_silence(self, now: float) -> None:
        if now - self._asked_at > STUCK_SECONDS and not self._stuck:
            self._stuck = True
            log.warning("NVML does not answer: what is known of the GPUs is old", seconds=round(now - self._asked_at))


def external_share(gpu: Gpu, allocations: Iterable[tuple[Allocation, int | None]], ours: frozenset[int]) -> float:
    """The share of a GPU's memory in use by processes that are no runs of ours.

    A run that the driver shows no memory of (in a container, say) is taken to hold what it was promised.
    """
    if not gpu.memory_total:
        return 0.0  # the driver does not say
    measured = {process.pid: process.memory for process in gpu.processes if process.memory is not None}
    others = sum(memory for pid, memory in measured.items() if pid not in ours)
    mine = sum(memory for pid, memory in measured.items() if pid in ours)
    for allocation, pid in allocations:
        if gpu.uuid in allocation.gpus and pid not in measured:
            mine += round(allocation.memory_fraction * gpu.memory_total)
    return min(1.0, max(others, gpu.memory_used - mine - BACKGROUND, 0) / gpu.memory_total)


def gpu_infos(gpus: Iterable[Gpu], runs: Iterable[tuple[Allocation, int | None]]) -> tuple[GpuInfo, ...]:
    """What clients are told of the GPUs. runs: with the process id of their worker."""
    runs = list(runs)
    by_pid = {pid: allocation.id for allocation, pid in runs if pid is not None}
    return tuple(
        GpuInfo(
            index=gpu.index,
            uuid=gpu.uuid,
            name=gpu.name,
            memory_total=gpu.memory_total,
            memory_used=gpu.memory_used,
            utilisation=gpu.utilisation,
            processes=tuple(
                GpuProcess(
                    pid=process.pid,
                    user=process.user,
                    memory=process.memory or 0,
                    run=by_pid.get(process.pid, ""),
                    other=process.other,
                )
                for process in gpu.processes
            ),
            runs=tuple(sorted(allocation.id for allocation, _ in runs if gpu.uuid in allocation.gpus)),
        )
        for gpu in gpus
    )


def _largest(processes: Iterable[Process]) -> Process | None:
    return max(processes, key=lambda process: process.memory or 0, default=None)


def _describe(process: Process | None) -> str:
    return describe_process(process.user, process.pid, process.memory) if process else ""


def _in_a_thread(read: Callable[[], Sequence[Gpu]]) -> "Future[Sequence[Gpu]]":
    """The result to come, or what went wrong. The thread never delays the daemon's end."""
    future: Future[Sequence[Gpu]] = Future()

    def work() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001 — it is raised again where the result is taken
            future.set_exception(error)

    threading.Thread(target=work, name="nvml", daemon=True).start()
    return future
