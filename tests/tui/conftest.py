"""A fake daemon for the screen to attach to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_tui.theme import palette
from hades_tui.theme.glyphs import UNICODE
from hades_tui.theme.themes import DARK
from tests.helpers.protocol.protocol_server import ProtocolServer, serving
from tests.helpers.screen.live_screen import three_runs


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    """The three runs on real sockets."""
    with serving(tmp_path, three_runs()) as running:
        yield running


@pytest.fixture(autouse=True)
def _dark_unicode(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Theme and glyphs are chosen for a process: no test leaves its own to the next one, nor has the terminal's."""
    monkeypatch.setenv("TERM", "xterm-256color")
    yield
    palette.choose(DARK)
    palette.use_glyphs(UNICODE)
