"""First in, first out, and a reason for each that waits."""

from hades_protocol.run_state import RunState
from hadesd.supervisor import scheduler
from hadesd.supervisor.machine_state import Run


def run(name: str, state: RunState = RunState.QUEUED, queued_at: float = 0.0) -> Run:
    return Run(id=name, generations=1, queued_at=queued_at, changed_at=0.0, state=state)


RUNS = [
    run("late", queued_at=3.0),
    run("busy", RunState.RUNNING),
    run("early", queued_at=1.0),
    run("middle", queued_at=2.0),
    run("idle", RunState.PAUSED),
]


def test_the_longest_waiting_starts_first() -> None:
    assert scheduler.to_start(RUNS, 1) == []
    assert scheduler.to_start(RUNS, 2) == ["early"]
    assert scheduler.to_start(RUNS, 3) == ["early", "middle"]
    assert scheduler.to_start(RUNS, 9) == ["early", "middle", "late"]


def test_a_worker_that_is_pausing_or_ending_still_holds_its_slot() -> None:
    for state in (RunState.STARTING, RunState.PAUSING, RunState.CANCELLING, RunState.STOPPING):
        assert scheduler.to_start([run("a", state), run("b")], 1) == []


def test_fewer_slots_than_workers_start_nothing() -> None:
    assert scheduler.to_start([run("a", RunState.RUNNING), run("b", RunState.RUNNING), run("c")], 1) == []


def test_every_queued_run_says_what_it_waits_for() -> None:
    reasons = scheduler.waiting_reasons(RUNS, 1)
    assert reasons == {
        "early": "waits for busy (1 of 1 slot taken)",
        "middle": "waits for busy (1 of 1 slot taken; 1 queued before it)",
        "late": "waits for busy (1 of 1 slot taken; 2 queued before it)",
    }
