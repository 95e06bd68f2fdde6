"""Which queued run gets which slot and which GPUs, and what the others wait for."""

from collections import Counter
from collections.abc import Callable, Iterable

from hadesd.supervisor import scheduler
from hadesd.supervisor.gpus import Gpu, least_used
from hadesd.supervisor.managed import Managed


class Dispatcher:
    """Decides; changes nothing.

    list_gpus: the GPUs that runs may use, with the memory in use at this moment.
    """

    def __init__(self, slots: int, list_gpus: Callable[[], list[Gpu]]) -> None:
        self.slots = slots
        self._list_gpus = list_gpus

    def to_start(self, runs: Iterable[Managed]) -> list[str]:
        """Ids of the queued runs that can start now, in the order in which they do."""
        return scheduler.to_start([managed.run for managed in runs], self.slots)

    def waiting_reasons(self, runs: Iterable[Managed]) -> dict[str, str]:
        """For each queued run a line that says what it waits for."""
        return scheduler.waiting_reasons([managed.run for managed in runs], self.slots)

    def gpus_for(self, managed: Managed, runs: Iterable[Managed]) -> tuple[Gpu, ...]:
        """The GPUs that a run which starts now computes on; none: it computes on the CPU."""
        taken = Counter(gpu.uuid for other in runs for gpu in other.gpus)
        gpu = least_used(self._list_gpus(), taken)
        return () if gpu is None else (gpu,)
