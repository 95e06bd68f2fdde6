"""What the screen looks like, at sizes people use. After a wanted change: pytest tests/tui --snapshot-update."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, TextArea

from hades_protocol.async_client import AsyncClient
from hades_protocol.codec import encode
from hades_protocol.messages import GpuInfo, GpuProcess, Lineage, LogLine, Reference
from hades_protocol.resync import LinkPhase
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState
from hades_tui.app import HadesApp
from hades_tui.pairs import export
from hades_tui.screens.health import HealthPage
from hades_tui.screens.save import SaveScreen
from hades_tui.screens.sending import SendingForm
from hades_tui.theme import palette
from hades_tui.theme.glyphs import ASCII
from hades_tui.theme.themes import THEMES
from hades_tui.widgets import mismatch_panel
from hades_tui.widgets.log_view import LogView
from hades_tui.widgets.pairs_panel import PairsPanel
from tests.helpers.protocol.canned import some_checkpoints
from tests.helpers.protocol.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving
from tests.helpers.runs.specs import tiny
from tests.helpers.screen.live_screen import ANT, CARTPOLE, HOPPER, text, until

pytestmark = pytest.mark.slow

SnapCompare = Callable[..., bool]


@pytest.fixture
def screen(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HadesApp]]:
    """Makes screens on the server of three runs, in a known time zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    clients = []

    def make(**options: Any) -> HadesApp:
        client = AsyncClient(server.control, server.events)
        clients.append(client)
        return HadesApp(client, **options)

    yield make
    for client in clients:
        client.close()
    monkeypatch.undo()
    time.tzset()


def settled(*keys: str) -> Callable[[Pilot[None]], Any]:
    """Wait for everything that comes by itself, then press keys."""

    async def before(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, HadesApp)
        await until(pilot, lambda: app.model.link.phase is LinkPhase.LIVE and app.model.history.loaded)
        run = app.model.run
        await until(pilot, lambda: app.query_one(PairsPanel).table is not None or run is None or run.method == "es")
        await pilot.press(*keys)
        await still(pilot)

    return before


async def still(pilot: Pilot[Any]) -> None:
    """Wait until nothing moves any more."""
    before = ""
    while (now := pilot.app.export_screenshot()) != before:
        before = now
        await pilot.pause(0.4)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_main_screen(snap_compare: SnapCompare, screen: Callable[..., HadesApp], size: tuple[int, int]) -> None:
    assert snap_compare(screen(), terminal_size=size, run_before=settled())


@pytest.fixture
def compared(tmp_path: Path) -> Iterator[ProtocolServer]:
    """A sweep of two runs; one, with evaluations of its mean dataset, is compared with PPO."""
    daemon = FakeDaemon(
        runs=(
            a_run(CARTPOLE, group="cartpole-pairs-k3f9", created_at=3e9),
            a_run(HOPPER, RunState.QUEUED, group="cartpole-pairs-k3f9", created_at=2e9),
        )
    )
    for g in range(1, 121):
        mean = 480.0 * (1 - 0.97**g) + 12.0 * math.sin(g)
        evaluated = {"evaluated_mean": mean - 25.0, "evaluated_sem": 4.2} if g % 10 == 0 else {}
        daemon.commit(CARTPOLE, mean, fitness_std=30.0, fitness_best=mean + 60.0, **evaluated)
    daemon.datasets[CARTPOLE] = a_dataset(120, 2)
    daemon.references[CARTPOLE] = (
        Reference(name="PPO", value=500.0, sem=1.0, source="measured"),
        Reference(name="random", value=22.0),
    )
    with serving(tmp_path, daemon) as running:
        yield running


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_references_and_evaluations(snap_compare: SnapCompare, compared: ProtocolServer, size: tuple[int, int]) -> None:
    client = AsyncClient(compared.control, compared.events)
    try:
        assert snap_compare(HadesApp(client), terminal_size=size, run_before=settled())
    finally:
        client.close()


