"""Watch, health and log screens, and what is told of a daemon that speaks another language."""

import time

import pytest

from hades_protocol import commands
from hades_protocol.codec import encode
from hades_protocol.errors import InternalError
from hades_protocol.messages import CheckpointList, LogLine
from hades_protocol.resync import LinkPhase
from hades_tui.screens.health import HealthPage, HealthScreen
from hades_tui.screens.log import LogHead, LogScreen
from hades_tui.screens.watch import WatchPanel, WatchScreen
from hades_tui.widgets.log_view import LogView
from hades_tui.widgets.mismatch_panel import MismatchPanel
from hades_tui.widgets.run_list import RunList
from tests.helpers.protocol.protocol_server import ProtocolServer
from tests.helpers.screen.live_screen import CARTPOLE, live, mutations, text, until


def asked(server: ProtocolServer) -> list[commands.Logs]:
    return [request for request in server.requests if isinstance(request, commands.Logs)]


@pytest.mark.parametrize("back", ["w", "escape", "q"])
async def test_watch_shows_large_numbers_and_follows(server: ProtocolServer, back: str) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and "███" in text(app, WatchPanel))
        await until(pilot, lambda: "● live" in text(app, WatchPanel))
        await until(pilot, lambda: "● running   cartpole-1" in text(app, WatchPanel))
        server.do(lambda: server.daemon.commit(CARTPOLE, 77.0))
        await until(pilot, lambda: "generation 31 of 400" in text(app, WatchPanel))
        await pilot.press(back)
        await until(pilot, lambda: not isinstance(app.screen, WatchScreen))
        assert app.is_running
        assert mutations(server) == []


async def test_watch_says_when_its_numbers_are_old(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("w")
        server.do(lambda: setattr(server, "_heartbeat", 60.0))
        await until(pilot, lambda: app.model.link.phase is LinkPhase.STALE)
        await until(pilot, lambda: "these numbers are old" in text(app, WatchPanel))
        assert "● live" not in text(app, WatchPanel)


async def test_health_shows_checkpoints_and_daemon_and_asks_again(server: ProtocolServer) -> None:
    server.daemon.checkpoints[CARTPOLE] = CheckpointList(
        generations=(1, 29, 30), with_pairs=(29, 30), committed_at=time.time() - 100, keep_newest=2, keep_every=50
    )
    async with live(server) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, HealthScreen) and "3: 1, 29-30" in text(app, HealthPage))
        await until(pilot, lambda: "generation 30, 1m4" in text(app, HealthPage))
        await until(pilot, lambda: "the newest 2 and every 50th" in text(app, HealthPage))
        await until(pilot, lambda: "session-1" in text(app, HealthPage))
        server.do(
            lambda: server.daemon.checkpoints.update(
                {CARTPOLE: CheckpointList(generations=(31,), damaged=("bad-30-1",))}
            )
        )
        await until(pilot, lambda: "bad-30-1" in text(app, HealthPage))
        await pilot.press("i")
        await until(pilot, lambda: not isinstance(app.screen, HealthScreen))


async def test_health_of_a_run_that_went_says_so_and_no_more(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, HealthScreen) and "retention" in text(app, HealthPage))
        server.do(lambda: server.daemon.runs.pop(CARTPOLE) and None)
        await until(pilot, lambda: "✘ no run" in text(app, HealthPage))
        assert "retention" not in text(app, HealthPage)
        assert "session-1" in text(app, HealthPage)


async def test_health_of_a_run_that_cannot_be_asked_about_keeps_what_was_known(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, HealthScreen) and "retention" in text(app, HealthPage))
        server.do(lambda: server.daemon.refusals.update({commands.Show: InternalError("the disk is away")}))
        await until(pilot, lambda: "✘ the disk is away" in text(app, HealthPage))
        assert "retention" in text(app, HealthPage)


