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
    kept,
    no_memory,
    no_such_gpus,
    ours,
    slots_taken,
    waits_for,
)

LIMIT = 0.95
"""The share of a GPU's memory that runs of ours may be promised together; CUDA itself needs the rest."""

ROUNDING = 1e-9


class ResourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a queued run asks for; `gpus`, `memory_fraction`, `give_way` and `quiet` as in its settings."""

    id: str
    priority: int = 0
    queued_at: float = 0.0
    gpus: str = "auto"
    memory_fraction: float = 0.9
    give_way: bool = False
    quiet: float = 0.0


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has a worker, and so a slot. `gpus`: uuids; none: it computes on the CPU."""

    id: str
    gpus: tuple[str, ...] = ()
    memory_fraction: float = 0.9


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU as runs find it.

    foreign: the share of its memory that processes hold which are no runs of ours.
    quiet_for: seconds since another user's process was last seen; 0 while one is there, infinite before the first.
    whose: that user's process in words; empty before the first.
    holder: the process in words that holds most of `foreign`; empty where none is seen.
    """

    index: int
    uuid: str
    foreign: float = 0.0
    quiet_for: float = float("inf")
    whose: str = ""
    holder: str = ""


class Plan(msgspec.Struct, frozen=True):
    """starts: runs and the uuids of the GPUs they get, in order. reasons: a line for every other queued run."""

    starts: tuple[tuple[str, tuple[str, ...]], ...]
    reasons: Mapping[str, str]


def plan(
    wishes: Iterable[ResourceRequest], holdings: Iterable[Allocation], devices: Sequence[Device] | None, slots: int
) -> Plan:
    """Who starts now, and why the others do not.

    devices: the GPUs that answer; None on a machine that computes on its CPU.
    """
    table = _Table(holdings, devices, slots)
    starts: list[tuple[str, tuple[str, ...]]] = []
    reasons: dict[str, str] = {}
    for wish in sorted(wishes, key=lambda wish: (-wish.priority, wish.queued_at, wish.id)):
        chosen = table.place(wish, waiting=len(reasons))
        if isinstance(chosen, str):
            reasons[wish.id] = chosen
        else:
            starts.append((wish.id, chosen))
    return Plan(tuple(starts), reasons)


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

    def __init__(self, holdings: Iterable[Allocation], devices: Sequence[Device] | None, slots: int) -> None:
        self._holdings = list(holdings)
        self._devices = devices
        self._slots = slots
        self._kept: dict[str, str] = {}  # uuid of a GPU -> the waiting run that it is kept for

    def place(self, wish: ResourceRequest, waiting: int) -> tuple[str, ...] | str:
        """The GPUs that the run starts on now, or the reason why it waits. waiting: how many before it do."""
        present = None if self._devices is None else [device.index for device in self._devices]
        if reason := infeasible_reason(wish.gpus, present):
            return reason
        if len(self._holdings) >= self._slots:
            return slots_taken(sorted(holding.id for holding in self._holdings), self._slots, waiting)
        chosen = () if self._devices is None else self._choose(wish, self._devices)
        if not isinstance(chosen, str):
            self._holdings.append(Allocation(id=wish.id, gpus=chosen, memory_fraction=wish.memory_fraction))
        return chosen

    def _choose(self, wish: ResourceRequest, devices: Sequence[Device]) -> tuple[str, ...] | str:
        count, indices = asked_for(wish.gpus)
        wanted = [device for device in devices if not indices or device.index in indices]
        wanted.sort(key=lambda device: (len(self._on(device)), device.foreign, device.index))
        blocked = {device.uuid: block for device in wanted if (block := self._blocked(wish, device)) is not None}
        free = [device for device in wanted if device.uuid not in blocked]
        if len(free) >= count:
            return tuple(device.uuid for device in sorted(free[:count], key=lambda device: device.index))
        in_our_hands = [device for device in wanted if device.uuid in blocked and not blocked[device.uuid].foreign]
        if len(free) + len(in_our_hands) >= count:
            for device in (*free, *in_our_hands)[:count]:
                self._kept.setdefault(device.uuid, wish.id)
        in_order = sorted((device for device in wanted if device.uuid in blocked), key=lambda device: device.index)
        return waits_for(count, len(free), bool(indices), [blocked[device.uuid] for device in in_order])

    def _blocked(self, wish: ResourceRequest, device: Device) -> Blocked | None:
        """What keeps the run from that GPU; None: nothing."""
        if wish.give_way and device.quiet_for <= 0:
            return another_user_is_there(device.index, device.whose, wish.quiet)
        if wish.give_way and device.quiet_for < wish.quiet:
            return another_user_was_there(device.index, device.whose, wish.quiet, wish.quiet - device.quiet_for)
        if device.foreign + wish.memory_fraction > 1 + ROUNDING:
            return no_memory(device.index, 1 - device.foreign, wish.memory_fraction, device.holder)
        promised = sum(holding.memory_fraction for holding in self._on(device))
        if promised and promised + wish.memory_fraction > min(LIMIT, 1 - device.foreign) + ROUNDING:
            return ours(device.index, [holding.id for holding in self._on(device)])
        if device.uuid in self._kept:
            return kept(device.index, self._kept[device.uuid])
        return None

    def _on(self, device: Device) -> list[Allocation]:
        return [holding for holding in self._holdings if device.uuid in holding.gpus]


def check_gpus(gpus: str, present: list[int] | None) -> None:
    """Raises UsageError where a machine with these GPUs (None: without any) can never meet resources.gpus."""
    if why := infeasible_reason(gpus, present):
        raise UsageError(f"resources.gpus = {gpus} cannot be met: {why}; 'hadesd gpus' lists them")