def test_failed_es_run_readonly(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    assert snap_compare(screen(run=ANT, readonly=True), terminal_size=(100, 30), run_before=settled())


def test_confirmation(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    assert snap_compare(screen(), terminal_size=(80, 24), run_before=settled("P"))


def test_a_question_about_all_marked_runs(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    assert snap_compare(screen(), terminal_size=(80, 24), run_before=settled("a", "P"))


@pytest.mark.parametrize("key", ["F", "S", "E", "N", "B"], ids=["fork", "resize", "export", "note", "start"])
def test_forms(snap_compare: SnapCompare, server: ProtocolServer, screen: Callable[..., HadesApp], key: str) -> None:
    server.daemon.specs[CARTPOLE] = spec_to_dict(tiny())
    server.daemon.checkpoints[CARTPOLE] = some_checkpoints()

    async def before(pilot: Pilot[None]) -> None:
        await settled(key)(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, SendingForm)
        for field in (*dialog.query(Input), *dialog.query(TextArea)):
            field.cursor_blink = False
            # A TextArea keeps the line that it drew while the cursor was out for one whose cursor does not blink.
            field.notify_style_update()
        button = dialog.query_one("#yes", Button)
        await until(pilot, lambda: button.disabled == (key in "SN"))  # those two wait for something to be typed
        await still(pilot)

    assert snap_compare(screen(), terminal_size=(80, 24), run_before=before)


NOON = 1_700_049_600.0
"""12:00 UTC on the day of the fake daemon's runs."""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["w", "i", "o"], ids=["watch", "health", "log"])
def test_pages_with_clocks(
    snap_compare: SnapCompare,
    server: ProtocolServer,
    screen: Callable[..., HadesApp],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    size: tuple[int, int],
) -> None:
    """At noon for ever: the clock of the link goes on."""
    monkeypatch.setattr(time, "time", lambda: NOON)
    server.daemon.checkpoints[CARTPOLE] = some_checkpoints()
    texts = ("ready", "resumed after generation 12", "out of memory with 128 candidates at a time", "cannot go on")
    server.daemon.logs[CARTPOLE] = [
        LogLine(time=NOON - 50_000 + 13_000 * i, level=level, text=text)
        for i, (level, text) in enumerate(zip(("debug", "info", "warning", "error"), texts, strict=True))
    ]

    async def before(pilot: Pilot[None]) -> None:
        await settled(key)(pilot)
        app = pilot.app
        assert isinstance(app, HadesApp)
        for page, kind, words in (("i", HealthPage, "the newest 3"), ("o", LogView, "cannot go on")):
            if key == page:
                await until(pilot, lambda kind=kind, words=words: words in text(app, kind))  # type: ignore[misc]
        await still(pilot)

    assert snap_compare(screen(), terminal_size=size, run_before=before)


def test_help(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    assert snap_compare(screen(), terminal_size=(80, 24), run_before=settled("question_mark"))


@pytest.mark.parametrize("theme", [theme for theme in THEMES if theme != "dark"])
def test_themes(snap_compare: SnapCompare, screen: Callable[..., HadesApp], theme: str) -> None:
    assert snap_compare(screen(theme=THEMES[theme]), terminal_size=(120, 40), run_before=settled())


def test_ascii(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    palette.use_glyphs(ASCII)
    assert snap_compare(screen(), terminal_size=(80, 24), run_before=settled())


@pytest.mark.parametrize("keys", ["d", "dd"], ids=["heat", "drawing"])
def test_pairs(snap_compare: SnapCompare, screen: Callable[..., HadesApp], keys: str) -> None:
    assert snap_compare(screen(), terminal_size=(100, 30), run_before=settled("tab", "tab", "z", *keys))


def test_saving_pairs(
    snap_compare: SnapCompare, screen: Callable[..., HadesApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "directory", lambda _environ: Path("/home/ada/Downloads"))

    async def before(pilot: Pilot[None]) -> None:
        await settled("tab", "tab", "e")(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveScreen))
        pilot.app.screen.query_one(Input).cursor_blink = False
        await still(pilot)

    assert snap_compare(screen(), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_daemon_of_another_protocol(
    snap_compare: SnapCompare,
    server: ProtocolServer,
    screen: Callable[..., HadesApp],
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    monkeypatch.setattr(mismatch_panel, "version", lambda _name: "0.1.0")
    heartbeat = {"type": "heartbeat", "session": "session-1", "seq": 0, "time": 0.0, "protocol_major": 9}

    async def before(pilot: Pilot[None]) -> None:
        await settled()(pilot)
        server.do(lambda: setattr(server, "_heartbeat", 60.0))
        server.raw(b"events", encode(heartbeat))
        await until(pilot, lambda: pilot.app.query_one(mismatch_panel.MismatchPanel).size.height > 10)
        await still(pilot)

    assert snap_compare(screen(), terminal_size=size, run_before=before)


def test_gpus_with_another_user(
    snap_compare: SnapCompare, server: ProtocolServer, screen: Callable[..., HadesApp]
) -> None:
    gib = 2**30
    alice = GpuProcess(pid=4242, user="alice", memory=12 * gib, other=True)
    ours = GpuProcess(pid=77, user="ada", memory=30 * gib, run=CARTPOLE)
    common = {"name": "NVIDIA H100", "memory_total": 80 * gib}
    server.daemon.gpus = (
        GpuInfo(
            index=0, uuid="0", memory_used=31 * gib, utilisation=0.93, processes=(ours,), runs=(CARTPOLE,), **common
        ),
        GpuInfo(index=1, uuid="1", memory_used=13 * gib, utilisation=0.08, processes=(alice,), **common),
    )
    assert snap_compare(screen(), terminal_size=(120, 40), run_before=settled())


@pytest.mark.parametrize("keys", ["b", "bb"], ids=["groups", "lineage"])
def test_the_list_in_groups_and_as_a_tree(
    snap_compare: SnapCompare, server: ProtocolServer, screen: Callable[..., HadesApp], keys: str
) -> None:
    fork = Lineage(run=HOPPER, generation=400)
    server.daemon.runs["hopper-4"] = a_run(
        "hopper-4", RunState.QUEUED, env="hopper", created_at=1.5e9, parent=fork, group="sizes"
    )
    server.daemon.metrics["hopper-4"] = []
    assert snap_compare(screen(), terminal_size=(120, 40), run_before=settled(*keys))


def test_too_small(snap_compare: SnapCompare, screen: Callable[..., HadesApp]) -> None:
    assert snap_compare(screen(), terminal_size=(36, 9), run_before=settled())