async def test_the_log_of_the_run_and_of_the_daemon(server: ProtocolServer) -> None:
    lines = [LogLine(time=time.time(), level="info", text=f"line {i}") for i in range(100)]
    server.daemon.logs[CARTPOLE] = [*lines, LogLine(time=time.time(), level="error", text="out of luck")]
    server.daemon.logs[""] = [LogLine(time=time.time(), level="info", text="daemon ready")]
    async with live(server) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "✘ error    out of luck" in text(app, LogView))
        await until(pilot, lambda: "Log of cartpole-1  info and above  101 lines  ● following" in text(app, LogHead))
        await pilot.press("g")
        await until(pilot, lambda: "line 0" in text(app, LogView) and "f follows again" in text(app, LogHead))
        server.do(lambda: server.daemon.logs[CARTPOLE].append(lines[0]))
        await pilot.press("f")
        await until(pilot, lambda: "102 lines  ● following" in text(app, LogHead))
        await pilot.press("l", "l")
        await until(pilot, lambda: "error and above  1 line " in text(app, LogHead))
        await pilot.press("d")
        await until(pilot, lambda: "Log of the daemon  error and above  0 lines" in text(app, LogHead))
        await pilot.press("l", "l", "l")
        await until(pilot, lambda: "daemon ready" in text(app, LogView))
        await pilot.press("o")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))
        assert mutations(server) == []


async def test_no_character_of_a_log_is_under_its_scrollbar(server: ProtocolServer) -> None:
    long = "".join(map(str, range(200)))
    server.daemon.logs[CARTPOLE] = [LogLine(time=time.time(), level="info", text=long)] * 60
    async with live(server) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "".join(text(app, LogView).split()).endswith("198199"))
        view = app.screen.query_one(LogView)
        assert view.show_vertical_scrollbar
        assert max(len(line.rstrip()) for line in text(app, LogView).splitlines()) == view.text_width
        assert view.text_width == view.scrollable_content_region.width
        assert long in "".join(text(app, LogView).split())


async def test_a_search_is_asked_for_and_left_step_by_step(server: ProtocolServer) -> None:
    server.daemon.logs[CARTPOLE] = [
        LogLine(time=time.time(), level="info", text=text) for text in ("one apple", "a pear", "APPLE pie")
    ]
    async with live(server) as (app, pilot):
        await pilot.press("o", "slash", *"apple", "enter")
        await until(pilot, lambda: "with 'apple'  2 lines" in text(app, LogHead))
        assert asked(server)[-1].search == "apple"
        assert "pear" not in text(app, LogView)
        await pilot.press("escape")
        await until(pilot, lambda: "3 lines" in text(app, LogHead))
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))


async def test_a_log_that_cannot_be_read_says_why(server: ProtocolServer) -> None:
    server.daemon.logs[CARTPOLE] = [LogLine(time=time.time(), level="info", text="still here")]
    async with live(server) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "still here" in text(app, LogView))
        server.do(lambda: server.daemon.runs.pop(CARTPOLE) and None)
        await until(pilot, lambda: "✘ no run" in text(app, LogHead))
        await until(pilot, lambda: "shown as of" in text(app, LogHead))
        await until(pilot, lambda: "still here" in text(app, LogView))


async def test_a_daemon_of_another_protocol_is_told_in_place_of_old_data(server: ProtocolServer) -> None:
    async with live(server) as (app, pilot):
        heartbeat = {"type": "heartbeat", "session": "session-1", "seq": 0, "time": 0.0, "protocol_major": 9}
        server.do(lambda: setattr(server, "_heartbeat", 60.0))
        server.raw(b"events", encode(heartbeat))
        await until(pilot, lambda: app.query_one(MismatchPanel).size.height > 10)
        await until(pilot, lambda: "The daemon speaks protocol 9, this program 1" in text(app, MismatchPanel))
        await until(pilot, lambda: "upgrade the older of them" in text(app, MismatchPanel))
        assert app.query_one(RunList).size.height == 0
        server.do(lambda: setattr(server, "_heartbeat", 0.1))
        server.do(lambda: server.publish(server.daemon.heartbeat()))
        await until(pilot, lambda: app.query_one(RunList).size.height > 0)
