"""The panel of pairs on real sockets: every key, the slider over kept generations, files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input, Label

from hades_protocol import commands
from hades_protocol.messages import CheckpointList
from hades_tui.app import HadesApp
from hades_tui.pairs import export
from hades_tui.screens.save import SaveScreen
from hades_tui.theme import palette
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.widgets.pairs_panel import PairsPanel
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving
from tests.helpers.screen.live_screen import Screen, live, notices, rows, until

pytestmark = pytest.mark.slow

RUN = "cartpole-1"


def keep(daemon: FakeDaemon, *generations: int) -> None:
    """These generations are kept, with their pairs."""
    daemon.kept[RUN] = {g: a_dataset(g, 6) for g in generations}
    daemon.checkpoints[RUN] = CheckpointList(generations=generations, with_pairs=generations)


@pytest.fixture
def server_with_pairs(tmp_path: Path) -> Iterator[ProtocolServer]:
    """A run at generation 40, of which 10, 20 and 30 are kept."""
    daemon = FakeDaemon(runs=(a_run(RUN, generation=40),))
    daemon.datasets[RUN] = a_dataset(40, 6)
    keep(daemon, 10, 20, 30, 40)
    with serving(tmp_path, daemon) as running:
        yield running


async def focused(screen: Screen) -> PairsPanel:
    """The panel with the focus, and its pairs."""
    app, pilot = screen
    panel = app.query_one(PairsPanel)
    await until(pilot, lambda: panel.table is not None)
    panel.focus()
    await until(pilot, lambda: "of 10 20 30 40" in slider(panel))
    return panel


def slider(panel: PairsPanel) -> str:
    return rows(panel)[-1]


def first_number(panel: PairsPanel) -> str:
    """The first entry of the first pair's observation in the table."""
    return rows(panel)[1].split("%")[1].split()[0]


def numbers(panel: PairsPanel) -> list[str]:
    """The numbers of the pairs in the table, from top to bottom."""
    return [row[:3].rstrip("▌ ").strip() for row in rows(panel)[1:7]]


def asked(server: ProtocolServer) -> list[int | None]:
    return [request.generation for request in server.requests if isinstance(request, commands.Dataset)]


