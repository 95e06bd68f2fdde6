"""Whatever is lost, late or new: the client ends in the daemon's state, having seen no event twice or out of order."""

import itertools
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.errors import ProtocolMismatchError, UnreachableError
from hades_protocol.events import (
    AnyEvent,
    DatasetPublished,
    GenerationCommitted,
    Heartbeat,
    HistoryCut,
    RunChanged,
    UnknownEvent,
)
from hades_protocol.messages import RunSummary
from hades_protocol.replies import SnapshotResult
from hades_protocol.resync import (
    ASK_INTERVAL,
    RETRY_AFTER,
    STALE_AFTER,
    Action,
    AskSnapshot,
    LinkPhase,
    LinkStatus,
    Resync,
)
from hades_protocol.run_state import RunState
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run


class World:
    """A daemon, a client's Sync, and the two channels between them, of which events may lose anything."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sessions = 1
        self.daemon = FakeDaemon("session-1", (a_run("run-0"),))
        self.pipe: list[AnyEvent | UnknownEvent] = []
        self.answers: list[tuple[int, SnapshotResult]] = []
        self.sync = Resync(self.now)
        self.session = ""
        self.seq = -1
        self.runs: dict[str, RunSummary] = {}

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, AskSnapshot):
                self.answers.append((action.attempt, self.daemon.snapshot()))
            elif isinstance(action, SnapshotResult):
                self.session, self.seq = action.daemon.session, action.seq
                self.runs = {run.id: run for run in action.runs}
            elif not isinstance(action, LinkStatus):
                self.deliver(action)

    def deliver(self, event: AnyEvent) -> None:
        assert event.session == self.session
        assert event.seq > self.seq, "an event that the snapshot or an earlier event already contained"
        self.seq = event.seq
        match event:
            case RunChanged(run=run):
                self.runs[run.id] = run
            case GenerationCommitted(run_id=run_id, metrics=metrics):
                self.runs[run_id] = msgspec.structs.replace(
                    self.runs[run_id],
                    generation=metrics.generation,
                    fitness_mean=metrics.fitness_mean,
                    fitness_best=metrics.fitness_best,
                    best_so_far=metrics.best_so_far,
                    seconds_per_generation=event.seconds_per_generation,
                    seconds_left=event.seconds_left,
                )
            case HistoryCut(run_id=run_id, generation=generation):
                self.runs[run_id] = msgspec.structs.replace(self.runs[run_id], generation=generation)

    def step(self, what: str, number: int) -> None:
        run_id = f"run-{number % 3}"
        self.now += 0.01 * number
        match what:
            case "change":
                self.pipe.append(self.daemon.change(a_run(run_id, pairs=number + 1)))
            case "commit" if run_id in self.daemon.runs:
                self.pipe.append(self.daemon.commit(run_id))
            case "cut" if run_id in self.daemon.runs:
                self.pipe.append(self.daemon.cut(run_id, 0))
            case "unknown":
                self.daemon.seq += 1
                self.pipe.append(UnknownEvent(type="new", session=self.daemon.session, seq=self.daemon.seq))
            case "heartbeat":
                self.pipe.append(self.daemon.heartbeat())
            case "lose" if self.pipe:
                self.pipe.pop(number % len(self.pipe))
            case "event" if self.pipe:
                self.carry_out(self.sync.event(self.pipe.pop(0), self.now))
            case "garble" if self.pipe:
                self.pipe.pop(0)
                self.carry_out(self.sync.malformed(self.now))
            case "answer" if self.answers:
                attempt, result = self.answers.pop(0)
                self.carry_out(self.sync.snapshot(attempt, result, self.now))
            case "fail" if self.answers:
                attempt, _ = self.answers.pop(0)
                self.carry_out(self.sync.snapshot_failed(attempt, UnreachableError("no answer"), self.now))
            case "welcome":
                self.carry_out(self.sync.welcome(self.now))
            case "restart":
                self.sessions += 1
                runs = tuple(self.daemon.runs.values())
                self.daemon = FakeDaemon(f"session-{self.sessions}", runs)
            case "silence":
                self.now += 5.0
                self.carry_out(self.sync.tick(self.now))

    def settle(self) -> None:
        """From here on nothing is lost: heartbeats come, questions are answered."""
        for _ in range(12):
            self.now += 1.0
            self.pipe.append(self.daemon.heartbeat())
            while self.pipe:
                self.step("event", 0)
            while self.answers:
                self.step("answer", 0)
            self.carry_out(self.sync.tick(self.now))


# fmt: off
STEPS = [
    "change", "commit", "cut", "unknown", "heartbeat", "lose", "event", "event", "event", "garble",
    "answer", "answer", "fail", "welcome", "restart", "silence",
]
# fmt: on


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30)), max_size=60))
def test_any_interleaving_ends_in_the_daemons_state(steps: list[tuple[str, int]]) -> None:
    world = World()
    for what, number in steps:
        world.step(what, number)
    world.settle()
    assert world.sync.status.phase is LinkPhase.LIVE
    assert world.session == world.daemon.session
    assert world.runs == world.daemon.runs
    assert world.sync.seq == world.daemon.seq


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30)), max_size=60))
def test_snapshots_are_never_asked_for_in_a_storm(steps: list[tuple[str, int]]) -> None:
    world = World()
    asked: list[float] = []
    carry_out = world.carry_out

    def counting(actions: list[Action]) -> None:
        asked.extend(world.now for action in actions if isinstance(action, AskSnapshot))
        carry_out(actions)

    world.carry_out = counting  # type: ignore[method-assign]
    for what, number in steps:
        if what != "welcome":  # a new connection may ask at once
            world.step(what, number)
    assert all(later - earlier >= ASK_INTERVAL - 1e-9 for earlier, later in itertools.pairwise(asked))


def live() -> tuple[FakeDaemon, Resync]:
    daemon = FakeDaemon("session-1", (a_run("run-0"),))
    sync = Resync(0.0)
    ask = sync.welcome(0.0)
    assert ask[0] == AskSnapshot(1)
    actions = sync.snapshot(1, daemon.snapshot(), 0.1)
    assert isinstance(actions[0], SnapshotResult)
    assert sync.status.phase is LinkPhase.LIVE
    return daemon, sync


def phases(actions: list[Action]) -> list[Any]:
    return [action.phase for action in actions if isinstance(action, LinkStatus)]


def test_events_in_order_need_no_snapshot() -> None:
    daemon, sync = live()
    events = [daemon.commit("run-0") for _ in range(5)]
    assert [sync.event(event, 1.0) for event in events] == [[event] for event in events]
    assert sync.event(daemon.heartbeat(), 1.5) == []


def test_a_jump_in_the_numbers_asks_again() -> None:
    daemon, sync = live()
    daemon.commit("run-0")
    actions = sync.event(daemon.commit("run-0"), 1.0)
    assert actions[0] == AskSnapshot(2)
    assert phases(actions) == [LinkPhase.RESYNCING]


def test_events_after_the_question_are_replayed_once() -> None:
    daemon, sync = live()
    daemon.commit("run-0")
    sync.event(daemon.commit("run-0"), 1.0)
    contained = daemon.commit("run-0")
    snapshot = daemon.snapshot()
    newer = daemon.commit("run-0")
    assert sync.event(contained, 1.1) == sync.event(newer, 1.1) == []
    actions = sync.snapshot(2, snapshot, 1.2)
    assert actions[:2] == [snapshot, newer]
    assert phases(actions) == [LinkPhase.LIVE]


def test_a_late_answer_to_an_earlier_question_is_ignored() -> None:
    daemon, sync = live()
    sync.welcome(1.0)
    sync.welcome(2.0)
    assert sync.snapshot(2, daemon.snapshot(), 2.1) == []
    assert sync.snapshot(3, daemon.snapshot(), 2.2) != []


def test_silence_is_stale_since_the_last_word_and_one_heartbeat_ends_it() -> None:
    daemon, sync = live()
    sync.event(daemon.heartbeat(), 5.0)
    assert sync.tick(5.0 + STALE_AFTER) == []
    (status,) = sync.tick(5.1 + STALE_AFTER)
    assert status == LinkStatus(LinkPhase.STALE, 5.0)
    assert phases(sync.event(daemon.heartbeat(), 20.0)) == [LinkPhase.LIVE]


def test_a_goodbye_is_stale_at_once() -> None:
    daemon, sync = live()
    actions = sync.event(daemon.goodbye(), 1.0)
    assert actions[1:] == [LinkStatus(LinkPhase.STALE, 1.0, "the daemon was stopped")]


def test_a_failed_snapshot_is_asked_for_again_later() -> None:
    daemon, sync = live()
    sync.welcome(1.0)
    assert sync.snapshot_failed(2, UnreachableError("gone"), 1.1) == []
    assert sync.event(daemon.heartbeat(), 1.2) == []
    assert sync.tick(1.1 + RETRY_AFTER) == [AskSnapshot(3)]


def test_a_mismatch_ends_when_a_daemon_of_our_version_answers() -> None:
    _, sync = live()
    foreign = Heartbeat(session="x", seq=9, time=0.0, protocol_major=9)
    assert phases(sync.event(foreign, 1.0)) == [LinkPhase.MISMATCH]
    other = FakeDaemon("session-2")
    assert sync.event(other.heartbeat(), 2.0) == [AskSnapshot(2)]
    assert phases(sync.snapshot(2, other.snapshot(), 2.1)) == [LinkPhase.LIVE]


def test_a_snapshot_that_cannot_be_read_is_a_mismatch() -> None:
    _, sync = live()
    sync.welcome(1.0)
    (status,) = sync.snapshot_failed(2, ProtocolMismatchError("not a valid message: x"), 1.1)
    assert status == LinkStatus(LinkPhase.MISMATCH, 1.1, "not a valid message: x")


def test_a_dataset_passes_outside_the_numbering_and_only_from_the_session() -> None:
    daemon, sync = live()
    mine = daemon.publish_dataset("run-0", a_dataset())
    assert sync.event(mine, 1.0) == [mine]
    foreign = DatasetPublished(session="other", seq=0, time=0.0, run_id="run-0", dataset=a_dataset())
    assert sync.event(foreign, 1.0) == []
    assert sync.event(daemon.commit("run-0"), 1.1) != []


def test_a_paused_run_stays_a_paused_run() -> None:
    daemon, sync = live()
    event = daemon.change(a_run("run-0", RunState.PAUSED))
    assert sync.event(event, 1.0) == [event]
