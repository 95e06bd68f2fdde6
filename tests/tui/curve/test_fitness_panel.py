"""The curve under keys and mouse, on real sockets."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from hades_protocol import commands
from hades_protocol.messages import Lineage, Mark
from hades_protocol.run_state import RunState
from hades_tui.app import HadesApp
from hades_tui.curve.viewport import Axis
from hades_tui.state.model import apply
from hades_tui.widgets.fitness_panel import FitnessPanel
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_run, serving
from tests.helpers.screen.live_screen import live, notices, shown, until

pytestmark = pytest.mark.slow

LONG, OTHER, OLD = "long-1", "other-2", "old-3"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[ProtocolServer]:
    """A run of six thousand generations, more than are loaded at first, a fork of an old one; and another."""
    daemon = FakeDaemon(
        runs=(
            a_run(LONG, created_at=3e9, generations=9000, parent=Lineage(run=OLD, generation=5)),
            a_run(OTHER, created_at=2e9),
            a_run(OLD, RunState.PAUSED, created_at=1e9),
        )
    )
    for g in range(1, 6001):
        daemon.commit(LONG, 300.0 - 250.0 * math.exp(-g / 900.0) + 20.0 * math.sin(g))
    for g in range(1, 41):
        daemon.commit(OTHER, 5.0 * g)
        daemon.commit(OLD, 4.0 * g)
    daemon.marks[LONG] = (Mark(generation=6000, kind="resize", text="pairs 4 → 8"),)
    with serving(tmp_path, daemon) as server:
        yield server


async def focused(app: HadesApp, pilot: Pilot[None]) -> FitnessPanel:
    panel = app.query_one(FitnessPanel)
    panel.focus()
    await until(pilot, lambda: bool(panel.drawn.picture.lines) and OLD in panel.drawn.curves)
    return panel


async def rested(pilot: Pilot[None], panel: FitnessPanel) -> None:
    """Nothing is about to be asked any more."""
    await until(pilot, lambda: panel._rest is None)
    await pilot.pause(0.6)


def histories(server: ProtocolServer, run: str) -> list[commands.History]:
    return [r for r in server.requests if isinstance(r, commands.History) and r.run == run]


def subtitle(panel: FitnessPanel) -> str:
    return str(panel.border_subtitle)


async def test_plus_and_minus_zoom_and_0_shows_all_again(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        before = shown(app, FitnessPanel)
        await pilot.press("plus")
        assert panel.view.reach == pytest.approx((1500.75, 4500.25))
        assert "1501 to 4500" in subtitle(panel)
        assert shown(app, FitnessPanel) != before
        await pilot.press("plus", "minus", "minus")
        assert panel.view.reach is None
        await pilot.press("equals_sign", "0")
        assert panel.view.reach is None
        await until(pilot, lambda: shown(app, FitnessPanel) == before)


async def test_a_close_look_asks_for_finer_points_once_and_shows_them(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        assert len(histories(runs, LONG)) == 1
        await pilot.press("home", "plus", "plus", "plus", "plus", "plus")
        await until(pilot, lambda: app.model.detail is not None)
        assert panel.view.reach is not None
        low, high = panel.view.reach
        await until(pilot, lambda: len([x for x in panel.drawn.curves[LONG].xs if low <= x <= high]) > 180)
        await rested(pilot, panel)
        asked = histories(runs, LONG)[1:]
        assert asked[-1].upto is not None
        assert asked[-1].after < low < high < asked[-1].upto
        await rested(pilot, panel)
        assert len(histories(runs, LONG)) == 1 + len(asked), "there is nothing finer"
        await pilot.press("right", "right")
        assert panel.view.cursor is not None
        await until(pilot, lambda: f"generation {panel.view.cursor:.0f} " in shown(app, FitnessPanel))


async def test_finer_points_that_cannot_be_had_are_said_and_the_curve_stays(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        hidden = runs.do(lambda: runs.daemon.metrics.pop(LONG))
        await pilot.press("plus", "plus", "plus", "plus", "plus")
        await until(pilot, lambda: bool(notices(app)))
        await until(pilot, lambda: "│" in shown(app, FitnessPanel))
        await rested(pilot, panel)
        said = len(notices(app))
        await rested(pilot, panel)
        assert len(notices(app)) == said, "the same is not asked for again and again"
        runs.do(lambda: runs.daemon.metrics.update({LONG: hidden}))
        await pilot.press("plus")
        await until(pilot, lambda: app.model.detail is not None)


async def test_the_cursor_reads_and_escape_takes_it_away(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        assert "generation 6000" not in shown(app, FitnessPanel)
        await pilot.press("end")
        await until(pilot, lambda: "generation 6000  R pairs 4 → 8" in shown(app, FitnessPanel))
        await pilot.press("left")
        assert panel.view.cursor is not None
        one_column = panel.view.cursor
        assert one_column < 6000.0
        await pilot.press("comma")
        assert panel.view.cursor < one_column
        await pilot.press("full_stop")
        assert panel.view.cursor == one_column
        await pilot.press("escape")
        assert panel.view.cursor is None
        await until(pilot, lambda: "generation 6000" not in shown(app, FitnessPanel))


async def test_shift_and_arrows_pan_and_the_newest_is_followed(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        await pilot.press("plus", "plus", *["shift+right"] * 9)
        assert panel.view.following
        assert ", following" in subtitle(panel)
        runs.do(lambda: runs.daemon.commit(LONG, 300.0))
        await until(pilot, lambda: panel.drawn.picture.high == 6001.0)
        await pilot.press("shift+left")
        assert not panel.view.following
        high = panel.drawn.picture.high
        runs.do(lambda: runs.daemon.commit(LONG, 300.0))
        await until(pilot, lambda: panel.drawn.curves[LONG].xs[-1] == 6002.0)
        assert panel.drawn.picture.high == high


async def test_x_changes_the_axis_and_keeps_what_is_in_sight(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        await pilot.press("plus", "x")
        assert panel.view.axis is Axis.STEPS
        assert panel.view.reach == pytest.approx((1500.75 * 12_800, 4500.25 * 12_800), rel=1e-3)
        assert "by environment steps" in subtitle(panel)
        await pilot.press("x")
        assert "by wall time since the first commit" in subtitle(panel)
        await pilot.press("x")
        assert panel.view.reach == pytest.approx((1500.75, 4500.25), rel=1e-3)


async def test_m_and_l_are_said_below_the_curve(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        usual = shown(app, FitnessPanel)
        await pilot.press("m")
        assert "median of 9 columns" in subtitle(panel)
        assert shown(app, FitnessPanel) != usual
        await pilot.press("m")
        assert "median of 25 columns" in subtitle(panel)
        await pilot.press("m", "l")
        assert "log" in subtitle(panel)
        await pilot.press("l")
        await until(pilot, lambda: shown(app, FitnessPanel) == usual)


async def test_wheel_drag_and_click(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        middle = (panel.size.width // 2 + 2, panel.size.height - 8)
        about = panel.drawn.picture.x(middle[0] - 2)
        for _ in range(4):
            await pilot._post_mouse_events([_wheel("up")], panel, offset=middle)
        assert panel.view.reach is not None
        low, high = panel.view.reach
        assert high - low == pytest.approx(5999.0 * 0.8**4)
        assert low < about < high
        await pilot.mouse_down(panel, offset=middle)
        await pilot.hover(panel, offset=(middle[0] + 10, middle[1]))
        await pilot.mouse_up(panel, offset=(middle[0] + 10, middle[1]))
        assert panel.view.reach is not None
        moved = (high - low) * 10 / (panel.drawn.picture.width - 1)
        assert panel.view.reach == pytest.approx((low - moved, high - moved))
        assert panel.view.cursor is None, "a drag is no click"
        await pilot.click(panel, offset=middle)
        assert panel.view.cursor is not None
        assert panel.view.cursor == pytest.approx(about - moved, abs=(high - low) / 20)
        await pilot._post_mouse_events([_wheel("down")], panel, offset=middle)
        assert panel.view.reach[1] - panel.view.reach[0] == pytest.approx(high - low, rel=0.3)


def _wheel(way: str) -> type:
    from textual import events

    return events.MouseScrollUp if way == "up" else events.MouseScrollDown


async def test_another_run_is_seen_whole_with_the_same_axis(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = await focused(app, pilot)
        await pilot.press("x", "plus", "home", "shift+tab", "down")
        await until(pilot, lambda: app.model.selected == OTHER and OTHER in panel.drawn.curves)
        assert (panel.view.reach, panel.view.cursor, panel.view.axis) == (None, None, Axis.STEPS)


async def test_marked_runs_and_the_parent_are_loaded_and_drawn(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        panel = app.query_one(FitnessPanel)
        await until(pilot, lambda: OLD in panel.drawn.curves)
        await until(pilot, lambda: "parent " + OLD in shown(app, FitnessPanel))
        await pilot.press("down", "space", "up")
        await until(pilot, lambda: "1 " + OTHER in shown(app, FitnessPanel))
        assert [len(histories(runs, run)) for run in (OTHER, OLD)] == [1, 1]
        runs.do(lambda: runs.daemon.commit(OTHER, 77.0))
        await until(pilot, lambda: panel.drawn.curves[OTHER].mean.ys[-1] == 77.0)
        await pilot.press("down", "space", "up")
        await until(pilot, lambda: "1 " + OTHER not in shown(app, FitnessPanel))


async def test_a_marked_run_that_cannot_be_read_is_tried_again(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        await until(pilot, lambda: OLD in app.model.histories and app.model.histories[OLD].loaded)
        hidden = runs.do(lambda: runs.daemon.metrics.pop(OLD))
        app.model = apply(app.model, runs.daemon.snapshot())  # everything is asked for again
        await until(pilot, lambda: len(histories(runs, OLD)) >= 2)
        runs.do(lambda: runs.daemon.metrics.update({OLD: hidden}))
        await until(pilot, lambda: app.model.histories[OLD].loaded)
        assert notices(app) == []


async def test_a_new_worker_makes_the_screen_read_the_curve_again(runs: ProtocolServer) -> None:
    async with live(runs) as (app, pilot):
        run = runs.daemon.runs[LONG]
        for state in (RunState.STARTING, RunState.RUNNING):
            fields = {"generation": run.generation, "created_at": run.created_at}
            runs.do(lambda state=state, fields=fields: runs.daemon.change(a_run(LONG, state, **fields)))  # type: ignore[misc]
        await until(pilot, lambda: len(histories(runs, LONG)) == 2 and app.model.history.loaded)


@pytest.mark.parametrize("size", [(24, 8), (40, 12), (80, 24), (200, 60)])
async def test_keys_work_at_every_size(runs: ProtocolServer, size: tuple[int, int]) -> None:
    async with live(runs, size=size) as (app, pilot):
        panel = app.query_one(FitnessPanel)
        panel.focus()
        await pilot.press("plus", "left", "right", "shift+left", "m", "x", "x", "x", "minus", "0", "end", "escape", "z")
        assert app.is_running
        assert panel.view.cursor is None


async def test_keys_without_a_run_do_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, FakeDaemon()) as server:
        async with live(server) as (app, pilot):
            app.query_one(FitnessPanel).focus()
            await pilot.press("plus", "left", "x", "m", "end", "0")
            await pilot.click(FitnessPanel, offset=(10, 10))
            assert app.is_running


async def test_keys_over_a_run_that_committed_nothing_move_the_marked_ones(tmp_path: Path) -> None:
    daemon = FakeDaemon(
        runs=(a_run(LONG, RunState.CANCELLED, created_at=3e9, generation=0), a_run(OTHER, created_at=2e9))
    )
    for g in range(1, 41):
        daemon.commit(OTHER, 5.0 * g)
    with serving(tmp_path, daemon) as server:
        async with live(server) as (app, pilot):
            panel = app.query_one(FitnessPanel)
            await pilot.press("down", "space", "up")
            await until(pilot, lambda: "1 " + OTHER in shown(app, FitnessPanel))
            panel.focus()
            await pilot.press("plus", "left", "comma", "home", "end", "shift+left")
            assert panel.view.reach is not None
            assert panel.view.cursor is None
            await pilot.press("x", "x", "x", "m", "0")
            await pilot.click(FitnessPanel, offset=(30, 12))
            assert panel.drawn.picture.lines
