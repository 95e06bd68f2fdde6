"""Which queued run starts next, on which GPUs, and what the others wait for. Pure: the time is an argument.

By priority, then first in, first out. A run that waits for runs of ours keeps the GPUs that it waits for from those
behind it, so that many small runs cannot hold up a large one for ever. One that waits for other people, or for a GPU
that is not there, keeps nothing: those behind it go ahead.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hades_protocol.errors import UsageError
from hadesd.spec.cost import asked_for
from hadesd.supervisor.scheduling.reasons import (
    NO_GPU,
    SILENT,
    Blocked,
    another_user_is_there,
    another_user_was_there,
    no_memory,
    no_such_gpus,
    ours,
    reserved,
    slots_taken,
    waits_for,
)

LIMIT = 0.95
"""The share of a GPU's memory that runs of ours may be promised together; CUDA itself needs the rest."""

ROUNDING = 1e-9


class ResourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a queued run asks for; `gpus`, `memory_fraction` and `yield_…` as in its settings.

    has_job: whether an earlier daemon submitted it to Slurm, where its job may be still.
    """

    id: str
    priority: int = 0
    queued_at: float = 0.0
    gpus: str = "auto"
    memory_fraction: float = 0.9
    yield_to_others: bool = False
    yield_cooldown: float = 0.0
    has_job: bool = False


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has a worker, and so a slot. `gpus`: uuids; none: it computes on the CPU."""

    id: str
    gpus: tuple[str, ...] = ()
    memory_fraction: float = 0.9


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU as runs find it.

    external_memory: the share of its memory that processes hold which are no runs of ours.
    free_for: seconds since another user's process was last seen; 0 while one is there, infinite before the first.
    whose: that user's process in words; empty before the first.
    holder: the process in words that holds most of `external_memory`; empty where none is seen.
    """

    index: int
    uuid: str
    external_memory: float = 0.0
    free_for: float = float("inf")
    whose: str = ""
    holder: str = ""


class Plan(msgspec.Struct, frozen=True):
    """starts: runs and the uuids of the GPUs they get, in order. reasons: a line for every other queued run."""

    starts: tuple[tuple[str, tuple[str, ...]], ...]
    reasons: Mapping[str, str]


def plan(
    requests: Iterable[ResourceRequest], allocations: Iterable[Allocation], devices: Sequence[Device] | None, slots: int
) -> Plan:
    """Who starts now, and why the others do not.

    devices: the GPUs that answer; None on a machine that computes on its CPU.
    """
    table = _Table(allocations, devices, slots)
    starts: list[tuple[str, tuple[str, ...]]] = []
    reasons: dict[str, str] = {}
    for request in sorted(requests, key=lambda request: (-request.priority, request.queued_at, request.id)):
        chosen = table.place(request, waiting=len(reasons))
        if isinstance(chosen, str):
            reasons[request.id] = chosen
        else:
            starts.append((request.id, chosen))
    return Plan(tuple(starts), reasons)


NO_SLURM = "this daemon submits no Slurm jobs: sbatch, squeue and scancel are not on its PATH"


def plan_jobs(requests: Iterable[ResourceRequest], present: int, jobs: int | None) -> Plan:
    """Which runs are submitted to Slurm now, by the same order, and why the others are not.

    Those that have a job already come first, however many: it is there whether it is listened to or not.
    present: jobs that there are. jobs: how many there may be; None: none at all.
    """
    in_order = sorted(
        requests, key=lambda request: (not request.has_job, -request.priority, request.queued_at, request.id)
    )
    free = 0 if jobs is None else max(sum(request.has_job for request in in_order), jobs - present)
    why = NO_SLURM if jobs is None else f"waits for a Slurm job to end ({jobs} are submitted at the same time)"
    return Plan(
        tuple((request.id, ()) for request in in_order[:free]), {request.id: why for request in in_order[free:]}
    )


def check_jobs(jobs: int | None) -> None:
    """Raises UsageError where the daemon submits no jobs."""
    if jobs is None:
        raise UsageError(f"{NO_SLURM}; start it where they are, or leave --on slurm out")


def infeasible_reason(gpus: str, present: Sequence[int] | None) -> str:
    """Why a machine with these GPUs (None: without any) can never give a run what it asks for; empty where it can."""
    count, indices = asked_for(gpus)
    if present is None:
        return "" if gpus == "auto" else NO_GPU
    if not present:
        return SILENT
    lacking = [index for index in indices if index not in present]
    return no_such_gpus(count, tuple(lacking), present) if lacking or count > len(present) else ""


class _Table:
    """The slots and GPUs while they are given out."""

    def __init__(self, allocations: Iterable[Allocation], devices: Sequence[Device] | None, slots: int) -> None:
        self._allocations = list(allocations)
        self._devices = devices
        self._slots = slots
        self._reserved: dict[str, str] = {}  # uuid of a GPU -> the waiting run that it is kept for

    def place(self, request: ResourceRequest, waiting: int) -> tuple[str, ...] | str:
        """The GPUs that the run starts on now, or the reason why it waits. waiting: how many before it do."""
        present = None if self._devices is None else [device.index for device in self._devices]
        if reason := infeasible_reason(request.gpus, present):
            return reason
        if len(self._allocations) >= self._slots:
            return slots_taken(sorted(allocation.id for allocation in self._allocations), self._slots, waiting)
        chosen = () if self._devices is None else self._choose(request, self._devices)
        if not isinstance(chosen, str):
            self._allocations.append(Allocation(id=request.id, gpus=chosen, memory_fraction=request.memory_fraction))
        return chosen

    def _choose(self, request: ResourceRequest, devices: Sequence[Device]) -> tuple[str, ...] | str:
        count, indices = asked_for(request.gpus)
        wanted = [device for device in devices if not indices or device.index in indices]
        wanted.sort(key=lambda device: (len(self._on(device)), device.external_memory, device.index))
        blocked = {device.uuid: block for device in wanted if (block := self._blocked(request, device)) is not None}
        free = [device for device in wanted if device.uuid not in blocked]
        if len(free) >= count:
            return tuple(device.uuid for device in sorted(free[:count], key=lambda device: device.index))
        in_our_hands = [device for device in wanted if device.uuid in blocked and not blocked[device.uuid].external]
        if len(free) + len(in_our_hands) >= count:
            for device in (*free, *in_our_hands)[:count]:
                self._reserved.setdefault(device.uuid, request.id)
        in_order = sorted((device for device in wanted if device.uuid in blocked), key=lambda device: device.index)
        return waits_for(count, len(free), bool(indices), [blocked[device.uuid] for device in in_order])

    def _blocked(self, request: ResourceRequest, device: Device) -> Blocked | None:
        """What keeps the run from that GPU; None: nothing."""
        if request.yield_to_others and device.free_for <= 0:
            return another_user_is_there(device.index, device.whose, request.yield_cooldown)
        if request.yield_to_others and device.free_for < request.yield_cooldown:
            return another_user_was_there(
                device.index, device.whose, request.yield_cooldown, request.yield_cooldown - device.free_for
            )
        if device.external_memory + request.memory_fraction > 1 + ROUNDING:
            return no_memory(device.index, 1 - device.external_memory, request.memory_fraction, device.holder)
        promised = sum(allocation.memory_fraction for allocation in self._on(device))
        if promised and promised + request.memory_fraction > min(LIMIT, 1 - device.external_memory) + ROUNDING:
            return ours(device.index, [allocation.id for allocation in self._on(device)])
        if device.uuid in self._reserved:
            return reserved(device.index, self._reserved[device.uuid])
        return None

    def _on(self, device: Device) -> list[Allocation]:
        return [allocation for allocation in self._allocations if device.uuid in allocation.gpus]


def check_gpus(gpus: str, present: list[int] | None) -> None:
    """Raises UsageError where a machine with these GPUs (None: without any) can never meet resources.gpus."""
    if why := infeasible_reason(gpus, present):
        raise UsageError(f"resources.gpus = {gpus} cannot be met: {why}; 'hadesd gpus' lists them")
