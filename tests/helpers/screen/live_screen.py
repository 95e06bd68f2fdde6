"""The application on a fake daemon's real sockets, driven by Textual's pilot."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from hades_protocol import commands
from hades_protocol.async_client import AsyncClient
from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState
from hades_tui.app import HadesApp
from hades_tui.widgets.run_list import RunList
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run

Screen = tuple[HadesApp, Pilot[None]]

CARTPOLE, HOPPER, ANT = "cartpole-1", "hopper-2", "ant-3"


def three_runs() -> FakeDaemon:
    """A running run with thirty generations, a paused one, and a failed one of method es."""
    daemon = FakeDaemon(
        runs=(
            a_run(CARTPOLE, created_at=3e9, directory="/runs/cartpole-1"),
            a_run(HOPPER, RunState.PAUSED, env="hopper", method="hades-f", generation=812, created_at=2e9),
            a_run(ANT, RunState.FAILED, env="ant", method="es", reason="out of memory", created_at=1e9),
        )
    )
    for _ in range(30):
        daemon.commit(CARTPOLE)
    daemon.datasets[CARTPOLE] = a_dataset(30, 6)
    return daemon


@asynccontextmanager
async def screen(
    control: str, events: str, *, size: tuple[int, int] = (120, 40), run: str | None = None, readonly: bool = False
) -> AsyncIterator[Screen]:
    """The application, attached to two sockets."""
    client = AsyncClient(control, events)
    app = HadesApp(client, run=run, readonly=readonly)
    try:
        async with app.run_test(size=size) as pilot:
            yield app, pilot
    finally:
        client.close()


@asynccontextmanager
async def live(server: ProtocolServer, **options: object) -> AsyncIterator[Screen]:
    """The application once it has the snapshot and the selected run's history."""
    async with screen(server.control, server.events, **options) as (app, pilot):  # type: ignore[arg-type]
        await until(pilot, lambda: app.model.link.phase is LinkPhase.LIVE)
        await until(pilot, lambda: app.model.history.loaded or app.model.run is None)
        await until(pilot, lambda: app.query_one(RunList).model.runs == app.model.runs)
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the application run until the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the screen never got there"
        await pilot.pause(0.02)


def rows(widget: Any) -> list[str]:
    """The lines of a widget that draws lines."""
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def shown(app: HadesApp, kind: type[Any]) -> str:
    """The text of the main screen's widget of that class."""
    return "\n".join(rows(app.query_one(kind)))


def text(app: HadesApp, kind: type[Any]) -> str:
    """The text of the topmost screen's widget of that class."""
    return "\n".join(rows(app.screen.query_one(kind)))


def notices(app: HadesApp) -> list[str]:
    """The messages of the notices that are shown."""
    return [notice.message for notice in app._notifications]


def mutations(server: ProtocolServer) -> list[commands.Mutation]:
    """The commands that were sent to change a run."""
    return [request for request in server.requests if isinstance(request, commands.Mutation)]
