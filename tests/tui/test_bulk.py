"""Keys that act on what is seen: all marked runs in one dialog, no run that a filter hides, and a new run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Label, Static

from hades_protocol import commands
from hades_protocol.errors import UsageError
from hades_protocol.run_state import RunState
from hades_tui.app import HadesApp
from hades_tui.screens.bulk import BulkScreen
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.dialog import RunDialog
from hades_tui.screens.quit import QuitScreen
from hades_tui.screens.start import StartScreen
from hades_tui.widgets.run_list import RunList
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_run, serving
from tests.helpers.screen.live_screen import ANT, CARTPOLE, HOPPER, live, mutations, notices, shown, until

pytestmark = pytest.mark.slow


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[ProtocolServer]:
    """Three runs of which two are at rest."""
    runs = (
        a_run("done", RunState.FINISHED, created_at=3.0),
        a_run("busy", RunState.RUNNING, created_at=2.0),
        a_run("held", RunState.PAUSED, created_at=1.0),
    )
    with serving(tmp_path, FakeDaemon(runs=runs)) as running:
        yield running


def reason(app: HadesApp) -> str:
    return str(app.screen.query_one("#reason", Label).content)


def plan(app: HadesApp) -> str:
    return str(app.screen.query_one("#plan", Static).content)


async def marked_all(app: HadesApp, pilot: Pilot[None]) -> None:
    await pilot.press("a")
    await until(pilot, lambda: len(app.model.marked) == len(app.model.runs))


async def test_one_dialog_lists_all_marked_runs_and_sends_what_is_possible(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await marked_all(app, pilot)
        assert "3 marked: keys that change a run act on them" in str(app.query_one(RunList).border_subtitle)
        await pilot.press("C")
        assert isinstance(app.screen, BulkScreen)
        await until(pilot, lambda: str(app.screen.query_one("#yes", Button).label) == "Cancel 3 runs (y)")
        await until(pilot, lambda: plan(app) != "")
        for words in (CARTPOLE, HOPPER, ANT, "The worker commits what it has", "The run ends as cancelled."):
            assert words in plan(app)
        server.do(lambda: server.daemon.change(a_run(HOPPER, RunState.CANCELLED, created_at=2e9)))
        await until(pilot, lambda: "hopper-2 is cancelled by now, not paused" in plan(app))
        assert app.screen.query_one("#no").has_focus, "cancelling is dangerous"
        await pilot.press("y")
        await until(pilot, lambda: len(mutations(server)) == 2)
        assert {(type(r), r.run, r.expected_state) for r in mutations(server)} == {
            (commands.Cancel, CARTPOLE, RunState.RUNNING),
            (commands.Cancel, ANT, RunState.FAILED),
        }
        await until(pilot, lambda: "each of 2 runs is being cancelled" in notices(app))


async def test_a_refusal_of_one_keeps_none_of_the_others_back(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await marked_all(app, pilot)
        server.do(lambda: server.daemon.refusals.update({commands.Priority: UsageError("not today")}))
        await pilot.press("O")
        assert isinstance(app.screen, BulkScreen)
        assert app.screen.query_one("#priority", Input).has_focus
        await pilot.press("end", *["backspace"] * 3, "y")
        await until(pilot, lambda: "priority takes a whole number from -1000 to 1000, not 'y'" in reason(app))
        await pilot.press("backspace", "7", "enter")
        await until(pilot, lambda: app.screen.query_one("#yes").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: notices(app) == ["not today"] * 3)
        assert [r.priority for r in mutations(server) if isinstance(r, commands.Priority)] == [7, 7, 7]


async def test_a_dialog_with_a_field_is_sent_by_a_key_that_types_nothing(server: ProtocolServer) -> None:
    other = a_run(HOPPER, RunState.PAUSED, created_at=2e9, priority=5)
    async with live(server) as (app, pilot):
        server.do(lambda: server.daemon.change(other))
        await marked_all(app, pilot)
        await until(pilot, lambda: any(run.priority for run in app.model.runs))
        await pilot.press("O")
        assert str(app.screen.query_one("#question", Label).content) == "Set the priority of 3 runs?"
        await until(pilot, lambda: reason(app) == "Type the priority that they get.")
        button = app.screen.query_one("#yes", Button)
        assert str(button.label) == "Set the priority of 3 runs (ctrl+s)"
        await pilot.press("7")
        await until(pilot, lambda: not button.disabled)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(mutations(server)) == 3)
        assert [r.priority for r in mutations(server) if isinstance(r, commands.Priority)] == [7, 7, 7]


async def test_removals_follow_each_other_as_jobs_end(ended: ProtocolServer) -> None:
    async with live(ended) as (app, pilot):
        await marked_all(app, pilot)
        await pilot.press("D")
        await until(pilot, lambda: "busy is running: cancel or pause it before you remove it" in plan(app))
        await pilot.press("y")
        await until(pilot, lambda: [job.run for job in app.model.jobs] == ["done"])
        await pilot.pause(0.3)
        assert [r.run for r in mutations(ended)] == ["done"], "the next one waits for the end of the first"
        ended.do(lambda: ended.daemon.end_job("job-1", "3 MiB freed"))
        await until(pilot, lambda: [r.run for r in mutations(ended)] == ["done", "held"])
        ended.do(lambda: ended.daemon.end_job("job-2", "1 MiB freed"))
        await until(pilot, lambda: "removal of held: 1 MiB freed" in notices(app))


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
async def test_leaving_asks_where_confirmed_requests_are_not_begun(ended: ProtocolServer, key: str, code: int) -> None:
    async with live(ended) as (app, pilot):
        await marked_all(app, pilot)
        await pilot.press("D", "y")
        await until(pilot, lambda: [job.run for job in app.model.jobs] == ["done"])
        await pilot.press(key)
        assert isinstance(app.screen, QuitScreen)
        text = app.screen.query_one("#consequence", Label)
        await until(pilot, lambda: str(text.content) == "Not begun yet, and not done if you quit: remove 1 run.")
        await pilot.press("n")
        assert app.is_running
        await pilot.press(key, "y")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == code
    assert [r.run for r in mutations(ended)] == ["done"]


async def test_a_rule_for_checkpoints_is_typed_and_checked(ended: ProtocolServer) -> None:
    async with live(ended, run="held") as (app, pilot):
        await pilot.press("K", *"1")
        await until(pilot, lambda: "keep_newest takes an integer, at least 2" in reason(app))
        await pilot.press("backspace", "4", "tab", "tab", *"false", "enter")
        await until(pilot, lambda: app.screen.query_one("#yes").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: bool(mutations(ended)))
        (request,) = mutations(ended)
        assert isinstance(request, commands.Prune)
        assert (request.keep_newest, request.keep_every, request.keep_best) == (4, None, False)


async def test_after_a_filter_keys_act_on_the_first_match_and_never_on_what_is_hidden(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("slash", *"env:hop", "enter")
        await until(pilot, lambda: app.model.selected == HOPPER)
        await pilot.press("R")
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.asked.id == HOPPER
        await pilot.press("n", "slash", *"xyz", "enter")
        await until(pilot, lambda: app.query_one(RunList).ordered.rows == ())
        for key in "RCD":
            app.clear_notifications()
            await pilot.press(key)
            assert notices(app) == [f"The filter hides {HOPPER}: escape in the list shows all runs. Nothing was sent."]
        app.go_to(ANT)
        await until(pilot, lambda: app.model.selected == ANT and ANT in shown(app, RunList))
    assert mutations(server) == []


async def test_a_run_is_started_with_the_presets_values_where_nothing_is_typed(server: ProtocolServer) -> None:
    server.daemon.preset = {"preset": "cpu", "dataset": {"pairs": 4}, "evolution": {"generations": 300}}
    server.daemon.notes = ("no GPU found",)
    async with live(server, size=(80, 24)) as (app, pilot):
        await pilot.press("B")
        assert isinstance(app.screen, StartScreen)
        assert app.screen.query_one("#environment", Input).value == "CartPole-v1", "as the selected run"
        answer = app.screen.query_one("#answer", Static)
        await until(pilot, lambda: "CartPole-v1 with hades-r, 4 pairs" in str(answer.content))
        assert "no GPU found" in str(answer.content)
        assert app.screen.query_one("#pairs", Input).placeholder == "4"
        app.screen.query_one("#pairs", Input).focus()
        await pilot.press(*"x")
        await until(pilot, lambda: "dataset.pairs takes an integer" in reason(app))
        await pilot.press("backspace", *"6")
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"six pairs")
        await until(pilot, lambda: "'six pairs' cannot name a run" in reason(app))
        await pilot.press(*["backspace"] * 6)
        app.screen.query_one("#others", Input).focus()
        await pilot.press(*"sigma=.2")
        await until(pilot, lambda: "6 pairs" in str(answer.content))
        button = app.screen.query_one("#yes", Button)
        await until(pilot, lambda: not button.disabled)
        assert app.screen.region.contains_region(button.region)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.model.selected == "new-3")
        (request,) = [r for r in server.requests if isinstance(r, commands.Start)]
        assert (request.spec["dataset"]["pairs"], request.spec["evolution"]["sigma"]) == (6, 0.2)
        assert (request.session, request.name, request.group, request.priority) == ("session-1", "six", "", 0)
        assert "new-3 is queued" in notices(app)


async def test_a_readonly_screen_starts_nothing(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        await pilot.press("B")
        assert notices(app) == ["This screen is read-only: start is not possible here. Nothing was sent."]
        assert len(app.screen_stack) == 1


async def test_keys_that_arrive_together_act_in_their_order(server: ProtocolServer) -> None:
    """As over a slow line: a mark and a selection are made before the next key is looked at."""
    async with live(server) as (app, pilot):
        for key in ("j", "N"):
            app.simulate_key(key)
        await until(pilot, lambda: isinstance(app.screen, RunDialog))
        assert app.screen.asked.id == HOPPER
        await pilot.press("escape")
        for key in ("a", "C"):
            app.simulate_key(key)
        await until(pilot, lambda: isinstance(app.screen, BulkScreen))
        assert len(app.screen.runs) == 3
