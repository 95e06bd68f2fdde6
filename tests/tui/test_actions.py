"""Everything that changes a run, by keyboard, on a screen that is attached to real sockets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Label, Static, TextArea

from hades_protocol import commands
from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.resync import LinkPhase
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState
from hades_tui.app import HadesApp
from hades_tui.run_actions import RUN_ACTIONS, refusal
from hades_tui.screens.change import ChangeScreen
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.dialog import RunDialog
from hades_tui.screens.fork import ForkScreen
from hades_tui.screens.sending import SendingDialog
from hades_tui.state.model import Model
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.top import TopLine
from tests.helpers.protocol.canned import some_checkpoints
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_run, serving
from tests.helpers.runs.specs import tiny
from tests.helpers.screen.live_screen import ANT, CARTPOLE, HOPPER, live, mutations, notices, shown, three_runs, until

pytestmark = pytest.mark.slow

KEYS = {"P": "pause", "R": "resume", "C": "cancel", "F": "fork", "S": "resize"}
KEYS |= {"E": "export", "V": "evaluate", "N": "note"}
WHERE = {key: HOPPER if key == "R" else CARTPOLE for key in KEYS}
"""The run on which each key makes sense."""


def ready() -> FakeDaemon:
    """Three runs with settings and checkpoints."""
    daemon = three_runs()
    for run in daemon.runs:
        daemon.specs[run] = spec_to_dict(tiny())
        daemon.checkpoints[run] = some_checkpoints()
    daemon.notes = ("time: about 3.2 s a generation, now 1.6 s",)
    return daemon


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    with serving(tmp_path, ready()) as running:
        yield running


def asked(server: ProtocolServer, kind: type[Any]) -> list[Any]:
    return [request for request in server.requests if isinstance(request, kind)]


def orders(server: ProtocolServer) -> list[commands.RunRequest]:
    """What was to change something: no questions, no dry runs."""
    kinds = tuple(action.kind for action in RUN_ACTIONS.values())
    return [r for r in server.requests if isinstance(r, kinds) and not getattr(r, "dry_run", False)]


def reason(app: HadesApp) -> str:
    return str(app.screen.query_one("#reason", Label).content)


def button(app: HadesApp) -> Button:
    return app.screen.query_one("#yes", Button)


def has_points(panel: FitnessPanel) -> bool:
    """Whether the run's curve is drawn: the history comes after the first picture, which has none."""
    curve = panel.drawn.curves.get(CARTPOLE)
    return curve is not None and bool(curve.mean.xs)


def is_open(app: HadesApp) -> bool:
    return isinstance(app.screen, RunDialog)


async def opened(app: HadesApp, pilot: Pilot[None], key: str) -> None:
    """Press a key and wait until its dialog can be used."""
    await pilot.press(key)
    assert is_open(app)
    await until(pilot, lambda: is_usable(app))


def is_usable(app: HadesApp) -> bool:
    """Whether the keys that are pressed now reach a field of the dialog, where it has fields."""
    screen = app.screen
    if isinstance(screen, ChangeScreen):
        return screen.form is not None and isinstance(screen.focused, Input)
    return not isinstance(screen, SendingDialog) or screen.focused is not None


async def press_button(app: HadesApp, pilot: Pilot[None]) -> None:
    """By the keyboard alone: tab to the button, then enter."""
    await until(pilot, lambda: not button(app).disabled)
    for _ in range(20):
        if button(app).has_focus:
            break
        await pilot.press("tab")
    assert button(app).has_focus
    await pilot.press("enter")


async def filled(app: HadesApp, pilot: Pilot[None], key: str) -> None:
    """Type what makes the dialog of a key send something."""
    await opened(app, pilot, key)
    await pilot.press(*{"S": "16", "N": "good"}.get(key, ""))


