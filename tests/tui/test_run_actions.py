"""What is sent carries what was seen, and what makes no sense is never sent: the pure part of actions."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol import commands
from hades_protocol.events import JobChanged
from hades_protocol.messages import DaemonInfo, Job, JobVerb, SlurmJobInfo
from hades_protocol.replies import ChangeResult, SettingChange, SnapshotResult
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import RunState, WorkerPhase
from hades_tui.pages.bulk import bulk_lines
from hades_tui.pages.form_view import NEWEST, answer_lines, generations_text, in_form, nearest, setting_lines, stepped
from hades_tui.pages.settings_form import form_of, shown
from hades_tui.run_actions import (
    CANCEL,
    EVALUATE,
    EXPORT,
    FORK,
    PAUSE,
    RESIZE,
    RESUME,
    RUN_ACTIONS,
    RunAction,
    command_for,
    obstacle,
    refusal,
    targets,
)
from hades_tui.state import jobs
from hades_tui.state.model import Model, apply, mark, with_run
from tests.helpers.protocol.protocol_server import FakeDaemon, a_run
from tests.helpers.runs.specs import TINY

actions = st.sampled_from(sorted(RUN_ACTIONS)).map(RUN_ACTIONS.__getitem__)
states = st.sampled_from(sorted(RunState))
FIELDS: dict[str, dict[str, object]] = {"resize": {"changes": {}}, "note": {"text": "x"}, "priority": {"priority": 5}}


def model(state: RunState = RunState.RUNNING, phase: LinkPhase = LinkPhase.LIVE, **fields: object) -> Model:
    daemon = FakeDaemon(runs=(a_run(state=state, **{"generation": 3, **fields}),))
    return msgspec.structs.replace(apply(Model(), daemon.snapshot()), link=LinkStatus(phase, 0.0))


def refused(action: RunAction, seen: Model, *, readonly: bool = False) -> str:
    """Why an action is not possible for the one run that there is."""
    return refusal(action, seen, seen.runs, readonly)


@given(actions, states)
def test_every_command_carries_the_run_the_session_and_the_state_that_were_seen(
    action: RunAction, state: RunState
) -> None:
    run = a_run(state=state)
    request = command_for(action, run, "session-7", **FIELDS.get(action.name, {}))
    assert (request.run, request.session) == (run.id, "session-7")
    assert isinstance(request, action.kind)
    if isinstance(request, commands.Mutation):
        assert request.expected_state is state
    else:
        assert action in (EXPORT, EVALUATE), "these change nothing about a run"


@given(actions, states)
def test_a_read_only_screen_asks_for_nothing(action: RunAction, state: RunState) -> None:
    why = refused(action, model(state), readonly=True)
    assert "read-only" in why
    assert "Nothing was sent" in why


@given(actions, states, st.sampled_from(sorted(set(LinkPhase) - {LinkPhase.LIVE})))
def test_a_link_that_is_not_live_asks_for_nothing(action: RunAction, state: RunState, phase: LinkPhase) -> None:
    seen = model(state, phase)
    assert "Nothing was sent" in refused(action, seen, readonly=False)
    assert "Nothing is sent until it is live again" in obstacle(
        action, seen.runs[0], "session-1", seen, same_state=False
    )


@given(actions, states)
def test_where_it_makes_sense_nothing_is_in_the_way(action: RunAction, state: RunState) -> None:
    seen = model(state)
    why = refused(action, seen, readonly=False)
    assert bool(why) == (state not in action.states)
    assert obstacle(action, seen.runs[0], "session-1", seen, same_state=True) == why
    assert "\n" not in why


@pytest.mark.parametrize("action", [PAUSE, CANCEL])
def test_a_run_that_would_come_back_by_itself_can_be_held(action: RunAction) -> None:
    """It gives way, gets another size, or waits for room on a disk."""
    for seen in (model(RunState.STOPPING), model(RunState.PAUSED, waits_for_room=True)):
        assert refused(action, seen, readonly=False) == ""
    waiting, leaving = a_run(state=RunState.PAUSED), a_run(state=RunState.STOPPING)
    assert "does not go on by itself" in PAUSE.will(waiting)
    assert "does not come back by itself" in PAUSE.will(leaving)
    assert "there is nothing to pause" in refused(PAUSE, model(RunState.PAUSED, reason="killed"), readonly=False)


@pytest.mark.parametrize("action", [PAUSE, CANCEL, RESIZE])
def test_what_happens_to_a_slurm_job_is_said(action: RunAction) -> None:
    job = SlurmJobInfo(id=7)
    waiting = a_run(state=RunState.STARTING, phase=WorkerPhase.WAITING_IN_SLURM, slurm_job=job)
    assert "taken out of Slurm's queue" in action.will(waiting)
    for state in (RunState.STARTING, RunState.RUNNING):
        here, there = a_run(state=state), a_run(state=state, slurm_job=job)
        assert "Slurm" not in action.will(here)
        if action is not CANCEL:
            assert "job ends" in action.will(there)
            assert "nodes" in action.will(there)
            assert "waits in Slurm's queue again" in action.will(there)
    assert "as soon as its turn comes" in RESUME.will(a_run(state=RunState.PAUSED))


@given(actions, states, states)
def test_another_state_is_in_the_way_of_a_dialog_that_is_about_one(
    action: RunAction, then: RunState, now: RunState
) -> None:
    asked, seen = a_run(state=then, generation=3), model(now)
    strict = obstacle(action, asked, "session-1", seen, same_state=True)
    assert bool(strict) == (then is not now or now not in action.states)
    assert obstacle(action, asked, "session-1", seen, same_state=False) == action.refusal(seen.runs[0])


@given(actions)
def test_a_restarted_daemon_and_a_removed_run_are_in_the_way(action: RunAction) -> None:
    seen = model()
    assert "was restarted" in obstacle(action, seen.runs[0], "session-0", seen, same_state=False)
    assert "was removed" in obstacle(action, a_run("other"), "session-1", seen, same_state=False)


@pytest.mark.parametrize("action", [FORK, EXPORT, EVALUATE])
def test_before_the_first_commit_there_is_nothing_to_go_on_from(action: RunAction) -> None:
    assert "has committed no generation yet" in refused(action, model(generation=0), readonly=False)


def test_direct_neuroevolution_has_no_pairs() -> None:
    seen = model(method="es")
    assert "no pairs to export" in refused(EXPORT, seen, readonly=False)
    assert "no pairs to evaluate" in refused(EVALUATE, seen, readonly=False)
    assert refused(FORK, seen, readonly=False) == ""


@given(actions, states)
def test_consequences_are_words(action: RunAction, state: RunState) -> None:
    assert action.will(a_run(state=state)).endswith(".")


def test_what_takes_something_away_is_dangerous() -> None:
    assert [action.name for action in RUN_ACTIONS.values() if action.dangerous] == ["cancel", "remove", "retain"]
    assert RESUME.states.isdisjoint(PAUSE.states)


def test_a_key_acts_on_all_marked_runs_that_are_listed_or_on_the_selected_one() -> None:
    daemon = FakeDaemon(runs=tuple(a_run(name, created_at=9.0 - i) for i, name in enumerate("abcd")))
    seen = msgspec.structs.replace(apply(Model(), daemon.snapshot()), link=LinkStatus(LinkPhase.LIVE, 0.0))

    def aimed(action: RunAction, seen: Model, listed: str) -> str:
        return "".join(run.id for run in targets(action, seen, listed))

    assert aimed(PAUSE, seen, "abcd") == "a"
    assert aimed(PAUSE, seen, "bcd") == "", "a hidden run is no target"
    marked = mark(seen, "b", "d")
    assert aimed(PAUSE, marked, "dcba") == "db", "in the order of the list"
    assert aimed(PAUSE, marked, "abc") == "b"
    assert aimed(PAUSE, marked, "ac") == "a"
    assert aimed(FORK, marked, "abcd") == "a", "a fork has one parent"
    assert "".join(run.id for run in targets(PAUSE, seen, "abcd", "abc")) == "abc", "a heading stands for its group"
    assert "".join(run.id for run in targets(FORK, seen, "abcd", "abc")) == "a"
    assert "".join(run.id for run in targets(PAUSE, marked, "abcd", "abc")) == "bd"
    assert "The filter hides a: escape" in refusal(PAUSE, seen, (), readonly=False)


def test_a_dialog_about_many_runs_says_what_happens_to_each_and_why_not() -> None:
    running, again, failed = a_run("one"), a_run("two"), a_run("three", RunState.FAILED)
    plan = [(run, PAUSE.refusal(run)) for run in (running, failed, again)]
    lines = ["".join(text for text, _ in line) for line in bulk_lines(PAUSE, plan)]
    assert lines == [
        "✔ one  ● running",
        "✔ two  ● running",
        PAUSE.will(running),
        "",
        "✘ three is failed: there is nothing to pause",
    ]


# Jobs --------------------------------------------------------------------------------------------------------


def a_job(job_id: str, state: str = "running", **fields: str) -> Job:
    return Job(id=job_id, run="cartpole-1", verb=JobVerb.EVALUATE, state=state, **fields)


def heard(before: Model, job: Job) -> Model:
    return apply(before, JobChanged(job=job, session="session-1", seq=1, time=0.0))


def test_a_job_is_told_once_when_it_ends() -> None:
    start = model()
    running = heard(start, a_job("a"))
    done = heard(running, a_job("a", "done", text="482.3 ± 3.1"))
    assert jobs.ended(start, running) == ()
    assert [job.id for job in jobs.ended(running, done)] == ["a"]
    assert jobs.ended(done, heard(done, a_job("b"))) == ()


def test_what_ended_before_the_screen_opened_is_old_but_what_ended_in_a_gap_is_told() -> None:
    seen = model()
    assert isinstance(seen.daemon, DaemonInfo)
    old = SnapshotResult(daemon=seen.daemon, seq=1, runs=seen.runs, gpus=(), jobs=(a_job("a", "done"),))
    first = apply(Model(), old)
    assert jobs.ended(Model(), first) == ()
    gap = apply(first, msgspec.structs.replace(old, jobs=(*old.jobs, a_job("b", "failed"))))
    assert [job.id for job in jobs.ended(first, gap)] == ["b"]
    other = msgspec.structs.replace(seen.daemon, session="session-2")
    restarted = msgspec.structs.replace(old, daemon=other, jobs=(a_job("c", "done"),))
    assert jobs.ended(first, apply(first, restarted)) == ()


def test_a_job_does_not_outlive_its_daemon_in_silence() -> None:
    running = heard(model(), a_job("a"))
    assert running.daemon is not None
    other = msgspec.structs.replace(running.daemon, session="session-2")
    (lost,) = jobs.ended(
        running, apply(running, SnapshotResult(daemon=other, seq=1, runs=running.runs, gpus=(), jobs=()))
    )
    assert jobs.ended_text(lost) == "evaluation of cartpole-1 lost: the daemon was restarted; ask again"


def test_the_end_of_a_job_in_words() -> None:
    assert jobs.ended_text(a_job("a", "done", text="482.3 ± 3.1")) == "evaluation of cartpole-1: 482.3 ± 3.1"
    assert jobs.ended_text(a_job("a", "failed", text="no room")) == "evaluation of cartpole-1 failed: no room"
    assert jobs.ended_text(a_job("a", "done", path="/x.npz")) == "evaluation of cartpole-1\n/x.npz"
    assert "has begun" in jobs.begun_text(a_job("a"))


def test_a_run_that_is_answered_is_there_before_its_event() -> None:
    seen = model()
    with_fork = with_run(seen, a_run("fork-1", created_at=9e9))
    assert [run.id for run in with_fork.runs] == ["fork-1", "cartpole-1"]
    assert with_run(with_fork, a_run("fork-1", RunState.FAILED)) is with_fork, "what events said is newer"


# Lines -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 70), st.integers(1, 40), st.integers(20, 200), st.sampled_from(["", "sigma", "evo dec", "zebra"]))
def test_the_selected_setting_is_in_sight_and_rows_follow_each_other(
    at: int, height: int, width: int, search: str
) -> None:
    form = form_of(TINY).typed("seed", "9").typed("evolution.sigma", "x")
    names = shown(form, search)
    selected = names[at % len(names)]
    rows = setting_lines(form, names, selected, width, height)
    listed = [name for name, _ in rows]
    assert selected in listed
    assert len(rows) == min(height, len(names))
    assert listed == list(names[names.index(listed[0]) :][: len(listed)])


def test_changed_and_invalid_settings_are_marked_by_a_sign() -> None:
    form = form_of(TINY).typed("seed", "9").typed("evolution.sigma", "x")
    text = ["".join(part for part, _ in line) for _, line in setting_lines(form, shown(form), "seed", 80, 4)]
    assert text[0].split() == ["▸", "●", "seed", "3", "→", "9"]
    assert text[1].split() == ["✘", "evolution.sigma", "0.3", "→", "x"]
    assert text[2].split() == ["env", "CartPole-v1"]


kept_generations = st.lists(st.integers(1, 999), unique=True, max_size=20).map(sorted)


@given(kept_generations, st.none() | st.integers(0, 1000))
def test_the_generation_of_a_fork_is_kept_and_not_above_the_cursor(kept: list[int], cursor: int | None) -> None:
    text = nearest(kept, cursor)
    if cursor is None or not [g for g in kept if g <= cursor]:
        assert text == NEWEST
    else:
        assert int(text) == max(g for g in kept if g <= cursor)


@given(kept_generations, st.integers(0, 1000).map(str) | st.sampled_from([NEWEST, "", "x"]))
def test_arrows_walk_through_the_kept_generations(kept: list[int], text: str) -> None:
    options = [*map(str, kept), NEWEST]
    up, down = stepped(kept, text, 1), stepped(kept, text, -1)
    assert up in options
    assert down in options
    if text.isdecimal():
        assert up == next((str(g) for g in kept if g > int(text)), NEWEST)
        assert down == next((str(g) for g in reversed(kept) if g < int(text)), options[0])
    walked = [options[0]]
    for _ in kept:
        walked.append(stepped(kept, walked[-1], 1))
    assert walked == options


def test_many_generations_fit_a_line() -> None:
    assert generations_text(()) == "none is kept"
    assert generations_text((1, 50, 100)) == "1, 50, 100"
    assert generations_text(tuple(range(1, 1000))) == "1, 2, 3, 4, 5 … 995, 996, 997, 998, 999"


def test_the_daemons_word_names_what_it_changes_by_itself() -> None:
    change = SettingChange(name="policy.init_seed", before=None, after=5)
    mine = SettingChange(name="seed", before=5, after=6)
    result = ChangeResult(run=None, generation=3, changes=(mine, change), notes=("slower",))
    text = ["".join(part for part, _ in line) for line in answer_lines(result, ("seed",))]
    assert text == ["✔ the daemon takes 2 changes", "  policy.init_seed unset → 5", "› slower"]
    assert "nothing is changed" in answer_lines(ChangeResult(run=None, generation=3, changes=()))[0][1][0]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("raise it, e.g. --set evolution.generations=120", "raise it, e.g. evolution.generations=120"),
        ("use --method hades-r or hades-f", "use method hades-r or hades-f"),
        ("(the paper's settings: --preset published)", "(the paper's settings: preset published)"),
        ("--set takes name=value, --settle nothing", "--set takes name=value, --settle nothing"),
    ],
)
def test_a_form_names_settings_and_no_options_of_a_command(text: str, form: str) -> None:
    assert in_form(text) == form
