"""Which run starts next, on which GPUs, and a reason for each that waits."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hadesd.spec.cost import asked_for
from hadesd.supervisor.scheduling.reasons import NO_GPU
from hadesd.supervisor.scheduling.scheduler import (
    LIMIT,
    Allocation,
    Device,
    Plan,
    ResourceRequest,
    check_jobs,
    infeasible_reason,
    plan,
    plan_jobs,
)

ALICE = "alice (pid 4242, 31 GiB)"


def device(index: int, **fields: object) -> Device:
    return Device(index=index, uuid=f"GPU-{index}", **fields)


TWO = [device(0), device(1)]


def on(name: str, *indices: int, fraction: float = 0.9) -> Allocation:
    return Allocation(id=name, gpus=tuple(f"GPU-{index}" for index in indices), memory_fraction=fraction)


def only(
    request: ResourceRequest, devices: Sequence[Device] | None, *allocations: Allocation, slots: int = 9
) -> tuple[int, ...] | str:
    """The GPUs that a run gets which queues alone, or the reason why it gets none."""
    found = plan([request], allocations, devices, slots)
    return indices(found, request.id) if found.starts else found.reasons[request.id]


def indices(found: Plan, run: str) -> tuple[int, ...]:
    return tuple(int(uuid.removeprefix("GPU-")) for uuid in dict(found.starts)[run])


# Slots and order ---------------------------------------------------------------------------------------------


def cpu(names: str, allocations: str, slots: int) -> Plan:
    requests = [ResourceRequest(id=name, queued_at=at) for at, name in enumerate(names.split())]
    return plan(reversed(requests), [on(name) for name in allocations.split()], None, slots)


def test_on_a_cpu_the_longest_waiting_starts_first() -> None:
    assert [cpu("early middle late", "busy", slots).starts for slots in (1, 2, 3)] == [
        (),
        (("early", ()),),
        (("early", ()), ("middle", ())),
    ]
    assert len(cpu("early middle late", "busy", 9).starts) == 3
    assert cpu("early", "busy pausing", 1).starts == (), "fewer slots than workers start nothing"


def test_without_a_slot_every_run_says_who_has_them_and_who_is_before_it() -> None:
    assert cpu("early middle late", "busy", 1).reasons == {
        "early": "waits for busy (1 of 1 slot taken)",
        "middle": "waits for busy (1 of 1 slot taken; 1 queued before it)",
        "late": "waits for busy (1 of 1 slot taken; 2 queued before it)",
    }
    assert cpu("a", "x y z", 3).reasons == {"a": "waits for x, y and 1 more (3 of 3 slots taken)"}


def test_the_higher_priority_starts_first_whoever_came_first() -> None:
    requests = [ResourceRequest(id="first", queued_at=1.0), ResourceRequest(id="urgent", queued_at=2.0, priority=1)]
    found = plan(requests, [], None, 1)
    assert found.starts == (("urgent", ()),)
    assert found.reasons == {"first": "waits for urgent (1 of 1 slot taken)"}


# GPUs --------------------------------------------------------------------------------------------------------


def test_auto_is_the_gpu_with_the_fewest_of_our_runs_then_the_least_memory_in_use() -> None:
    shared = ResourceRequest(id="w", memory_fraction=0.3)
    assert only(shared, [device(0, external_memory=0.2), device(1)]) == (1,)
    assert only(shared, [device(0, external_memory=0.2), device(1)], on("x", 1, fraction=0.3)) == (0,)
    assert only(shared, TWO) == (0,)


def test_two_runs_share_a_gpu_where_their_fractions_allow_it() -> None:
    requests = [ResourceRequest(id=name, queued_at=at, memory_fraction=0.45) for at, name in enumerate("abc")]
    found = plan(requests, [], [device(0)], 9)
    assert found.starts == (("a", ("GPU-0",)), ("b", ("GPU-0",)))
    assert found.reasons == {"c": "waits for GPU 0 (a and b compute there)"}


def test_a_run_waits_for_the_one_that_has_its_gpu() -> None:
    assert (
        only(ResourceRequest(id="w"), [device(0)], on("hopper-1121-abcd", 0))
        == "waits for GPU 0 (hopper-1121-abcd computes there)"
    )
    assert only(ResourceRequest(id="w"), TWO, on("x", 0), on("y", 1)) == (
        "waits for GPU 0 (x computes there) or GPU 1 (y computes there)"
    )


def test_a_list_means_exactly_these() -> None:
    three = [*TWO, device(2)]
    assert only(ResourceRequest(id="w", gpus="2,"), three) == (2,)
    assert only(ResourceRequest(id="w", gpus="2,0,2"), three) == (0, 2)
    assert only(ResourceRequest(id="w", gpus="0,2"), three, on("x", 2)) == "waits for GPU 2 (x computes there)"
    assert only(ResourceRequest(id="w", gpus="0,2"), three, on("x", 0, 2)) == (
        "waits for GPU 0 (x computes there) and GPU 2 (x computes there)"
    )


def test_a_number_of_gpus_waits_until_so_many_are_free() -> None:
    assert only(ResourceRequest(id="w", gpus="2"), TWO) == (0, 1)
    assert (
        only(ResourceRequest(id="w", gpus="2"), TWO, on("x", 0))
        == "waits for 2 GPUs: 1 is free, not GPU 0 (x computes there)"
    )


def test_what_a_run_waits_for_is_kept_for_it() -> None:
    """Else runs that need one GPU could for ever keep one from starting that needs two."""
    requests = [ResourceRequest(id="large", gpus="2", priority=1), ResourceRequest(id="small", memory_fraction=0.3)]
    found = plan(requests, [on("x", 0)], TWO, 9)
    assert found.starts == ()
    assert found.reasons["small"] == (
        "waits for GPU 0 (x computes there) or GPU 1 (kept for large, which is before it in the queue)"
    )
    found = plan(requests, [on("x", 0)], [*TWO, device(2), device(3)], 9)
    assert dict(found.starts) == {"large": ("GPU-1", "GPU-2"), "small": ("GPU-3",)}


def test_a_run_that_waits_for_other_people_holds_nobody_up() -> None:
    taken = device(1, external_memory=0.9, free_for=0.0, whose=ALICE, holder=ALICE)
    requests = [ResourceRequest(id="large", gpus="2", priority=1), ResourceRequest(id="small")]
    found = plan(requests, [], [device(0), taken], 9)
    assert found.starts == (("small", ("GPU-0",)),)
    assert found.reasons["large"] == (
        "waits for 2 GPUs: 1 is free; "
        f"GPU 1 has 10% of its memory free (most is held by {ALICE}) and the run may take 90%"
    )


@pytest.mark.parametrize(
    ("gpus", "present", "why"),
    [
        ("auto", None, ""),
        ("auto", [0], ""),
        ("2", [0, 1], ""),
        ("1,", [0, 1], ""),
        ("3,", [0, 1], "there is no GPU 3 here: this machine has GPUs 0 to 1"),
        ("0,3,7", [0, 2], "there is no GPU 3 or 7 here: this machine has GPUs 0 and 2"),
        ("2", [0], "it asks for 2 GPUs, and this machine has GPU 0 alone"),
        ("1", None, NO_GPU),
        ("0,2", None, NO_GPU),
        ("auto", [], "no GPU answers any more; is its driver being replaced?"),
    ],
)
def test_what_a_machine_can_never_give(gpus: str, present: list[int] | None, why: str) -> None:
    assert infeasible_reason(gpus, present) == why
    devices = None if present is None else [device(index) for index in present]
    if why:
        assert only(ResourceRequest(id="w", gpus=gpus), devices) == why


def test_asked_for() -> None:
    assert [asked_for(text) for text in ("auto", "3", "3,", "2,0")] == [(1, ()), (3, ()), (1, (3,)), (2, (0, 2))]


# Other people ------------------------------------------------------------------------------------------------


def test_a_run_that_gives_way_waits_until_the_gpu_has_been_free() -> None:
    request = ResourceRequest(id="w", yield_to_others=True, yield_cooldown=300.0, memory_fraction=0.2)
    assert only(request, [device(0, free_for=0.0, whose=ALICE)]) == (
        f"GPU 0 is used by {ALICE}: the run waits until it has been free for 5 min"
    )
    assert only(request, [device(0, free_for=100.5, whose=ALICE)]) == (
        f"GPU 0 was used by {ALICE}: the run waits until it has been free for 5 min, 3 min 20 s to go"
    )
    assert only(request, [device(0, free_for=300.0, whose=ALICE)]) == (0,)


def test_where_another_gpu_is_free_it_goes_there_at_once() -> None:
    request = ResourceRequest(id="w", yield_to_others=True, yield_cooldown=300.0)
    assert only(request, [device(0, free_for=0.0, whose=ALICE), device(1)]) == (1,)


def test_a_run_that_need_not_yield_shares_where_its_memory_is_free() -> None:
    crowd = device(0, external_memory=0.5, free_for=0.0, whose=ALICE, holder=ALICE)
    assert only(ResourceRequest(id="w", memory_fraction=0.5), [crowd]) == (0,)
    assert only(ResourceRequest(id="w", memory_fraction=0.6), [crowd]) == (
        f"GPU 0 has 50% of its memory free (most is held by {ALICE}) and the run may take 60%"
    )
    assert only(ResourceRequest(id="w", memory_fraction=0.3), [crowd], on("x", 0, fraction=0.3)) == (
        "waits for GPU 0 (x computes there)"
    )


# What holds for any queue ------------------------------------------------------------------------------------

GPU_COUNT = 4
FRACTIONS = st.sampled_from([0.05, 0.2, 0.3, 0.45, 0.475, 0.5, 0.9, 0.95])
INDICES = st.sets(st.integers(0, GPU_COUNT + 1), min_size=1).map(lambda found: ",".join(map(str, found)) + ",")
WISH_FIELDS = {
    "priority": st.integers(-2, 2),
    "queued_at": st.integers(0, 3).map(float),
    "gpus": st.one_of(st.just("auto"), st.integers(1, GPU_COUNT + 1).map(str), INDICES),
    "memory_fraction": FRACTIONS,
    "yield_to_others": st.booleans(),
    "yield_cooldown": st.sampled_from([0.0, 10.0, 300.0]),
}
REQUESTS = st.lists(st.fixed_dictionaries(WISH_FIELDS), max_size=8).map(
    lambda found: [ResourceRequest(id=f"w{i}", **fields) for i, fields in enumerate(found)]
)
DEVICES = st.lists(
    st.fixed_dictionaries(
        {
            "external_memory": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
            "free_for": st.sampled_from([0.0, 5.0, 100.0, float("inf")]),
        }
    ),
    max_size=GPU_COUNT,
).map(lambda found: [device(i, **fields) for i, fields in enumerate(found)])
HOLDINGS = st.lists(st.tuples(st.sets(st.integers(0, GPU_COUNT - 1)), FRACTIONS), max_size=3).map(
    lambda found: [on(f"h{i}", *gpus, fraction=fraction) for i, (gpus, fraction) in enumerate(found)]
)
MACHINES = st.tuples(st.one_of(st.none(), DEVICES), HOLDINGS, st.integers(1, 6))


def promised(allocations: Sequence[Allocation], uuid: str) -> float:
    return sum(allocation.memory_fraction for allocation in allocations if uuid in allocation.gpus)


@given(requests=REQUESTS, machine=MACHINES)
def test_no_slot_and_no_memory_is_given_out_twice(requests: list[ResourceRequest], machine) -> None:
    devices, allocations, slots = machine
    found = plan(requests, allocations, devices, slots)
    assert len(found.starts) <= max(0, slots - len(allocations))
    by_id = {request.id: request for request in requests}
    given_out = [
        Allocation(id=run, gpus=uuids, memory_fraction=by_id[run].memory_fraction) for run, uuids in found.starts
    ]
    for gpu in devices or []:
        before = promised(allocations, gpu.uuid)
        added = promised(given_out, gpu.uuid)
        if added and (before or len([g for g in given_out if gpu.uuid in g.gpus]) > 1):
            assert before + added <= LIMIT + 1e-6
        if added:
            assert before + added + gpu.external_memory <= 1 + 1e-6


@given(requests=REQUESTS, machine=MACHINES)
def test_every_run_starts_or_says_why_not(requests: list[ResourceRequest], machine) -> None:
    found = plan(requests, machine[1], machine[0], machine[2])
    started = [run for run, _ in found.starts]
    assert sorted([*started, *found.reasons]) == sorted(request.id for request in requests)
    assert all(reason and "\n" not in reason for reason in found.reasons.values())


@given(requests=REQUESTS, machine=MACHINES)
def test_a_run_gets_what_it_asked_for_and_nothing_else(requests: list[ResourceRequest], machine) -> None:
    devices, allocations, slots = machine
    found = plan(requests, allocations, devices, slots)
    by_id = {request.id: request for request in requests}
    known = {gpu.uuid: gpu for gpu in devices or []}
    for run, uuids in found.starts:
        request = by_id[run]
        count, named = asked_for(request.gpus)
        if devices is None:
            assert (uuids, request.gpus) == ((), "auto")
            continue
        assert len(set(uuids)) == len(uuids) == count
        assert not named or {known[uuid].index for uuid in uuids} == set(named)
        if request.yield_to_others:
            assert all(known[uuid].free_for > 0 and known[uuid].free_for >= request.yield_cooldown for uuid in uuids)


@given(requests=REQUESTS, machine=MACHINES)
def test_nobody_is_overtaken_for_what_he_could_have(requests: list[ResourceRequest], machine) -> None:
    """Those behind change nothing for those before, and the first in the queue starts wherever it could alone."""
    devices, allocations, slots = machine
    queue = sorted(requests, key=lambda request: (-request.priority, request.queued_at, request.id))
    whole = plan(requests, allocations, devices, slots)
    for length in range(1, len(queue) + 1):
        part = plan(queue[:length], allocations, devices, slots)
        assert part.starts == whole.starts[: len(part.starts)]
        assert all(whole.reasons[run] == reason for run, reason in part.reasons.items())
    if queue:
        alone = plan(queue[:1], allocations, devices, slots)
        assert alone.starts == tuple(start for start in whole.starts if start[0] == queue[0].id)


@given(requests=REQUESTS, machine=MACHINES)
def test_after_a_plan_is_carried_out_nobody_else_can_start(requests: list[ResourceRequest], machine) -> None:
    devices, allocations, slots = machine
    first = plan(requests, allocations, devices, slots)
    by_id = {request.id: request for request in requests}
    now = [
        *allocations,
        *(Allocation(id=run, gpus=uuids, memory_fraction=by_id[run].memory_fraction) for run, uuids in first.starts),
    ]
    assert plan([request for request in requests if request.id in first.reasons], now, devices, slots).starts == ()


def test_jobs_are_submitted_by_priority_up_to_the_limit() -> None:
    asked = [ResourceRequest(id=name, priority=priority) for name, priority in (("a", 0), ("b", 5), ("c", 0))]
    found = plan_jobs(asked, present=1, jobs=3)
    assert [run for run, _ in found.starts] == ["b", "a"]
    assert found.reasons == {"c": "waits for a Slurm job to end (3 are submitted at the same time)"}
    left = ResourceRequest(id="d", priority=-1, has_job=True)
    assert [run for run, _ in plan_jobs([*asked, left], present=1, jobs=2).starts] == ["d"]
    assert [run for run, _ in plan_jobs([*asked, left], present=3, jobs=2).starts] == ["d"], "it is there already"
    nowhere = plan_jobs(asked, present=0, jobs=None)
    assert (nowhere.starts, set(nowhere.reasons)) == ((), {"a", "b", "c"})
    with pytest.raises(UsageError, match="sbatch, squeue and scancel are not on its PATH"):
        check_jobs(None)
