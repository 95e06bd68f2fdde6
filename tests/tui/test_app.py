"""Every key, on a screen that is attached to real sockets."""

import itertools
import time
from pathlib import Path

import pytest
from textual.widgets import Label

from hades_protocol import commands
from hades_protocol.errors import InternalError
from hades_protocol.messages import DatasetSnapshot
from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.help import HelpScreen
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.pairs_panel import PairsPanel
from hades_tui.widgets.run_details_panel import RunDetailsPanel
from hades_tui.widgets.run_list import RunList
from hades_tui.widgets.top import TopLine
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving
from tests.helpers.screen.live_screen import (
    ANT,
    CARTPOLE,
    HOPPER,
    live,
    mutations,
    notices,
    rows,
    shown,
    three_runs,
    until,
)

pytestmark = pytest.mark.slow


async def test_the_screen_shows_runs_curve_and_pairs(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await until(pilot, lambda: "cart position" in shown(app, PairsPanel))
        await until(pilot, lambda: "● live" in shown(app, TopLine))
        await until(pilot, lambda: "3 runs · 1 running" in shown(app, TopLine))
        await until(pilot, lambda: ANT in shown(app, RunList))
        listed = rows(app.query_one(RunList))[1:4]
        for line, words in zip(
            listed, (("● running", CARTPOLE, "30/400"), ("‖ paused", HOPPER, "812/400"), ("✘ failed", ANT)), strict=True
        ):
            assert all(word in line for word in words)
        curve = shown(app, FitnessPanel)
        assert "● running  30/400" in curve
        assert "│" in curve
        assert any("⠀" < character <= "⣿" for character in curve)
        await until(pilot, lambda: "population          128" in shown(app, RunDetailsPanel))


async def test_live_generations_move_numbers_and_curve(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        before = shown(app, FitnessPanel)
        server.do(lambda: server.daemon.commit(CARTPOLE, 4321.0))
        await until(pilot, lambda: "mean 4321" in shown(app, FitnessPanel))
        assert shown(app, FitnessPanel) != before
        await until(pilot, lambda: "31/400" in shown(app, RunList))


async def test_live_pairs_replace_the_ones_on_screen(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await until(pilot, lambda: "-0.000" in shown(app, PairsPanel) or "+0.000" in shown(app, PairsPanel))
        server.do(lambda: server.daemon.publish_dataset(CARTPOLE, a_dataset(99, 6)))
        await until(pilot, lambda: "generation 99" in str(app.query_one(PairsPanel).border_title))
        await until(pilot, lambda: "+0.690" in shown(app, PairsPanel))


@pytest.mark.parametrize(("down", "up"), [("down", "up"), ("j", "k")])
async def test_selecting_a_run_asks_for_its_history_and_pairs(server: ProtocolServer, down: str, up: str) -> None:
    async with live(server) as (app, pilot):
        await pilot.press(down)
        assert app.model.selected == HOPPER
        await until(pilot, lambda: HOPPER in app.model.histories)
        await until(pilot, lambda: any(isinstance(r, commands.Dataset) and r.run == HOPPER for r in server.requests))
        assert HOPPER in str(app.query_one(FitnessPanel).border_title)
        await pilot.press(down, down)
        assert app.model.selected == ANT
        await pilot.press(up, up, up)
        assert app.model.selected == CARTPOLE


async def test_ends_of_the_list(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("G")
        assert app.model.selected == ANT
        await pilot.press("g")
        assert app.model.selected == CARTPOLE


async def test_a_click_selects(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.click(RunList, offset=(20, 4))  # border, titles, then the third run
        await until(pilot, lambda: app.model.selected == ANT)


async def test_method_es_has_no_pairs_and_a_failed_run_its_reason(server: ProtocolServer) -> None:
    async with live(server, run=ANT) as (app, pilot):
        await until(pilot, lambda: "Method es evolves a policy directly" in shown(app, PairsPanel))
        await until(pilot, lambda: "✘ out of memory" in shown(app, FitnessPanel))


@pytest.mark.parametrize(
    ("key", "run", "action", "question", "after"),
    [
        ("P", CARTPOLE, commands.Pause, "Pause cartpole-1?", RunState.PAUSING),
        ("R", HOPPER, commands.Resume, "Resume hopper-2?", RunState.QUEUED),
        ("C", CARTPOLE, commands.Cancel, "Cancel cartpole-1?", RunState.CANCELLING),
    ],
)
async def test_a_capital_asks_and_then_does_it(
    server: ProtocolServer, key: str, run: str, action: type[commands.Mutation], question: str, after: RunState
) -> None:
    async with live(server, run=run) as (app, pilot):
        assert app.model.run is not None
        before = app.model.run.state
        await pilot.press(key)
        assert isinstance(app.screen, ConfirmScreen)
        assert str(app.screen.query_one("#question", Label).content) == question
        assert mutations(server) == []
        await pilot.press("y")
        await until(pilot, lambda: app.model.run is not None and app.model.run.state is after)
        (request,) = mutations(server)
        assert isinstance(request, action)
        assert (request.run, request.expected_state) == (run, before)
        await until(pilot, lambda: any(notice.startswith(run) for notice in notices(app)))


async def test_a_refused_confirmation_does_nothing(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        for key, no in itertools.product("PC", ("n", "escape", "q")):
            await pilot.press(key)
            assert isinstance(app.screen, ConfirmScreen), key
            await pilot.press(no)
            assert not isinstance(app.screen, ConfirmScreen), no
            assert app.is_running
            await pilot.pause(0.1)
            assert mutations(server) == []


async def test_enter_pauses_but_does_not_cancel(server: ProtocolServer) -> None:
    async with live(server) as (_, pilot):
        await pilot.press("C", "enter")
        await pilot.pause(0.1)
        assert mutations(server) == []
        await pilot.press("C", "right", "enter")
        await until(pilot, lambda: [type(m) for m in mutations(server)] == [commands.Cancel])


async def test_a_small_letter_changes_nothing(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("p", "r", "c")
        assert len(app.screen_stack) == 1
        assert mutations(server) == []


async def test_a_daemon_that_refuses_is_quoted(server: ProtocolServer) -> None:
    """The run paused on its own while the dialog was open: the daemon sees the state that was expected."""
    async with live(server) as (app, pilot):
        server.do(lambda: setattr(server, "_heartbeat", 3600.0))  # which would tell the screen that it missed something
        await pilot.press("P")
        server.lose(lambda: server.daemon.change(a_run(CARTPOLE, RunState.PAUSED)))
        await pilot.press("y")
        await until(pilot, lambda: "cartpole-1 is paused by now, not running" in notices(app))


async def test_readonly_has_no_keys_that_change_a_run(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        await until(pilot, lambda: "read-only" in shown(app, TopLine))
        await pilot.press("P", "C")
        await pilot.press("down", "R")
        assert not isinstance(app.screen, ConfirmScreen)
        assert not {"P", "R", "C"} & set(app.screen.active_bindings)
        assert mutations(server) == []


async def test_the_footer_shows_the_keys(server: ProtocolServer) -> None:
    async with live(server) as (app, _):
        assert {"P", "R", "C", "tab", "l", "z", "question_mark", "q"} <= set(app.screen.active_bindings)


async def test_help_opens_and_closes(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        for close in ("question_mark", "escape", "q", "enter"):
            await pilot.press("question_mark")
            assert isinstance(app.screen, HelpScreen)
            await pilot.press(close)
            assert not isinstance(app.screen, HelpScreen), close
            assert app.is_running


@pytest.mark.parametrize(("last", "first"), [("end", "home"), ("G", "g")])
async def test_ends_of_the_help(server: ProtocolServer, last: str, first: str) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        await pilot.press("question_mark")
        page = app.screen.query_one("#help")
        await until(pilot, lambda: page.max_scroll_y > 0)
        await pilot.press(last)
        await until(pilot, lambda: page.scroll_offset.y == page.max_scroll_y)
        await pilot.press(first)
        await until(pilot, lambda: page.scroll_offset.y == 0)


async def test_q_quits_and_touches_no_run(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert mutations(server) == []
    assert server.daemon.runs[CARTPOLE].state is RunState.RUNNING


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
async def test_leaving_has_the_documented_exit_code(server: ProtocolServer, key: str, code: int) -> None:
    async with live(server) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == code


async def test_tab_goes_round_the_panels(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        visited = []
        for _ in range(4):
            assert app.focused is not None
            visited.append(app.focused.id)
            await pilot.press("tab")
        assert visited == ["runs", "fitness", "pairs", "runs"]


async def test_l_changes_the_scale(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        # The details arrive last, and their lines decide how high the curve is.
        await until(pilot, lambda: "population          128" in shown(app, RunDetailsPanel))
        await pilot.pause(0.1)
        linear = shown(app, FitnessPanel)
        await pilot.press("l")
        await until(pilot, lambda: shown(app, FitnessPanel) != linear)
        await pilot.press("l")
        await until(pilot, lambda: shown(app, FitnessPanel) == linear)


@pytest.mark.parametrize("tabs", [0, 1, 2])
async def test_z_lets_a_panel_fill_the_screen(server: ProtocolServer, tabs: int) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        await pilot.press(*["tab"] * tabs)
        assert app.focused is not None
        panel = app.focused
        before = 0
        while panel.size.height != before:  # the layout may not have come to rest
            before = panel.size.height
            await pilot.pause(0.3)
        await pilot.press("z")
        await until(pilot, lambda: panel.size.height == 24 - 2 - 2)
        await pilot.press("z")
        await until(pilot, lambda: panel.size.height == before)


async def test_the_pairs_scroll_both_ways_and_keep_number_and_label(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        server.do(lambda: server.daemon.publish_dataset(CARTPOLE, a_dataset(31, 40)))
        await until(pilot, lambda: "40 pairs" in str(app.query_one(PairsPanel).border_title))
        await pilot.press("tab", "tab", "down", "down", "right")
        pairs = app.query_one(PairsPanel)
        await until(pilot, lambda: pairs.scroll_offset.y > 0 and pairs.scroll_offset.x == 8)
        lines = rows(pairs)
        assert lines[0].startswith(" # action")
        assert lines[1].split()[:2] == [
            str(pairs.scroll_offset.y),
            "left" if pairs.scroll_offset.y % 2 == 0 else "right",
        ]
        assert app.model.selected == CARTPOLE
        for _ in range(12):
            await pilot.press("right")
        assert pairs.scroll_offset.x == pairs.max_scroll_x
        assert rows(pairs)[0].endswith("p right")


async def test_a_new_run_appears_by_itself_on_an_empty_screen(tmp_path: Path) -> None:
    with serving(tmp_path, FakeDaemon()) as server:
        async with live(server) as (app, pilot):
            await until(pilot, lambda: "hadesd start --env CartPole-v1" in shown(app, FitnessPanel))
            assert "B starts one here, and in another terminal:" in shown(app, FitnessPanel)
            await pilot.press("P", "down")
            assert notices(app) == ["There is no run."]
            server.do(lambda: server.daemon.change(a_run("first")))
            await until(pilot, lambda: app.model.selected == "first" and app.model.history.loaded)
            await until(pilot, lambda: "first" in shown(app, RunList))


async def test_a_history_that_fails_is_said_and_tried_again(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        hidden = server.do(lambda: server.daemon.metrics.pop(HOPPER))
        await pilot.press("down")
        await until(pilot, lambda: len(notices(app)) == 1)
        server.do(lambda: server.daemon.metrics.update({HOPPER: hidden}))
        await until(pilot, lambda: app.model.history.loaded)


async def test_a_daemon_that_is_away_is_told_in_the_panels_and_asked_when_it_is_back(tmp_path: Path) -> None:
    with serving(tmp_path, three_runs()) as server:
        context = live(server)
        app, pilot = await context.__aenter__()
    await until(pilot, lambda: app.model.link.phase is LinkPhase.STALE)
    await pilot.press("down")
    await until(pilot, lambda: "The daemon is away: its history is read later." in shown(app, FitnessPanel))
    assert "The daemon is away: its pairs are read later." in shown(app, PairsPanel)
    await until(pilot, lambda: app._unread)
    assert notices(app) == []
    daemon = three_runs()
    daemon.session = "session-2"
    with serving(tmp_path, daemon):
        await until(pilot, lambda: app.model.selected == HOPPER and app.model.history.loaded)
        assert notices(app) == []
        await context.__aexit__(None, None, None)


async def test_what_could_not_be_read_is_asked_for_when_the_link_is_back(server: ProtocolServer) -> None:
    """The same session without a gap in its events: no snapshot comes."""
    async with live(server) as (app, pilot):
        server.do(lambda: setattr(server, "_heartbeat", 3600.0))
        await until(pilot, lambda: app.model.link.phase is LinkPhase.STALE)
        hidden = server.do(lambda: server.daemon.metrics.pop(HOPPER))
        await pilot.press("down")
        await until(pilot, lambda: app._unread)
        server.do(lambda: server.daemon.metrics.update({HOPPER: hidden}))
        server.do(server.daemon.heartbeat)
        await until(pilot, lambda: app.model.selected == HOPPER and app.model.history.loaded)
        assert notices(app) == []


async def test_pairs_that_fail_are_said_and_asked_for_again(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(server) as (app, pilot):
        ask, asked = app._connection.dataset, []

        async def fails_at_first(run: str) -> DatasetSnapshot:
            asked.append(run)
            if len(asked) == 1:
                raise InternalError("the disk is away")
            return await ask(run)

        monkeypatch.setattr(app._connection, "dataset", fails_at_first)
        server.do(lambda: server.daemon.datasets.update({HOPPER: server.daemon.datasets[CARTPOLE]}))
        await pilot.press("down")
        await until(pilot, lambda: notices(app) == ["the disk is away"])
        await until(pilot, lambda: app.model.selected == HOPPER and app.model.dataset is not None)
        assert asked == [HOPPER, HOPPER]


async def test_stale_then_live_with_another_daemon_and_no_key(tmp_path: Path) -> None:
    with serving(tmp_path, three_runs()) as server:
        context = live(server)
        app, pilot = await context.__aenter__()
    await until(pilot, lambda: "▲ stale for" in shown(app, TopLine))
    await until(pilot, lambda: "reconnects by itself" in shown(app, TopLine))
    with serving(tmp_path, FakeDaemon("session-2", (a_run("later"),))):
        await until(pilot, lambda: "● live" in shown(app, TopLine))
        await until(pilot, lambda: app.model.selected == "later" and "later" in shown(app, RunList))
        await context.__aexit__(None, None, None)


async def test_a_stopped_daemon_is_stale_at_once(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        server.do(lambda: setattr(server, "_heartbeat", 60.0))
        await pilot.pause(0.2)
        server.do(server.daemon.goodbye)
        await until(pilot, lambda: "the daemon was stopped" in shown(app, TopLine))


async def test_events_are_painted_together(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred generations in a moment are a handful of paintings."""
    async with live(server) as (app, pilot):
        built = []
        build = FitnessPanel.build
        monkeypatch.setattr(FitnessPanel, "build", lambda self, size: built.append(1) or build(self, size))
        began = time.monotonic()
        for _ in range(100):
            server.do(lambda: server.daemon.commit(CARTPOLE))
        await until(pilot, lambda: "130/400" in shown(app, RunList))
        assert len(built) <= 3 + (time.monotonic() - began) / 0.2


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (80, 24), (120, 40), (160, 45), (200, 60)])
async def test_every_size_can_be_drawn(server: ProtocolServer, size: tuple[int, int]) -> None:
    async with live(server, size=size) as (app, pilot):
        await pilot.press("question_mark", "escape", "P", "escape", "z", "z", "l")
        assert app.is_running
        assert "● live" in shown(app, TopLine) or size[0] < 24


async def test_no_color_leaves_no_colour(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with live(server) as (app, pilot):
        assert app.no_color
        assert app.native_ansi_color
        await pilot.press("P")
        assert isinstance(app.screen, ConfirmScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_panels_keep_their_size_whichever_run_is_selected(server: ProtocolServer, size: tuple[int, int]) -> None:
    """A running one with pairs, a paused one without, and a failed one that never has any."""
    async with live(server, size=size) as (app, pilot):
        seen = set()
        for run in (CARTPOLE, HOPPER, ANT):
            app.go_to(run)
            await until(pilot, lambda run=run: app.query_one(RunDetailsPanel).model.selected == run)  # type: ignore[misc]
            await pilot.pause()
            seen.add(tuple(widget.region for widget in app.screen.query("#fitness, #pairs, #details")))
        assert len(seen) == 1
