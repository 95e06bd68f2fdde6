"""The list's keys, and that only what changed is drawn, on a screen that is attached to real sockets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from hades_protocol.messages import GpuInfo, GpuProcess, Lineage
from hades_protocol.run_state import RunState
from hades_tui.runs.ordering import Grouping
from hades_tui.widgets import run_list
from hades_tui.widgets.filter_line import FilterLine
from hades_tui.widgets.gpus_panel import GpusPanel
from hades_tui.widgets.run_list import RunList
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_run, serving
from tests.helpers.screen.live_screen import ANT, CARTPOLE, HOPPER, live, mutations, notices, rows, shown, until

GIB = 2**30


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[ProtocolServer]:
    """A run, a fork of it, a fork of the fork, and one whose parent is gone; two of them in a group."""
    daemon = FakeDaemon(
        runs=(
            a_run("root", created_at=4.0, fitness_mean=1.0),
            a_run("fork", parent=Lineage(run="root", generation=7), created_at=3.0, fitness_mean=9.0, group="sizes"),
            a_run("leaf", parent=Lineage(run="fork", generation=8), created_at=2.0, fitness_mean=5.0, group="sizes"),
            a_run("lone", parent=Lineage(run="gone", generation=9), created_at=1.0),
        )
    )
    with serving(tmp_path, daemon) as running:
        yield running


def listed(runs: RunList) -> list[str]:
    return [row.key for row in runs.ordered.rows]


async def test_the_filter_narrows_while_it_is_typed(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        runs = app.query_one(RunList)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, FilterLine))
        await pilot.press(*"state:p")
        await until(pilot, lambda: listed(runs) == [HOPPER])
        assert "1 of 3 with 'state:p'" in str(runs.border_title)
        await until(pilot, lambda: app.model.selected == HOPPER)
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is runs and not runs.filter_line.display)
        assert "hides" not in str(runs.border_title)
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(runs)) == 3)
        assert str(runs.border_title) == "Runs"
        assert app.query_one(FilterLine).value == ""
        assert app.model.selected == HOPPER


async def test_a_filter_names_the_fields_that_there_are(server: ProtocolServer) -> None:
    async with live(server, size=(80, 24)) as (app, pilot):
        runs, fields = app.query_one(RunList), "id, env, method, state, group, name, tag, note"
        assert f"words in {fields};" in runs.filter_line.placeholder
        await pilot.press("slash", *"foo:tiny")
        await until(pilot, lambda: f"No field 'foo': {fields}." in shown(app, RunList))


async def test_letters_in_the_filter_are_letters(server: ProtocolServer) -> None:
    """q does not quit, P asks nothing, s sorts nothing; escape ends it with all runs."""
    async with live(server) as (app, pilot):
        runs = app.query_one(RunList)
        await pilot.press("slash", *"qPs")
        await until(pilot, lambda: app.query_one(Input).value == "qPs" and listed(runs) == [])
        await until(pilot, lambda: "No run has 'qPs'. Escape shows them all." in shown(app, RunList))
        assert app.is_running
        assert len(app.screen_stack) == 1
        assert runs.order.sort == "created"
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is runs and len(listed(runs)) == 3)


async def test_sorting_keeps_the_selection(forks: ProtocolServer) -> None:
    async with live(forks, run="leaf") as (app, pilot):
        runs = app.query_one(RunList)
        await pilot.press("s", "s", "s")
        await until(pilot, lambda: listed(runs) == ["fork", "leaf", "root", "lone"])
        assert str(runs.border_subtitle) == "by mean"
        await pilot.press("r")
        await until(pilot, lambda: listed(runs) == ["root", "leaf", "fork", "lone"])
        assert str(runs.border_subtitle) == "by mean, reversed"
        assert app.model.selected == "leaf"
        forks.do(lambda: forks.daemon.commit("leaf", -3.0))
        await until(pilot, lambda: listed(runs) == ["leaf", "root", "fork", "lone"])
        assert app.model.selected == "leaf"
        assert next(line for line in rows(runs) if "leaf" in line).startswith("▌")
        await pilot.press("down")
        assert app.model.selected == "root"


async def test_groups_and_lineage_fold(forks: ProtocolServer) -> None:
    async with live(forks, run="leaf") as (app, pilot):
        runs = app.query_one(RunList)
        await pilot.press("b")
        await until(pilot, lambda: runs.order.grouping is Grouping.GROUP)
        assert listed(runs) == ["group:sizes", "fork", "leaf", "group:", "root", "lone"]
        await until(pilot, lambda: "▾ sizes  2 runs: 2 running" in shown(app, RunList))
        await pilot.press("left")
        await until(pilot, lambda: listed(runs) == ["group:sizes", "group:", "root", "lone"])
        assert app.model.selected == "leaf"
        assert rows(runs)[1].startswith("▌ ▸ sizes")
        assert runs.heading == ("fork", "leaf"), "keys act on what the heading stands for"
        await pilot.press("enter", "b")
        await until(pilot, lambda: listed(runs) == ["root", "fork", "leaf", "lone"])
        for text in ("└ ▾ fork", "  └ leaf", "from gone@9 (removed)"):  # the last when the list has grown
            await until(pilot, lambda text=text: text in shown(app, RunList))  # type: ignore[misc]
        await pilot.press("g", "left")
        await until(pilot, lambda: listed(runs) == ["root", "lone"])
        await until(pilot, lambda: "▸ root +2" in shown(app, RunList))
        assert app.model.selected == "root"
        await pilot.press("right", "b")
        await until(pilot, lambda: runs.order.grouping is Grouping.NONE)
        assert len(listed(runs)) == 4


async def test_a_click_on_a_heading_folds_the_group(forks: ProtocolServer) -> None:
    async with live(forks) as (app, pilot):
        runs = app.query_one(RunList)
        await pilot.press("b")
        await until(pilot, lambda: "▾ sizes" in shown(app, RunList) and runs.scroll_offset.y == 0)
        await pilot.click(RunList, offset=(10, 2))
        await until(pilot, lambda: "fork" not in listed(runs))


async def test_space_marks_a_run(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: rows(app.query_one(RunList))[1].startswith("▌*"))
        assert app.model.marked == {CARTPOLE}
        await pilot.press("space")
        await until(pilot, lambda: app.model.marked == frozenset())
        assert mutations(server) == []
        assert notices(app) == []


async def test_only_the_line_that_changed_is_drawn(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live(server, size=(160, 40)) as (app, pilot):
        await until(pilot, lambda: app.model.history.loaded)
        server.do(lambda: server.daemon.commit(CARTPOLE))
        await until(pilot, lambda: "31/400" in shown(app, RunList))
        drawn: list[str] = []
        line_of = run_list.table.line_of
        monkeypatch.setattr(
            run_list.table,
            "line_of",
            lambda row, *rest, **fields: drawn.append(row.key) or line_of(row, *rest, **fields),
        )
        server.do(lambda: server.daemon.commit(CARTPOLE))
        await until(pilot, lambda: "32/400" in shown(app, RunList))
        assert set(drawn) == {CARTPOLE}


async def test_gpus_have_a_panel_where_there_are_any(server: ProtocolServer) -> None:
    alice = GpuProcess(pid=2, user="alice", memory=12 * GIB, other=True)
    gpu = GpuInfo(
        index=0, uuid="GPU-0", name="NVIDIA H100", memory_total=80 * GIB, memory_used=12 * GIB, processes=(alice,)
    )
    async with live(server) as (app, pilot):
        panel = app.query_one(GpusPanel)
        assert not panel.display
        server.do(lambda: server.daemon.change_gpus((gpu,)))
        await until(pilot, lambda: panel.display and "▲ in use by alice (12.0 GiB)" in shown(app, GpusPanel))
        panel.focus()
        await pilot.press("z")
        await until(pilot, lambda: panel.size.height == 40 - 2 - 2)
        await pilot.press("z")
        await until(pilot, lambda: panel.size.height == 1)
        server.do(lambda: server.daemon.change_gpus(()))
        await until(pilot, lambda: not panel.display)


async def test_reasons_stand_below_their_runs_only_where_all_find_room(server: ProtocolServer) -> None:
    """A short list shows runs; a zoomed one why they wait as well."""
    async with live(server, size=(60, 24)) as (app, pilot):
        runs = app.query_one(RunList)
        await until(pilot, lambda: ANT in shown(app, RunList))
        assert "out of memory" not in shown(app, RunList)
        await pilot.press("z")
        await until(pilot, lambda: "└ out of memory" in shown(app, RunList))
        await pilot.press("z")
        await until(pilot, lambda: "out of memory" not in shown(app, RunList))
        assert runs.natural_height == 3 + 3 + 1


async def test_text_from_outside_commands_no_terminal(tmp_path: Path) -> None:
    daemon = FakeDaemon(runs=(a_run("one", RunState.FAILED, reason="bad\x1b[2J[red]news"),))
    with serving(tmp_path, daemon) as server:
        async with live(server, size=(160, 40)) as (app, pilot):
            await until(pilot, lambda: "bad?[2J[red]news" in shown(app, RunList))


async def test_a_run_that_leaves_hands_the_selection_on(server: ProtocolServer) -> None:
    async with live(server, run=ANT) as (app, pilot):
        await pilot.press("slash", *"ant", "enter")
        runs = app.query_one(RunList)
        await until(pilot, lambda: listed(runs) == [ANT])
        server.do(lambda: server.daemon.runs.pop(ANT) and None)
        server.do(server.daemon.goodbye)
        server.do(lambda: setattr(server.daemon, "session", "another"))
        await until(pilot, lambda: listed(runs) == [])
        assert app.model.selected == CARTPOLE
        assert f"0 of 2 with 'ant' · hides the selected {CARTPOLE}" in str(runs.border_title)