# Every key ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
async def test_every_command_carries_what_was_seen_and_is_told(server: ProtocolServer, key: str) -> None:
    async with live(server, run=WHERE[key], size=(80, 24)) as (app, pilot):
        assert app.model.run is not None
        seen = app.model.run
        await filled(app, pilot, key)
        assert orders(server) == []
        await press_button(app, pilot)
        # On a busy machine another notice may stand there first: that a history could not be read in time.
        await until(pilot, lambda: not is_open(app) and any(WHERE[key] in notice for notice in notices(app)))
        (request,) = orders(server)
        assert isinstance(request, RUN_ACTIONS[KEYS[key]].kind)
        assert (request.run, request.session) == (WHERE[key], "session-1")
        assert getattr(request, "expected_state", seen.state) is seen.state


async def test_a_readonly_screen_says_so(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        for key, name in KEYS.items():
            app.go_to(WHERE[key])
            app.clear_notifications()
            await pilot.press(key)
            (notice,) = notices(app)
            assert "read-only" in notice
            assert name in notice
            assert not is_open(app)
            assert key not in app.screen.active_bindings
    assert orders(server) == []


async def test_a_readonly_screen_keeps_quiet_about_keys_of_its_pages(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        await pilot.press("question_mark", "P", "escape", "x")
        assert notices(app) == []


async def test_on_a_stale_screen_nothing_is_sent(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await silence(server, app, pilot)
        for key in KEYS:
            app.go_to(WHERE[key])
            app.clear_notifications()
            await pilot.press(key)
            assert not is_open(app)
            assert any("stale" in notice and "Nothing was sent" in notice for notice in notices(app)), key
    assert orders(server) == []


async def silence(server: ProtocolServer, app: HadesApp, pilot: Pilot[None]) -> None:
    """The daemon says good-bye and nothing more."""
    server.do(lambda: setattr(server, "_heartbeat", 3600.0))
    await pilot.pause(0.2)
    server.do(server.daemon.goodbye)
    await until(pilot, lambda: app.model.link.phase is LinkPhase.STALE)


async def test_what_makes_no_sense_is_refused_on_one_line(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        for key, run in (("P", HOPPER), ("R", CARTPOLE), ("F", ANT), ("E", ANT), ("V", ANT)):
            app.go_to(run)
            app.clear_notifications()
            await pilot.press(key)
            assert not is_open(app), key
            (notice,) = notices(app)
            chosen = [run_ for run_ in app.model.runs if run_.id == run]
            assert notice == refusal(RUN_ACTIONS[KEYS[key]], app.model, chosen, readonly=False) != ""


async def test_a_finished_run_is_neither_cancelled_nor_resized(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        server.do(lambda: server.daemon.change(a_run(CARTPOLE, RunState.FINISHED, created_at=3e9)))
        await until(pilot, lambda: app.model.run is not None and app.model.run.state is RunState.FINISHED)
        for key in "CS":
            app.clear_notifications()
            await pilot.press(key)
            assert not is_open(app), key
            assert "cartpole-1 is finished" in notices(app)[0]


@pytest.mark.parametrize("size", [(80, 24), (60, 24)])
async def test_a_dialog_fits_the_screen_and_its_buttons_are_in_sight(
    server: ProtocolServer, size: tuple[int, int]
) -> None:
    async with live(server, size=size) as (app, pilot):
        for key in KEYS:
            app.go_to(WHERE[key])
            await filled(app, pilot, key)
            await until(pilot, lambda: not button(app).disabled)
            whole = app.screen.region
            for name in ("#yes", "#no"):
                shown = app.screen.query_one(name, Button)
                assert whole.contains_region(shown.region), (key, name)
                assert app.screen.get_widget_at(*shown.region.offset)[0] is shown, (key, name)
            await pilot.press("escape", *["escape"] * (key in "SN"))  # what was typed is thrown away by the second one
            assert not is_open(app), key


# While a dialog is open --------------------------------------------------------------------------------------


async def test_a_confirmation_for_another_state_is_off(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "P")
        server.do(lambda: server.daemon.change(a_run(CARTPOLE, RunState.PAUSED, created_at=3e9)))
        await until(pilot, lambda: button(app).disabled)
        assert reason(app) == "cartpole-1 is paused by now, not running: close this and ask again."
        await until(pilot, lambda: app.screen.query_one("#no", Button).has_focus)
        await pilot.press("y")
        assert is_open(app)
        await pilot.press("enter")
        assert not is_open(app)
    assert orders(server) == []


async def test_yes_looks_once_more_at_the_moment_it_is_pressed(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "P")
        assert isinstance(app.screen, ConfirmScreen)
        app.model = Model(link=app.model.link, daemon=app.model.daemon)
        app.screen.action_answer(True)
        assert is_open(app)
        assert "was removed" in reason(app)
        await pilot.press("n")
    assert orders(server) == []


@pytest.mark.parametrize("key", KEYS)
async def test_a_lost_link_turns_the_button_off_until_it_is_back(server: ProtocolServer, key: str) -> None:
    async with live(server, run=WHERE[key]) as (app, pilot):
        await filled(app, pilot, key)
        await until(pilot, lambda: not button(app).disabled)
        await silence(server, app, pilot)
        await until(pilot, lambda: button(app).disabled)
        assert "Nothing is sent until it is live again." in reason(app)
        server.do(lambda: setattr(server, "_heartbeat", 0.1))
        server.do(lambda: server.publish(server.daemon.heartbeat()))
        await until(pilot, lambda: not button(app).disabled)
    assert orders(server) == []


@pytest.mark.parametrize("key", ["C", "F", "N"])
async def test_a_restarted_daemon_turns_the_button_off_for_good(tmp_path: Path, key: str) -> None:
    with serving(tmp_path, ready()) as server:
        context = live(server)
        app, pilot = await context.__aenter__()
        await filled(app, pilot, key)
    again = ready()
    again.session = "session-2"
    with serving(tmp_path, again) as server:
        await until(pilot, lambda: app.model.daemon is not None and app.model.daemon.session == "session-2")
        await until(pilot, lambda: "The daemon was restarted since" in reason(app))
        assert button(app).disabled
        await pilot.press("escape", "escape")
        assert not is_open(app)
        await context.__aexit__(None, None, None)
        assert orders(server) == []


async def test_a_form_stays_open_over_a_change_of_state_and_sends_the_new_one(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await filled(app, pilot, "S")
        await until(pilot, lambda: not button(app).disabled)
        assert "then a new worker goes on" in str(app.screen.query_one("#will", Label).content)
        paused = a_run(CARTPOLE, RunState.PAUSED, created_at=3e9, generation=30)
        server.do(lambda: server.daemon.change(paused))
        await until(pilot, lambda: "when it next has a worker" in str(app.screen.query_one("#will", Label).content))
        await press_button(app, pilot)
        await until(pilot, lambda: not is_open(app))
        (request,) = orders(server)
        assert isinstance(request, commands.Resize)
        assert request.expected_state is RunState.PAUSED
        assert [r.expected_state for r in asked(server, commands.Resize)] == [
            RunState.RUNNING,
            RunState.PAUSED,
            RunState.PAUSED,
        ]


@pytest.mark.parametrize("key", ["F", "S", "N", "E"])
async def test_a_refusal_at_the_last_moment_leaves_the_form_as_it_was(server: ProtocolServer, key: str) -> None:
    async with live(server) as (app, pilot):
        await filled(app, pilot, key)
        await until(pilot, lambda: not button(app).disabled)
        refusal = WrongStateError(f"{CARTPOLE} is paused by now, not running: nothing done")
        server.do(lambda: server.daemon.refusals.update({RUN_ACTIONS[KEYS[key]].kind: refusal}))
        await press_button(app, pilot)
        await until(pilot, lambda: "is paused by now" in reason(app))
        assert "The daemon refused" in reason(app)
        assert is_open(app)
        if key == "N":
            assert app.screen.query_one(TextArea).text == "good"


async def test_a_refused_confirmation_is_quoted(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        server.do(lambda: server.daemon.refusals.update({commands.Evaluate: NotFoundError("no pairs yet")}))
        await pilot.press("V", "y")
        await until(pilot, lambda: "no pairs yet" in notices(app))


@pytest.mark.parametrize(("key", "typed"), [("S", "16"), ("N", "x")])
async def test_what_was_typed_is_not_thrown_away_at_once(server: ProtocolServer, key: str, typed: str) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, key)
        await pilot.press(*typed, "escape")
        assert is_open(app)
        assert "throws away what was typed" in reason(app)
        await pilot.press("5")
        assert "throws away" not in reason(app)
        await pilot.press("escape", "escape")
        assert not is_open(app)
        await pilot.press(key)
        await opened_again(app, pilot)
        await pilot.press("escape")
        assert not is_open(app), "nothing was typed: once is enough"
    assert orders(server) == []


async def opened_again(app: HadesApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: is_open(app) and is_usable(app))


# Fork --------------------------------------------------------------------------------------------------------


def value(app: HadesApp, field: str) -> str:
    return app.screen.query_one(f"#{field}", Input).value


async def test_a_fork_is_typed_checked_by_the_daemon_sent_and_selected(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, "F")
        await pilot.press(*"sigma", "enter")
        assert value(app, "value") == "0.3"
        await pilot.press(*".15", "enter")
        await pilot.press(*"seed", "enter", *"8")
        await until(pilot, lambda: not button(app).disabled)
        dry = asked(server, commands.Fork)[-1]
        assert dry.dry_run
        assert (dry.generation, dry.changes, dry.session) == (
            None,
            {"seed": 8, "evolution": {"sigma": 0.15}},
            "session-1",
        )
        await press_button(app, pilot)
        await until(pilot, lambda: not is_open(app))
        (request,) = orders(server)
        assert isinstance(request, commands.Fork)
        assert request.changes == dry.changes
        await until(pilot, lambda: app.model.selected == f"{CARTPOLE}-fork3")
        assert f"{CARTPOLE}-fork3 goes on from {CARTPOLE} after generation 30" in notices(app)
        await until(pilot, lambda: any(r.run == f"{CARTPOLE}-fork3" for r in asked(server, commands.History)))


async def test_what_is_invalid_never_reaches_the_daemon(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "F")
        await until(pilot, lambda: not button(app).disabled)  # a fork with nothing changed is a twin
        await pilot.press(*"evolution.sigma", "enter", "a", "b", "c")
        await until(pilot, lambda: "evolution.sigma takes a number, above 0.0" in reason(app))
        assert button(app).disabled
        await pilot.pause(0.6)
        assert {str(r.changes) for r in asked(server, commands.Fork)} == {"{}"}
        await pilot.press(*["backspace"] * 3, *"0.3")
        await until(pilot, lambda: not button(app).disabled)
    assert orders(server) == []


async def test_the_daemons_refusal_of_a_dry_run_keeps_the_button_off(server: ProtocolServer) -> None:
    server.daemon.refusals[commands.Fork] = UsageError("a fork cannot change env: a checkpoint holds pairs of one")
    async with live(server) as (app, pilot):
        await opened(app, pilot, "F")
        await until(pilot, lambda: "✘ a fork cannot change env" in reason(app))
        assert button(app).disabled
        assert all(request.dry_run for request in asked(server, commands.Fork))


async def test_a_dry_run_that_nobody_answered_is_asked_again(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await filled(app, pilot, "S")
        await until(pilot, lambda: not button(app).disabled)
        app._connection._reply_seconds = 0.3  # type: ignore[attr-defined]
        server.do(lambda: setattr(server, "deaf", True))
        await pilot.press("0")
        await until(pilot, lambda: "did not answer" in reason(app) and button(app).disabled)
        server.do(lambda: setattr(server, "deaf", False))
        await until(pilot, lambda: not button(app).disabled)
        assert value(app, "evolution-population") == "160"


async def test_arrows_choose_the_setting_and_what_is_typed_stays_with_it(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "F")
        assert isinstance(app.screen, ForkScreen)
        await pilot.press(*"checkpoints", "down", "tab", *"7", "down")
        await until(pilot, lambda: app.screen.form.texts == {"checkpoints.keep_every": "7"})  # type: ignore[attr-defined]
        assert value(app, "value") == "3"
        await pilot.press("up")
        assert value(app, "value") == "7"
        assert app.screen.form.texts == {"checkpoints.keep_every": "7"}  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [(60, 20), (40, 10)])
async def test_a_fork_on_a_low_screen_keeps_its_buttons(server: ProtocolServer, size: tuple[int, int]) -> None:
    server.daemon.notes = tuple(f"a note {i} that is long enough for more than one line of the box" for i in range(4))
    async with live(server, size=size) as (app, pilot):
        await opened(app, pilot, "F")
        form = app.screen.query_one("#form")
        await until(pilot, lambda: form.max_scroll_y > 0)
        assert form.region.contains_region(button(app).region)
        app.screen.query_one("#value", Input).focus()
        await until(pilot, lambda: form.region.contains_region(app.screen.query_one("#value").region))


async def test_arrows_walk_through_the_kept_generations(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "F")
        assert value(app, "generation") == "newest"
        app.screen.query_one("#generation", Input).focus()
        await pilot.press("up", "up")
        await until(pilot, lambda: value(app, "generation") == "29")
        await until(
            pilot, lambda: bool(asked(server, commands.Fork)) and asked(server, commands.Fork)[-1].generation == 29
        )
        await pilot.press("home", *"x")
        await until(pilot, lambda: "generation takes the number of a kept checkpoint" in reason(app))


async def test_the_cursor_of_the_curve_says_from_where(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        panel = app.query_one(FitnessPanel)
        panel.focus()
        await until(pilot, lambda: panel.has_focus and has_points(panel))
        await pilot.press("end", "comma", "comma", "comma")
        await until(pilot, lambda: app.cursor_generation == 27)
        await opened(app, pilot, "F")
        assert value(app, "generation") == "20", "the nearest kept one below the cursor"
        await until(pilot, lambda: bool(asked(server, commands.Fork)))
        assert asked(server, commands.Fork)[-1].generation == 20


async def test_a_fork_into_a_group_with_a_name(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "F")
        app.screen.query_one("#group", Input).focus()
        await pilot.press(*"my group")
        await until(pilot, lambda: "cannot name a group" in reason(app))
        await pilot.press(*["backspace"] * 6, "tab", *"a twin")
        await until(pilot, lambda: "cannot name a run" in reason(app))
        await pilot.press(*["backspace"] * 5)
        await press_button(app, pilot)
        await until(pilot, lambda: not is_open(app))
        (request,) = orders(server)
        assert isinstance(request, commands.Fork)
        assert (request.group, request.name) == ("my", "a")


@pytest.mark.parametrize("key", ["F", "S"])
async def test_settings_that_cannot_be_read_are_said(server: ProtocolServer, key: str) -> None:
    server.daemon.refusals[commands.Show] = NotFoundError("no run 'cartpole-1'")
    async with live(server) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: "Its settings could not be read: no run" in reason(app))
        assert button(app).disabled
        await pilot.press("escape")
        assert not is_open(app)


# Resize, export, evaluate, note ------------------------------------------------------------------------------


async def test_a_resize_says_what_it_costs_before_it_is_sent(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, "S")
        assert "Nothing is changed yet." in reason(app)
        assert button(app).disabled
        await pilot.pause(0.6)
        assert asked(server, commands.Resize) == []
        assert str(app.screen.query_one("#evolution-population-now", Label).content) == "8 →"
        await pilot.press(*"16", "down", *"4")
        await until(pilot, lambda: "time: about 3.2 s" in str(app.screen.query_one("#answer").content))  # type: ignore[attr-defined]
        await press_button(app, pilot)
        await until(pilot, lambda: not is_open(app))
        (request,) = orders(server)
        assert isinstance(request, commands.Resize)
        assert request.changes == {"evolution": {"population": 16}, "dataset": {"pairs": 4}}
        await until(pilot, lambda: app.model.run is not None and app.model.run.population == 16)


async def test_a_resize_that_contradicts_itself_is_not_sent(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await opened(app, pilot, "S")
        app.screen.query_one("#policy-inits", Input).focus()
        await pilot.press("1")
        await until(pilot, lambda: "policy.inits must be at least 2" in reason(app))
        await pilot.pause(0.6)
        assert asked(server, commands.Resize) == []


async def test_an_export_is_told_when_it_is_written(server: ProtocolServer) -> None:
    server.daemon.job_ends["export"] = {"text": "6 pairs of generation 30", "path": "/runs/cartpole-1/exports/30.csv"}
    async with live(server, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, "E")
        await pilot.press("down", "tab", "down")
        await press_button(app, pilot)
        await until(pilot, lambda: any("/runs/cartpole-1/exports/30.csv" in notice for notice in notices(app)))
        (request,) = orders(server)
        assert isinstance(request, commands.Export)
        assert (request.format, request.best) == ("csv", True)
        assert any("6 pairs of generation 30" in notice for notice in notices(app))


async def test_an_evaluation_is_told_when_it_ends_or_fails(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("V", "y")
        await until(pilot, lambda: bool(app.model.jobs))
        (job,) = app.model.jobs
        await until(pilot, lambda: "evaluating cartpole-1" in shown(app, TopLine))
        await until(pilot, lambda: any("evaluation of cartpole-1 has begun" in notice for notice in notices(app)))
        server.do(lambda: server.daemon.end_job(job.id, "482.3 ± 3.1"))
        await until(pilot, lambda: "evaluation of cartpole-1: 482.3 ± 3.1" in notices(app))
        await until(pilot, lambda: "evaluating" not in shown(app, TopLine))
        begun = server.do(lambda: server.daemon.begin_job(CARTPOLE, "evaluate"))
        server.do(lambda: server.daemon.end_job(begun.job.id, "out of memory", state="failed"))
        await until(pilot, lambda: "evaluation of cartpole-1 failed: out of memory" in notices(app))


async def test_a_note_begins_with_the_present_one_and_can_be_taken_away(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        server.do(lambda: server.daemon.change(a_run(CARTPOLE, created_at=3e9, generation=30, note="so far [b]good")))
        await until(pilot, lambda: app.model.run is not None and bool(app.model.run.note))
        await opened(app, pilot, "N")
        area = app.screen.query_one(TextArea)
        assert area.text == "so far [b]good"
        await until(pilot, lambda: button(app).disabled)
        await pilot.press("!")
        await until(pilot, lambda: not button(app).disabled)
        area.text = "x" * 2001
        await until(pilot, lambda: "at most 2000 characters, this one 2001" in reason(app))
        area.text = ""
        await press_button(app, pilot)
        await until(pilot, lambda: not is_open(app))
        (request,) = mutations(server)
        assert isinstance(request, commands.Note)
        assert request.text == ""
        assert not re.search("traceback", " ".join(notices(app)), re.IGNORECASE)


@pytest.mark.parametrize("key", ["F", "S", "P"])
async def test_an_open_dialog_in_which_nothing_happens_draws_nothing(
    server: ProtocolServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(server) as (app, pilot):
        await filled(app, pilot, key)
        await until(pilot, lambda: not button(app).disabled)
        await pilot.pause(0.5)
        drawn: list[object] = []
        update = Static.update
        monkeypatch.setattr(Static, "update", lambda self, *args: drawn.append(self) or update(self, *args))
        await pilot.pause(1.0)
        assert drawn == []
