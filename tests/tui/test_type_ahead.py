"""Keys that arrive in one burst, as of a paste or over a slow line, go where they would have gone one by one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from hades_protocol import commands
from hades_protocol.run_spec import spec_to_dict
from hades_tui.app import HadesApp
from hades_tui.screens.change import ChangeScreen
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.fork import ForkScreen
from hades_tui.screens.start import StartScreen
from tests.helpers.protocol.canned import some_checkpoints
from tests.helpers.protocol.protocol_server import ProtocolServer, serving
from tests.helpers.runs.specs import tiny
from tests.helpers.screen.live_screen import CARTPOLE, live, mutations, three_runs, until

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    """Three runs with settings and checkpoints."""
    daemon = three_runs()
    for run in daemon.runs:
        daemon.specs[run] = spec_to_dict(tiny())
        daemon.checkpoints[run] = some_checkpoints()
    with serving(tmp_path, daemon) as running:
        yield running


def burst(app: HadesApp, *keys: str) -> None:
    """Put keys into the application's queue, all at once."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


def value(app: HadesApp, field: str) -> str:
    return app.screen.query_one(f"#{field}", Input).value


async def loaded(app: HadesApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChangeScreen) and isinstance(app.focused, Input))


@pytest.mark.parametrize("key", ["tab", "down", "enter"])
async def test_what_is_typed_after_a_key_that_leads_on_is_in_the_next_field(server: ProtocolServer, key: str) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("B")
        assert isinstance(app.screen, StartScreen)
        burst(app, *"hopper", key, *"hades-f", key, *"cpu", "shift+tab", "up", *"ant")
        await until(pilot, lambda: value(app, "environment") == "ant")
        assert (value(app, "method"), value(app, "preset")) == ("hades-f", "cpu")


async def test_sizes_typed_in_one_go(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await loaded(app, pilot, "S")
        burst(app, *"16", "down", *"4", "up", *"32")
        await until(pilot, lambda: value(app, "evolution-population") == "32")
        assert value(app, "dataset-pairs") == "4"


async def test_settings_of_a_fork_typed_in_one_go(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await loaded(app, pilot, "F")
        burst(app, *"sigma", "enter", *".15", "enter", *"seed", "tab", *"8", "down", "up")
        assert isinstance(app.screen, ForkScreen)
        screen = app.screen
        await until(pilot, lambda: screen.form is not None and len(screen.form.texts) == 2)
        assert screen.form is not None
        assert screen.form.texts == {"evolution.sigma": ".15", "seed": "8"}


async def test_enter_presses_the_button_that_the_keys_before_it_lead_to(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        for keys in (("tab", "enter"), ("right", "enter")):
            await pilot.press("P")
            assert isinstance(app.screen, ConfirmScreen)
            assert app.screen.query_one("#yes").has_focus
            burst(app, *keys)
            await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        assert mutations(server) == [], "the other button was meant"
        await pilot.press("B")
        await until(pilot, lambda: not app.screen.query_one("#yes", Button).disabled)
        app.screen.query_one("#yes").focus()
        await pilot.press("enter")
        await until(pilot, lambda: any(isinstance(request, commands.Start) for request in server.requests))
        assert app.model.selected != CARTPOLE or not isinstance(app.screen, StartScreen)