async def test_nothing_of_the_past_is_asked_before_somebody_looks(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        await until(pilot, lambda: app.query_one(PairsPanel).table is not None)
        await pilot.pause(0.3)
        assert not any(isinstance(request, commands.Show) for request in server_with_pairs.requests)
        await focused((app, pilot))
        assert sum(isinstance(request, commands.Show) for request in server_with_pairs.requests) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_slider_steps_through_what_is_kept(server_with_pairs: ProtocolServer, size: tuple[int, int]) -> None:
    async with live(server_with_pairs, size=size) as (app, pilot):
        panel = await focused((app, pilot))
        assert slider(panel) == "generation 40 of 10 20 30 40 · newest"
        assert first_number(panel) == "+0.100"
        await pilot.press("[")
        await until(pilot, lambda: slider(panel) == "generation 30 of 10 20 30 40 · kept" and panel.table is not None)
        assert "generation 30" in str(panel.border_title)
        assert first_number(panel) == "+0.000"
        await pilot.press("[", "[", "[")
        await until(pilot, lambda: slider(panel).startswith("generation 10 ") and panel.table is not None)
        assert first_number(panel) == "-0.200"
        await pilot.press("]", "]", "]")
        await until(pilot, lambda: slider(panel).endswith("newest"))
        assert first_number(panel) == "+0.100"
        assert asked(server_with_pairs).count(30) == 1


async def test_the_newest_follows_the_run_and_an_older_one_stays(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        server_with_pairs.do(lambda: server_with_pairs.daemon.publish_dataset(RUN, a_dataset(41, 6)))
        await until(pilot, lambda: slider(panel).startswith("generation 41 of 10 20 30 40 41 · newest"))
        await pilot.press("[")
        await until(pilot, lambda: "generation 40 · 6" in str(panel.border_title) or "generation 40" in slider(panel))
        await until(pilot, lambda: panel.table is not None)
        server_with_pairs.do(lambda: server_with_pairs.daemon.publish_dataset(RUN, a_dataset(42, 6)))
        await until(pilot, lambda: "42" in slider(panel))
        assert slider(panel).startswith("generation 40 of")
        assert first_number(panel) == "+0.100"


async def test_while_it_is_read_the_old_pairs_are_not_under_the_new_number(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        server_with_pairs.do(lambda: setattr(server_with_pairs, "deaf", True))
        await pilot.press("[")
        await until(pilot, lambda: "reading the pairs of generation 30" in "\n".join(rows(panel)))
        assert "generation 40" not in str(panel.border_title)
        assert panel.table is None
        await pilot.press("y")
        assert any("no pairs to copy" in notice for notice in notices(app))


async def test_in_place_of_a_pruned_generation_the_nearest_is_shown(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        server_with_pairs.do(lambda: keep(server_with_pairs.daemon, 10, 20, 40))
        await pilot.press("[")
        await until(pilot, lambda: "30 is gone by now" in slider(panel) and panel.table is not None)
        assert "generation 20" in str(panel.border_title)
        await pilot.press("]", "[")
        await until(pilot, lambda: slider(panel).startswith("generation 20 of 10 20 40") and panel.table is not None)
        assert first_number(panel) == "-0.100"


async def test_a_run_that_goes_back_takes_the_slider_with_it(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("[")
        await until(pilot, lambda: "generation 30" in str(panel.border_title))
        server_with_pairs.do(lambda: server_with_pairs.daemon.datasets.__setitem__(RUN, a_dataset(25, 6)))
        server_with_pairs.do(lambda: server_with_pairs.daemon.cut(RUN, 25))
        await until(pilot, lambda: slider(panel) == "30 is void: the run went back to 25")
        assert "generation 30" not in str(panel.border_title)


async def test_c_shows_what_changed(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("[", "[", "c")
        await until(pilot, lambda: "Change since generation 20" in str(panel.border_title))
        assert slider(panel).startswith("change 20 → 40 of 10 20 30 40 · newest")
        assert first_number(panel) == "+0.200"
        await pilot.press("d")
        await until(pilot, lambda: "heat map" in str(panel.border_subtitle))
        assert "changed by +0.200" in "\n".join(rows(panel))
        await pilot.press("d")
        await until(pilot, lambda: "table" in str(panel.border_subtitle))
        await pilot.press("c")
        await until(pilot, lambda: first_number(panel) == "+0.100")
        assert "Mean dataset" in str(panel.border_title)


async def test_d_goes_through_the_views(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("z")
        seen = []
        for _ in range(3):
            await pilot.press("d")
            await until(pilot, lambda: bool(rows(panel)))
            seen.append(str(panel.border_subtitle))
        assert seen == ["heat map", "drawing", "table"]
        await pilot.press("d", "d", "j")
        assert rows(panel)[0].startswith("pair 1 of 6  right 100%")
        assert "angle" in rows(panel)[1]
        await pilot.press("right")
        assert rows(panel)[0].startswith("pair 2 of 6")


async def test_the_heat_maps_cursor_names_what_it_is_on(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("d", "j", "right", "right")
        assert any(line.startswith("pair 1  pole angle") for line in rows(panel))
        await pilot.press("enter", "r")
        assert "by pole angle" in str(panel.border_subtitle)
        assert panel._order[0] == 5


async def test_sorting_is_in_the_header_and_keeps_the_cursor_on_its_pair(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("j", "s")
        assert "action↑" in rows(panel)[0].replace(" ", "")
        assert "by action ↑" in str(panel.border_subtitle)
        assert numbers(panel) == ["0", "2", "4", "1", "3", "5"]
        assert panel.view.spot.pair == 1
        await pilot.press("r")
        assert numbers(panel) == ["1", "3", "5", "0", "2", "4"]


async def test_a_click_puts_the_cursor(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.click(PairsPanel, offset=(10, 4))
        await until(pilot, lambda: panel.view.spot.pair == 2)


async def test_the_cursor_stays_in_sight(server_with_pairs: ProtocolServer) -> None:
    server_with_pairs.do(lambda: server_with_pairs.daemon.publish_dataset(RUN, a_dataset(40, 30)))
    async with live(server_with_pairs, size=(80, 24)) as (app, pilot):
        panel = await focused((app, pilot))
        await until(pilot, lambda: panel.table is not None and panel.table.count == 30)
        for key, pair in (("G", "29"), ("g", "0"), ("pagedown", "10")):
            await pilot.press(key)
            await until(pilot, lambda pair=pair: any(line.split("▌")[0].strip() == pair for line in rows(panel)))  # type: ignore[misc]


@pytest.mark.parametrize("fits", [True, False])
async def test_y_copies_and_leaves_a_file_where_the_clipboard_is_too_small(
    server_with_pairs: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    (tmp_path / "down").mkdir()
    monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(tmp_path / "down"))
    if not fits:
        monkeypatch.setattr(export, "MOST_CLIPBOARD", 100)
    async with live(server_with_pairs) as (app, pilot):
        await focused((app, pilot))
        await pilot.press("y")
        await until(pilot, lambda: bool(notices(app)))
        files = [path.name for path in (tmp_path / "down").iterdir()]
        if fits:
            assert app.clipboard.startswith("state_cart position,")
            assert files == []
        else:
            assert app.clipboard == ""
            assert files == ["cartpole-1-generation-40.csv"]
            assert "too much for a terminal's clipboard" in notices(app)[0]
            assert str(tmp_path / "down" / files[0]) in notices(app)[0]


async def saving(app: HadesApp) -> Input:
    assert isinstance(app.screen, SaveScreen)
    return app.screen.query_one("#path", Input)


async def test_e_saves_what_is_shown_in_the_format_of_the_suffix(
    server_with_pairs: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "down").mkdir()
    monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(tmp_path / "down"))
    async with live(server_with_pairs, size=(80, 24)) as (app, pilot):
        panel = await focused((app, pilot))
        await pilot.press("[")
        await until(pilot, lambda: "generation 30" in str(panel.border_title))
        await pilot.press("e")
        field = await saving(app)
        assert field.value == str(tmp_path / "down" / "cartpole-1-generation-30.csv")
        await pilot.press("tab")
        assert field.value.endswith("-30.json")
        await pilot.press("enter")
        path = tmp_path / "down" / "cartpole-1-generation-30.json"
        await until(pilot, lambda: any(str(path) in notice for notice in notices(app)))
        assert '"generation": 30' in path.read_text()


async def test_a_name_without_a_format_is_not_taken(server_with_pairs: ProtocolServer) -> None:
    async with live(server_with_pairs) as (app, pilot):
        await focused((app, pilot))
        await pilot.press("e")
        field = await saving(app)
        field.value = "/tmp/pairs.txt"
        await pilot.press("enter")
        assert "must end in .csv or .json" in str(app.screen.query_one("#why", Label).content)
        await pilot.press("escape")
        assert not isinstance(app.screen, SaveScreen)


@pytest.mark.parametrize("value", ["", "/", "."])
async def test_tab_gives_a_name_where_there_is_none(server_with_pairs: ProtocolServer, value: str) -> None:
    async with live(server_with_pairs) as (app, pilot):
        await focused((app, pilot))
        await pilot.press("e")
        field = await saving(app)
        field.value = value
        await pilot.press("tab")
        assert field.value.endswith("/cartpole-1-generation-40.json")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none/pairs.csv", "there is no such directory"),
        ("~nobodyhere/pairs.csv", "~nobodyhere is no known user's home"),
    ],
)
async def test_where_no_file_can_be_written_the_dialog_says_why_and_keeps_the_path(
    server_with_pairs: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with live(server_with_pairs) as (app, pilot):
        await focused((app, pilot))
        await pilot.press("e")
        field = await saving(app)
        field.value = name
        await pilot.press("enter")
        await until(pilot, lambda: why in str(app.screen.query_one("#why", Label).content))
        assert field.value == name
        field.value = "pairs.csv"
        await pilot.press("enter")
        await until(pilot, lambda: any(str(tmp_path / "pairs.csv") in notice for notice in notices(app)))
        assert not isinstance(app.screen, SaveScreen)


@pytest.fixture
def in_ascii() -> Iterator[None]:
    palette.use_glyphs(ASCII)
    yield
    palette.use_glyphs(UNICODE)


async def test_in_ascii_everything_is(server_with_pairs: ProtocolServer, in_ascii: None) -> None:
    async with live(server_with_pairs) as (app, pilot):
        panel = app.query_one(PairsPanel)
        await until(pilot, lambda: panel.table is not None)
        panel.focus()
        await until(pilot, lambda: slider(panel) == "generation 40 of 10 20 30 40 | newest")
        await pilot.press("z")
        for _ in range(3):
            await pilot.press("d", "s")
            assert all(line.isascii() for line in rows(panel)), rows(panel)
            assert panel.border_subtitle is not None
            assert str(panel.border_subtitle).isascii()


async def test_a_run_of_another_kind_leaves_no_slider(tmp_path: Path) -> None:
    with serving(tmp_path, FakeDaemon(runs=(a_run("es", method="es"),))) as server:
        async with live(server) as (app, pilot):
            panel = app.query_one(PairsPanel)
            panel.focus()
            await pilot.press("[", "c", "d", "s", "r", "j", "enter", "y", "e")
            await until(pilot, lambda: "Method es" in " ".join(rows(panel)))
            assert not any("generation" in line for line in rows(panel))
            assert not isinstance(app.screen, SaveScreen)
