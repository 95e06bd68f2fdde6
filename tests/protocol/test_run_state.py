"""The states and their transitions."""

import pytest

from hades_protocol.run_state import ENDED, TRANSITIONS, WITH_WORKER, RunState, may


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(RunState)


@pytest.mark.parametrize("state", sorted(RunState))
def test_every_state_leads_to_an_end(state: RunState) -> None:
    seen, todo = {state}, [state]
    while todo:
        for after in TRANSITIONS[todo.pop()] - seen:
            seen.add(after)
            todo.append(after)
    assert seen & ENDED


def test_no_state_follows_itself_and_a_finished_run_stays_so() -> None:
    assert not any(may(state, state) for state in RunState)
    assert TRANSITIONS[RunState.FINISHED] == frozenset()


def test_only_states_with_a_worker_can_pause_in_steps() -> None:
    before_pausing = {state for state in RunState if may(state, RunState.PAUSING)}
    assert before_pausing <= WITH_WORKER
    assert may(RunState.RUNNING, RunState.PAUSING)
    assert may(RunState.QUEUED, RunState.PAUSED)
