"""What belongs to the whole screen: themes, the keymap, the command palette, help, ASCII, sizes."""

from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from hades_protocol.async_client import AsyncClient
from hades_tui.app import HadesApp
from hades_tui.keymap import all_actions, checked_keymap
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.help import HelpScreen
from hades_tui.theme import palette
from hades_tui.theme.glyphs import ASCII
from hades_tui.theme.themes import THEMES, Theme
from hades_tui.widgets.run_list import RunList
from hades_tui.widgets.top import TopLine
from tests.helpers.faults import hostile
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_run, serving
from tests.helpers.screen.live_screen import ANT, CARTPOLE, HOPPER, live, mutations, shown, until

pytestmark = pytest.mark.slow


def frame(app: HadesApp) -> list[str]:
    """What the terminal shows, line by line, after everything that lines go through."""
    return ["".join(segment.text for segment in strip) for strip in strips(app)]


def strips(app: HadesApp) -> list[object]:
    return list(app.screen._compositor.render_strips())


def colours(app: HadesApp) -> set[object]:
    """All colours on the screen."""
    styles = [segment.style for strip in strips(app) for segment in strip if segment.style]
    return {colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None}


def help_text(app: HadesApp) -> str:
    assert isinstance(app.screen, HelpScreen)
    return str(app.screen.query_one("#help Static").visual)


async def choose(pilot: Pilot[None], text: str) -> None:
    """Type into the command palette and take the first thing it offers."""
    app = pilot.app
    await pilot.press("ctrl+p")
    await until(pilot, lambda: CommandPalette.is_open(app))
    app.screen.query_one(Input).value = text

    def offered() -> bool:
        if not CommandPalette.is_open(app):
            return False
        options = app.screen.query_one(OptionList)
        return options.option_count > 0 and text in str(options.get_option_at_index(0).prompt)

    await until(pilot, offered)
    await pilot.press("enter")
    await until(pilot, lambda: not CommandPalette.is_open(app))


def wears(app: HadesApp, theme: Theme) -> bool:
    """Whether everything on screen has the theme's colours."""
    found = colours(app)
    used = {colour.name for colour in found}
    if not theme.colours:
        return not used
    if theme.ansi:
        return all(colour.is_default or colour.is_system_defined for colour in found)
    others = {other.ground for other in THEMES.values()} - {theme.ground}
    strange = used & others - {theme.text, theme.selected, theme.panel, theme.surface}
    return {theme.ground, theme.ember, theme.green, theme.violet} <= used and not strange


@pytest.mark.parametrize("name", THEMES)
async def test_a_theme_is_everywhere(server: ProtocolServer, name: str) -> None:
    async with live(server) as (app, pilot):
        app.use_theme(THEMES[name])
        await until(pilot, lambda: wears(app, THEMES[name]))


