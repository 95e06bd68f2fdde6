"""The state machine: single steps by example, and its invariants over any sequence of sequence."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from hades_protocol.errors import WrongStateError
from hades_protocol.messages import HistoryKind
from hades_protocol.run_state import (
    CANCELLABLE,
    ENDED,
    PAUSABLE,
    PRIORITISABLE,
    RESIZABLE,
    RESUMABLE,
    WITH_WORKER,
    RunState,
    WorkerPhase,
    may,
)
from hadesd.storage.records import RunOutcome
from hadesd.supervisor.lifecycle import effects, events
from hadesd.supervisor.lifecycle.state import CrashPolicy, InvalidTransition, Run
from hadesd.supervisor.lifecycle.transitions import restore, step
from hadesd.supervisor.lifecycle.worker_transitions import describe_exit
from hadesd.worker_protocol import WorkerOutcome

S = RunState
GOES_ON = "; the run goes on by itself when there is room"
POLICY = CrashPolicy()
NOW = 1_000_000.0
VERBS = {
    events.PauseAsked(): PAUSABLE,
    events.ResumeAsked(): RESUMABLE,
    events.CancelAsked(): CANCELLABLE,
    events.ResizeAsked("dataset.pairs 4 → 8"): RESIZABLE,
    events.PriorityAsked(3): PRIORITISABLE,
}


def new_run(**fields: object) -> Run:
    return replace(Run(id="hopper-0101-abcd", generations=10, queued_at=NOW, changed_at=NOW), **fields)


def play(run: Run, *sequence: events.Event, now: float = NOW) -> tuple[Run, list[effects.Effect]]:
    """Several steps; the effects of all of them."""
    caused: list[effects.Effect] = []
    for event in sequence:
        run, more = step(run, event, now, POLICY)
        caused += more
    return run, caused


def running(**fields: object) -> Run:
    run, _ = play(new_run(), events.SlotAssigned(), events.Spawned(77), events.Ready(0), events.Committed(1))
    return replace(run, **fields)


def test_from_the_queue_to_the_end() -> None:
    run, caused = play(new_run(), events.SlotAssigned())
    assert (run.state, caused) == (S.STARTING, [effects.StartWorker(), effects.Publish()])
    run, _ = play(run, events.Spawned(77), events.Ready(0), events.PhaseReported(WorkerPhase.EVALUATING))
    assert (run.state, run.worker_pid, run.phase) == (S.STARTING, 77, WorkerPhase.EVALUATING)
    run, _ = play(run, *(events.Committed(g) for g in range(1, 11)))
    assert (run.state, run.generation) == (S.RUNNING, 10)
    run, caused = play(run, events.WorkerExitReport(WorkerOutcome.FINISHED), events.Exited(0))
    assert (run.state, run.worker_pid, run.outcome.kind) == (S.FINISHED, None, "finished")
    assert caused == [effects.Persist(HistoryKind.FINISHED), effects.Publish()]


def test_a_run_that_reached_its_target_is_finished_before_its_last_generation() -> None:
    said = events.WorkerExitReport(WorkerOutcome.FINISHED, "500 reaches evolution.target, 475")
    run, caused = play(running(), said, events.Exited(0))
    assert (run.state, run.generation, run.reason) == (S.FINISHED, 1, said.reason)
    assert caused[-2:] == [effects.Persist(HistoryKind.FINISHED, said.reason), effects.Publish()]


def test_pause_is_noted_on_disk_before_the_worker_is_halted_and_ends_with_its_exit() -> None:
    run, caused = play(running(), events.PauseAsked())
    assert run.state == S.PAUSING
    assert caused == [effects.Persist(HistoryKind.PAUSE), effects.HaltWorker(), effects.Publish()]
    run, _ = play(run, events.Committed(2), events.WorkerExitReport(WorkerOutcome.CHECKPOINTED), events.Exited(75))
    assert (run.state, run.generation, run.worker_pid, run.reason) == (S.PAUSED, 2, None, "")


def test_a_crash_while_pausing_leaves_the_run_paused_and_says_so() -> None:
    run, _ = play(running(), events.PauseAsked(), events.Exited(-9))
    assert (run.state, run.reason) == (S.PAUSED, "the worker was killed by SIGKILL")


@pytest.mark.parametrize("failure", list(events.SpawnFailure))
@pytest.mark.parametrize(
    ("asked", "state", "says"),
    [
        (events.PauseAsked(), S.PAUSED, "no worker was started: why"),
        (events.CancelAsked(), S.CANCELLED, "no worker was started: why"),
        (events.DaemonStops(), S.QUEUED, "no worker was started: why"),
    ],
)
def test_a_worker_that_cannot_be_started_after_all_does_what_was_asked_meanwhile(
    failure: events.SpawnFailure, asked: events.Event, state: RunState, says: str
) -> None:
    run, _ = play(new_run(), events.SlotAssigned(), events.Spawned(None), asked, events.SpawnFailed("why", failure))
    assert (run.state, run.reason, run.disk_full) == (state, says, False)


def test_a_full_disk_does_not_promise_that_a_cancelled_run_goes_on() -> None:
    said = events.WorkerExitReport(WorkerOutcome.DISK_FULL, "no room")
    for asked, state in ((events.PauseAsked(), S.PAUSED), (events.CancelAsked(), S.CANCELLED)):
        run, _ = play(running(), asked, said, events.Exited(75))
        assert (run.state, run.reason) == (state, "no room")
    run, _ = play(running(), said, events.Exited(75))
    assert (run.state, run.reason, run.disk_full) == (S.PAUSED, f"no room{GOES_ON}", True)


def test_a_run_that_finishes_while_it_is_paused_is_finished() -> None:
    run, _ = play(running(generation=10, high_water=10), events.PauseAsked(), events.Exited(0))
    assert run.state == S.FINISHED


def test_resume_of_a_running_run_is_refused_in_one_line() -> None:
    with pytest.raises(WrongStateError, match=r"run hopper-0101-abcd is running: it cannot be resumed$"):
        play(running(), events.ResumeAsked())


def test_pause_of_a_paused_run_is_refused() -> None:
    with pytest.raises(WrongStateError, match="is already paused"):
        play(new_run(state=S.PAUSED, desired="pause"), events.PauseAsked())


@pytest.mark.parametrize("event", [events.PauseAsked(), events.ResumeAsked(), events.CancelAsked()])
def test_a_finished_run_stays_finished(event: events.Event) -> None:
    with pytest.raises(WrongStateError):
        play(new_run(state=S.FINISHED, outcome=RunOutcome(kind=RunState.FINISHED, at=NOW)), event)


def test_crashes_back_off_longer_each_time_and_the_third_is_the_end() -> None:
    run, _ = play(running(), events.Exited(-11, ("first",)))
    assert (run.state, run.restart_at, run.restarts) == (S.BACKOFF, NOW + 1.0, 1)
    again = (events.BackoffExpired(), events.SlotAssigned(), events.Spawned(78), events.Ready(1))
    run, caused = play(run, *again, events.Exited(-11), now=NOW + 10)
    assert (run.state, run.restart_at) == (S.BACKOFF, NOW + 15.0)
    assert effects.RestartAt(NOW + 15.0) in caused
    run, _ = play(run, *again, events.Exited(-11, ("a", "boom", " ")), now=NOW + 20)
    assert run.state == S.FAILED
    assert run.outcome.log_tail == ("a", "boom", " ")
    assert run.reason == (
        "the worker was killed by SIGSEGV; crash 3 within 10 minutes without a new generation; its log ends: boom"
    )


def test_a_new_generation_forgives_earlier_crashes() -> None:
    run = running(crashes=(NOW, NOW))
    run, _ = play(run, events.Committed(2), events.Exited(1))
    assert run.state == S.BACKOFF


def test_a_generation_committed_before_does_not_forgive() -> None:
    run = running(generation=1, high_water=5, crashes=(NOW, NOW))
    run, _ = play(run, events.Committed(2), events.Exited(1))
    assert run.state == S.FAILED


def test_crashes_older_than_the_window_do_not_count() -> None:
    run, _ = play(running(crashes=(NOW - 700, NOW - 650)), events.Exited(1))
    assert run.state == S.BACKOFF


def test_a_worker_that_says_why_it_failed_is_not_started_again() -> None:
    run, _ = play(
        new_run(),
        events.SlotAssigned(),
        events.Spawned(7),
        events.WorkerExitReport(WorkerOutcome.FAILED, "no such environment"),
        events.Exited(1),
    )
    assert (run.state, run.reason, run.restarts) == (S.FAILED, "no such environment", 0)


def test_a_worker_that_says_why_it_cannot_go_on_is_started_again() -> None:
    run, _ = play(running(), events.WorkerExitReport(WorkerOutcome.CRASHED, "a host has gone"), events.Exited(1))
    assert (run.state, run.reason, run.restarts) == (S.BACKOFF, "a host has gone; restarts after a pause", 1)


@pytest.mark.parametrize("code", [0, 1, 2, 3, -9, -11])
def test_an_exit_without_a_last_word_is_a_crash(code: int) -> None:
    run, _ = play(running(), events.Exited(code))
    assert run.state == S.BACKOFF


def test_a_worker_stopped_from_outside_goes_on_at_once_if_it_made_progress() -> None:
    run, _ = play(running(), events.WorkerExitReport(WorkerOutcome.CHECKPOINTED), events.Exited(75))
    assert run.state == S.QUEUED
    stuck, _ = play(new_run(), events.SlotAssigned(), events.Spawned(7), events.Exited(75))
    assert stuck.state == S.BACKOFF


def test_a_silent_worker_is_killed_once_and_that_is_a_crash() -> None:
    run, caused = play(running(), events.WorkerFault("no sign of life"), events.WorkerFault("no sign of life"))
    assert caused == [effects.KillWorker("no sign of life")]
    run, _ = play(run, events.Exited(-9))
    assert (run.state, run.reason) == (S.BACKOFF, "no sign of life; restarts after a pause")


def test_the_daemon_stops_and_the_run_is_queued_for_the_next_one() -> None:
    run, caused = play(running(), events.DaemonStops(), events.DaemonStops())
    assert (run.state, caused) == (S.STOPPING, [effects.HaltWorker(), effects.Publish()])
    run, _ = play(run, events.WorkerExitReport(WorkerOutcome.CHECKPOINTED), events.Exited(75))
    assert (run.state, run.desired) == (S.QUEUED, "run")


def test_after_the_grace_period_the_worker_is_killed_and_the_run_still_goes_on_later() -> None:
    run, caused = play(running(), events.DaemonStops(), events.GraceExpired(), events.Exited(-9))
    assert any(isinstance(order, effects.KillWorker) for order in caused)
    assert (run.state, run.restarts) == (S.QUEUED, 0)


def test_a_gap_in_the_generations_is_refused_with_the_story_of_the_run() -> None:
    with pytest.raises(InvalidTransition) as caught:
        play(running(), events.Committed(5))
    assert "generation 2 is missing" in str(caught.value)
    assert "Spawned(pid=77)" in str(caught.value)


def test_a_generation_that_comes_twice_changes_nothing() -> None:
    run = running()
    assert play(run, events.Committed(1)) == (run, [])


def test_a_worker_that_went_back_cuts_the_history() -> None:
    run, _ = play(
        running(generation=7, high_water=7),
        events.Exited(-9),
        events.BackoffExpired(),
        events.SlotAssigned(),
        events.Spawned(78),
    )
    run, caused = play(run, events.Ready(5, ("checkpoint 7 is damaged",)))
    assert effects.CutHistory(5) in caused
    assert (run.generation, run.high_water, run.reason) == (5, 7, "checkpoint 7 is damaged")


@pytest.mark.parametrize(
    ("desired", "outcome", "state"),
    [
        ("run", None, S.QUEUED),
        ("pause", None, S.PAUSED),
        ("cancel", None, S.CANCELLED),
        ("run", RunOutcome(kind=RunState.FAILED, at=NOW, reason="why"), S.FAILED),
        ("run", RunOutcome(kind=RunState.FINISHED, at=NOW), S.FINISHED),
    ],
)
def test_what_a_new_daemon_makes_of_a_run_on_disk(desired: str, outcome: RunOutcome | None, state: RunState) -> None:
    assert restore(new_run(desired=desired, outcome=outcome), NOW).state == state


def test_exit_codes_in_words() -> None:
    assert describe_exit(3) == "exited with status 3"
    assert describe_exit(-9) == "was killed by SIGKILL"
    assert describe_exit(-99) == "was killed by signal 99"


def test_a_resize_is_on_disk_first_and_a_new_worker_takes_the_slot_at_once() -> None:
    run, caused = play(running(), events.ResizeAsked("pairs 2 → 4"))
    assert (run.state, run.leaving) == (S.STOPPING, "resize")
    assert caused == [effects.Persist(HistoryKind.RESIZE, "pairs 2 → 4"), effects.HaltWorker(), effects.Publish()]
    run, caused = play(run, events.Committed(2), events.WorkerExitReport(WorkerOutcome.CHECKPOINTED), events.Exited(75))
    assert (run.state, run.leaving, caused[-2:]) == (S.STARTING, "", [effects.StartWorker(), effects.Publish()])


def test_a_resize_to_other_devices_goes_through_the_queue() -> None:
    run, _ = play(
        running(),
        events.ResizeAsked("gpus 1 → 2", requeue=True),
        events.WorkerExitReport(WorkerOutcome.CHECKPOINTED),
        events.Exited(75),
    )
    assert run.state == S.QUEUED


@pytest.mark.parametrize("state", [S.QUEUED, S.PAUSED, S.BACKOFF, S.FAILED, S.CANCELLED])
def test_a_run_without_a_worker_is_resized_on_disk_alone(state: S) -> None:
    run, caused = play(new_run(state=state, restart_at=NOW), events.ResizeAsked("pairs 2 → 4"))
    assert (run.state, caused) == (state, [effects.Persist(HistoryKind.RESIZE, "pairs 2 → 4"), effects.Publish()])


def test_a_crash_on_the_way_to_another_size_counts_as_one() -> None:
    run, _ = play(running(), events.ResizeAsked("pairs 2 → 4"), events.Exited(-11))
    assert (run.state, run.restarts) == (S.BACKOFF, 1)


@pytest.mark.parametrize(
    ("asked", "ends"),
    [(events.PauseAsked(), S.PAUSED), (events.CancelAsked(), S.CANCELLED), (events.DaemonStops(), S.QUEUED)],
)
def test_a_request_during_a_resize_wins(asked: events.Event, ends: S) -> None:
    run, _ = play(
        running(),
        events.ResizeAsked("pairs 2 → 4"),
        asked,
        events.WorkerExitReport(WorkerOutcome.CHECKPOINTED),
        events.Exited(75),
    )
    assert run.state == ends


def test_of_a_cancelled_run_a_first_generation_is_not_waited_for() -> None:
    _, caused = play(running(), events.CancelAsked())
    assert effects.HaltWorker(discard=True) in caused


def test_a_run_that_yields_is_queued_again_with_the_reason() -> None:
    run, caused = play(running(), events.YieldAsked("GPU 0 is alice's"))
    assert (run.state, run.reason, caused) == (
        S.STOPPING,
        "GPU 0 is alice's",
        [effects.HaltWorker(), effects.Publish()],
    )
    run, caused = play(run, events.WorkerExitReport(WorkerOutcome.CHECKPOINTED), events.Exited(75))
    assert (run.state, run.desired, run.reason) == (S.QUEUED, "run", "GPU 0 is alice's")
    assert caused[-2] == effects.Persist(HistoryKind.YIELDED, "GPU 0 is alice's")


def test_a_full_disk_pauses_the_run_with_the_reason_and_room_lets_it_go_on() -> None:
    run, _ = play(running(), events.WorkerExitReport(WorkerOutcome.DISK_FULL, "no room on /data"), events.Exited(75))
    assert (run.state, run.desired, run.disk_full, run.reason) == (S.PAUSED, "run", True, f"no room on /data{GOES_ON}")
    again, _ = play(run, events.DiskSpaceFreed())
    assert (again.state, again.disk_full, again.reason) == (S.QUEUED, False, "")


def test_a_person_may_pause_a_run_that_waits_for_room_and_then_it_stays_paused() -> None:
    run, _ = play(
        running(),
        events.WorkerExitReport(WorkerOutcome.DISK_FULL, "no room on /data"),
        events.Exited(75),
        events.PauseAsked(),
    )
    assert (run.state, run.desired, run.disk_full) == (S.PAUSED, "pause", False)
    with pytest.raises(InvalidTransition):
        play(run, events.DiskSpaceFreed())


@pytest.mark.parametrize("asked", [events.CancelAsked(), events.ResumeAsked(), events.PauseAsked()])
def test_a_run_that_waited_for_room_waits_no_more_once_a_person_decided(asked: events.Event) -> None:
    run, _ = play(
        running(), events.WorkerExitReport(WorkerOutcome.DISK_FULL, "no room on /data"), events.Exited(75), asked
    )
    assert (run.disk_full, run.reason) == (False, "")


def test_a_full_disk_while_pausing_leaves_the_run_paused_and_says_why() -> None:
    run, _ = play(
        running(),
        events.PauseAsked(),
        events.WorkerExitReport(WorkerOutcome.DISK_FULL, "no room on /data"),
        events.Exited(75),
    )
    assert (run.state, run.desired, run.disk_full, run.reason) == (S.PAUSED, "pause", False, "no room on /data")


@pytest.mark.parametrize("state", sorted(set(S)))
def test_retention_changes_only_without_a_worker(state: S) -> None:
    run = replace(new_run(), state=state)
    if state in WITH_WORKER:
        with pytest.raises(WrongStateError, match="pause it first"):
            play(run, events.RetentionAsked("keep_newest 2"))
    else:
        after, caused = play(run, events.RetentionAsked("keep_newest 2"))
        assert (after.state, caused) == (
            state,
            [effects.Persist(HistoryKind.RETENTION, "keep_newest 2"), effects.Publish()],
        )


EVENTS = st.one_of(
    st.sampled_from(
        [
            events.SlotAssigned(),
            events.BackoffExpired(),
            events.PauseAsked(),
            events.ResumeAsked(),
            events.CancelAsked(),
            events.DaemonStops(),
            events.GraceExpired(),
        ]
    ),
    st.builds(events.Spawned, st.integers(1, 9)),
    st.builds(events.SpawnFailed, st.just("no memory"), st.sampled_from(events.SpawnFailure)),
    st.builds(events.PhaseReported, st.sampled_from([WorkerPhase.COMPILING, WorkerPhase.EVALUATING])),
    st.builds(events.OrphanExited, st.integers(0, 6)),
    st.builds(events.Ready, st.integers(0, 6)),
    st.builds(events.Committed, st.integers(1, 6)),
    st.builds(events.WorkerExitReport, st.sampled_from(WorkerOutcome), st.just("why")),
    st.builds(events.ResizeAsked, st.just("pairs 2 → 4"), st.booleans()),
    st.builds(events.PriorityAsked, st.integers(-3, 3)),
    st.just(events.RetentionAsked("keep_newest 2")),
    st.just(events.YieldAsked("GPU 0 is alice's")),
    st.just(events.DiskSpaceFreed()),
    st.builds(events.Exited, st.sampled_from([0, 1, 2, 3, 75, -9, -15])),
    st.builds(events.WorkerFault, st.just("silent")),
)


class AnyLife(RuleBasedStateMachine):
    """Any sequence in any order, with a daemon that may die between two of them."""

    @initialize()
    def submit(self) -> None:
        self.run = new_run(generations=4)
        self.disk = self.run
        self.alive = False
        self.now = NOW
        self.forgiven_at = NOW

    @rule(seconds=st.floats(0.0, 400.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(event=EVENTS)
    def happens(self, event: events.Event) -> None:
        before = self.run
        try:
            after, caused = step(before, event, self.now, POLICY)
        except (WrongStateError, InvalidTransition):
            return
        assert after.state == before.state or may(before.state, after.state)
        self._check_order(before, after, caused)
        if isinstance(event, events.Exited | events.SpawnFailed):
            self.alive = False
        if any(isinstance(order, effects.StartWorker) for order in caused):
            assert not self.alive, "two workers for one run"
            self.alive = True
        if any(isinstance(order, effects.Persist) for order in caused):
            self.disk = after
        assert after.high_water >= before.high_water
        if not isinstance(event, events.Ready | events.OrphanExited):
            assert after.generation >= before.generation
        if after.high_water > before.high_water and isinstance(event, events.Committed):
            assert after.crashes == ()
        self.run = after

    def _check_order(self, before: Run, after: Run, caused: list[effects.Effect]) -> None:
        kinds = [type(order) for order in caused]
        if (after.desired, after.outcome) != (before.desired, before.outcome):
            assert kinds[0] is effects.Persist, "acted before it was on disk"
        if effects.RestartAt in kinds:
            assert after.state == S.BACKOFF
        if after.state != before.state:
            assert effects.Publish in kinds, "clients were not told"

    @precondition(lambda self: self.run.state != S.STARTING or self.run.worker_pid is not None)
    @rule()
    def daemon_is_killed(self) -> None:
        """SIGKILL: what is in memory is gone, the worker notices and leaves."""
        request = (self.run.desired, self.run.outcome)
        kept = replace(
            new_run(generations=4),
            desired=self.disk.desired,
            outcome=self.disk.outcome,
            crashes=self.disk.crashes,
            restarts=self.disk.restarts,
            generation=self.run.generation,
            high_water=self.run.generation,
        )
        self.run = self.disk = restore(kept, self.now)
        self.alive = False
        assert request[0] == self.run.desired, "a request was lost"
        if request[1] is not None:
            assert self.run.outcome == request[1], "an outcome was lost"
        assert self.run.state in ENDED | {S.QUEUED, S.PAUSED}

    @invariant()
    def worker_and_state_agree(self) -> None:
        assert self.alive == (self.run.state in WITH_WORKER)
        if self.run.state not in WITH_WORKER:
            assert self.run.worker_pid is None
            assert self.run.phase == ""

    @invariant()
    def only_a_worker_that_is_leaving_has_a_reason_to(self) -> None:
        assert (self.run.state == S.STOPPING) == bool(self.run.leaving)

    @invariant()
    def only_a_paused_run_waits_for_room(self) -> None:
        assert not self.run.disk_full or (self.run.state == S.PAUSED and self.run.desired == "run")

    @invariant()
    def ended_runs_and_only_those_have_an_outcome(self) -> None:
        assert (self.run.state in ENDED) == (self.run.outcome is not None)

    @invariant()
    def a_verb_applies_in_the_states_that_clients_know(self) -> None:
        for event, states in VERBS.items():
            applies = self.run.state in states or (event == events.PauseAsked() and self.run.disk_full)
            try:
                step(self.run, event, self.now, POLICY)
            except WrongStateError:
                assert not applies or self.run.leaving == "daemon"
            else:
                assert applies

    @invariant()
    def backoff_and_only_it_has_a_time(self) -> None:
        assert (self.run.state == S.BACKOFF) == (self.run.restart_at is not None)

    @invariant()
    def no_run_survives_too_many_crashes(self) -> None:
        recent = [t for t in self.run.crashes if self.now - t < POLICY.window]
        assert len(recent) < POLICY.limit or self.run.state in (S.FAILED, S.CANCELLED)


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=150, stateful_step_count=40)


def test_a_preempted_run_is_queued_at_once_and_it_is_no_crash() -> None:
    taken = events.Exited(75, preempted=True, why="its Slurm job on n1 was sent SIGTERM")
    run, caused = play(running(), taken)
    assert (run.state, run.crashes, run.preemptions) == (S.QUEUED, (), 0)
    assert caused == [effects.Persist(HistoryKind.PREEMPTED, taken.why), effects.Publish()]


def test_preempted_again_before_it_got_on_it_waits_a_while() -> None:
    taken = events.Exited(-9, preempted=True, why="Slurm job 7 ended on n1: PREEMPTED")
    again = (events.SlotAssigned(), events.Spawned(None), taken)
    run, _ = play(new_run(), *again)
    assert (run.state, run.preemptions) == (S.QUEUED, 1)
    run, caused = play(run, *again)
    assert (run.state, run.crashes, run.restart_at) == (S.BACKOFF, (), NOW + POLICY.preempted_backoff)
    assert effects.RestartAt(NOW + POLICY.preempted_backoff) in caused
    run, _ = play(run, events.BackoffExpired(), events.SlotAssigned(), events.Spawned(None), events.Ready(0))
    run, _ = play(run, events.Committed(1))
    assert (run.state, run.preemptions) == (S.RUNNING, 0)


@pytest.mark.parametrize(("asked", "state"), [(events.PauseAsked(), S.PAUSED), (events.CancelAsked(), S.CANCELLED)])
def test_what_was_asked_of_a_preempted_run_holds(asked: events.Event, state: S) -> None:
    run, _ = play(running(), asked, events.Exited(75, preempted=True, why="PREEMPTED"))
    assert run.state == state
