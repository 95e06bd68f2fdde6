"""A daemon's mouth for the screen to attach to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol.run_state import RunState
from hades_tui.theme import palette
from hades_tui.theme.glyphs import UNICODE
from hades_tui.theme.themes import DARK
from tests.helpers.protocol_server import FakeDaemon, ProtocolServer, a_dataset, a_run, serving

CARTPOLE, HOPPER, ANT = "cartpole-1", "hopper-2", "ant-3"


def three_runs() -> FakeDaemon:
    """A run that runs, with thirty generations; one that is paused; one of method es that failed."""
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    """The three runs on real sockets."""
    with serving(tmp_path, three_runs()) as running:
        yield running


@pytest.fixture(autouse=True)
def _dark_unicode() -> Iterator[None]:
    """Theme and glyphs are chosen for a process: no test leaves its own to the next one."""
    yield
    palette.choose(DARK)
    palette.use_glyphs(UNICODE)