async def test_the_theme_is_changed_while_it_runs(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        assert THEMES["dark"].ground in {colour.name for colour in colours(app)}
        await choose(pilot, "Theme light")
        await until(pilot, lambda: THEMES["dark"].ground not in {colour.name for colour in colours(app)})
        await until(pilot, lambda: THEMES["light"].ground in {colour.name for colour in colours(app)})
        await choose(pilot, "Theme mono")
        await until(pilot, lambda: colours(app) == set())
        await choose(pilot, "Theme dark")
        await until(pilot, lambda: THEMES["dark"].ember in {colour.name for colour in colours(app)})


async def test_no_color_draws_no_colour(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with live(server) as (app, pilot):
        await pilot.press("P")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.pause(0.2)
        assert colours(app) == set()


async def test_the_palette_runs_an_action_on_the_selected_run(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await choose(pilot, "Pause")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert mutations(server) == []


async def test_the_palette_goes_to_a_run(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await choose(pilot, f"Go to {ANT}")
        await until(pilot, lambda: app.model.selected == ANT)


async def test_the_palette_of_a_readonly_screen_changes_no_run(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: CommandPalette.is_open(app))
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 5)
        options = app.screen.query_one(OptionList)
        offered = [str(options.get_option_at_index(i).prompt) for i in range(options.option_count)]
        assert any(f"Go to {HOPPER}" in name for name in offered)
        assert not any("Pause" in name or "Cancel" in name for name in offered)


async def test_a_run_that_is_gone_is_said_to_be(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        app.go_to("nobody-1")
        await pilot.pause()
        assert app.model.selected == CARTPOLE
        assert [notice.message for notice in app._notifications] == ["nobody-1 is gone"]


async def test_help_has_the_keys_of_the_focused_panel_and_the_global_ones(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("question_mark")
        runs = help_text(app)
        await pilot.press("escape", "tab", "tab", "question_mark")
        pairs = help_text(app)
    for text in (runs, pairs):
        assert all(words in text for words in ("Everywhere", "Leave; runs go on", "The selected run", "Cancel"))
    assert "Runs\n" in runs
    assert "Pairs\n" not in runs
    assert "Pairs\n" in pairs
    assert "Runs\n" not in pairs


async def test_help_of_a_readonly_screen_names_no_key_that_changes_a_run(server: ProtocolServer) -> None:
    async with live(server, readonly=True) as (app, pilot):
        await pilot.press("question_mark")
        assert "Cancel" not in help_text(app)
        assert "asks first" not in help_text(app)


async def test_a_remapped_key_does_it_and_help_says_so(server: ProtocolServer) -> None:
    keymap = checked_keymap({"run.pause": "f5", "screen.help": "f1,?"}, all_actions())
    client = AsyncClient(server.control, server.events)
    try:
        app = HadesApp(client, keymap=keymap)
        async with app.run_test(size=(100, 40)) as pilot:
            await until(pilot, lambda: app.model.history.loaded)
            await pilot.press("P")
            assert not isinstance(app.screen, ConfirmScreen)
            await pilot.press("f1")
            (line,) = [line for line in help_text(app).splitlines() if "Pause" in line]
            assert line.split()[:2] == ["f5", "Pause:"]
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, HelpScreen))
            await pilot.press("f5")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    finally:
        client.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
async def test_ascii_shows_ascii_alone(server: ProtocolServer, size: tuple[int, int]) -> None:
    palette.use_glyphs(ASCII)
    async with live(server, size=size) as (app, pilot):
        await pilot.pause(0.3)
        for keys in ((), ("question_mark",), ("escape", "P"), ("escape", "z"), ("z", "tab", "z"), ("z", "tab", "z")):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            lines = frame(app)
            assert [line for line in lines if not line.isascii()] == []
            assert {len(line) for line in lines} == {size[0]}
        await pilot.press("ctrl+p")
        await until(pilot, lambda: CommandPalette.is_open(app))
        assert "".join(frame(app)).isascii()


async def test_nothing_that_a_widget_shows_steers_the_terminal(tmp_path: Path) -> None:
    with serving(tmp_path, FakeDaemon(runs=(hostile.summary("one"),))) as server:
        async with live(server, size=(120, 40)) as (app, pilot):
            await until(pilot, lambda: "one" in shown(app, RunList))
            app.query_one(RunList).border_title = f"title {hostile.TEXT}"
            app.notify(hostile.TEXT, title=hostile.TEXT)
            await until(pilot, lambda: any("title a" in line for line in frame(app)))
            for key in ("z", "w", "l", "question_mark", "g", "h", "n"):
                assert all(line.replace("\n", "").isprintable() for line in frame(app)), key
                await pilot.press("escape", key)
                await pilot.pause()


async def test_ascii_keeps_columns_where_a_name_is_wide(tmp_path: Path) -> None:
    palette.use_glyphs(ASCII)
    run = a_run("wide", env="倒立振子", method="hades-r")
    with serving(tmp_path, FakeDaemon(runs=(run,))) as server:
        async with live(server, size=(140, 30)) as (app, pilot):
            await until(pilot, lambda: any("wide" in line and "????????" in line for line in frame(app)))
            assert {len(line) for line in frame(app)} == {140}


@pytest.mark.parametrize("size", [(39, 24), (80, 9), (10, 3), (1, 1)], ids=str)
async def test_too_small_is_said_instead_of_shown(server: ProtocolServer, size: tuple[int, int]) -> None:
    async with live(server, size=size) as (app, pilot):
        await pilot.pause(0.2)
        assert not any(CARTPOLE in line or "Pause" in line or "│" in line for line in frame(app))
        if size[0] > 20:
            assert any(f"{size[0]}x{size[1]} is too small" in line for line in frame(app))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: any(CARTPOLE in line for line in frame(app)))
        assert not any("too small" in line for line in frame(app))
        await pilot.press("down")
        await until(pilot, lambda: app.model.selected == HOPPER)


async def test_what_is_in_the_way_of_the_link_is_at_the_top(tmp_path: Path) -> None:
    client = AsyncClient(f"ipc://{tmp_path}/control.sock", f"ipc://{tmp_path}/events.sock")
    try:
        app = HadesApp(client, obstacle=lambda: "ssh box: connection refused")
        async with app.run_test(size=(120, 30)) as pilot:
            await until(pilot, lambda: "ssh box: connection refused" in shown(app, TopLine))
            assert app.query_one(RunList).has_focus
    finally:
        client.close()
