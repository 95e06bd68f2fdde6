"""The screen in a real terminal multiplexer: other sizes, other themes, no colours, no letters but ASCII."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.protocol.protocol_server import serving
from tests.helpers.screen.live_screen import CARTPOLE, three_runs
from tests.helpers.screen.terminal import HAS_TMUX, TUI, Tmux

SIZES = ((200, 60), (40, 10), (120, 40), (30, 8), (80, 24))

pytestmark = pytest.mark.skipif(not HAS_TMUX, reason="no tmux is installed here")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """One, with three runs behind the screens in it."""
    (tmp_path / "h" / "run").mkdir(parents=True)
    with serving(tmp_path / "h" / "run", three_runs()):
        server = Tmux(tmp_path, {**os.environ, "HADES_HOME": str(tmp_path / "h")})
        server.run("new-session", "-d", "-s", "keep", "sleep 600")
        yield server
        server.close()


def until(condition: Callable[[], bool], what: Callable[[], str], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.1)


def settled(tmux: Tmux, name: str) -> str:
    """The frame once it has stopped changing and shows what it is to show."""
    before = ""

    def still() -> bool:
        nonlocal before
        now, before = before, tmux.frame(name)
        return before == now and ("too small" in now or (CARTPOLE in now and "live" in now and "Quit" in now))

    until(still, lambda: tmux.frame(name))
    time.sleep(0.5)
    return tmux.frame(name)


def test_any_size_after_any_other_is_drawn_as_if_it_were_the_first(tmux: Tmux) -> None:
    tmux.open("old", (80, 24))
    settled(tmux, "old")
    for i, size in enumerate(SIZES):
        tmux.resize("old", size)
        tmux.open(f"new{i}", size)
        expected = settled(tmux, f"new{i}")
        until(lambda new=f"new{i}": tmux.frame("old") == tmux.frame(new), lambda: tmux.frame("old"))  # type: ignore[misc]
        if size == (30, 8):
            assert "30x8 is too small" in expected
        tmux.run("kill-session", "-t", f"new{i}")


def test_what_the_environment_says_of_the_size_is_not_believed(tmux: Tmux) -> None:
    tmux.open("lied to", (60, 20), environ=("COLUMNS=200", "LINES=60"))
    tmux.open("true", (60, 20))
    assert settled(tmux, "lied to") == settled(tmux, "true")


def test_ascii_and_no_color_reach_the_terminal(tmux: Tmux) -> None:
    tmux.open("plain", (100, 30), "--ascii", environ=("NO_COLOR=1",))
    settled(tmux, "plain")
    frame = tmux.frame("plain", "-e")
    assert frame.isascii()
    for codes in re.findall(r"\x1b\[([0-9;:]*)m", frame):
        assert set(codes.split(";")) <= {"", "0", "1", "2", "4", "7", "39", "49"}, codes  # tmux adds 39 and 49 itself


def test_a_locale_without_utf8_gets_ascii(tmux: Tmux) -> None:
    tmux.open("c", (100, 30), environ=("LC_ALL=C",))
    settled(tmux, "c")
    assert tmux.frame("c").isascii()


def test_the_ansi_theme_leaves_the_ground_alone(tmux: Tmux) -> None:
    tmux.open("ansi", (100, 30), "--theme", "ansi")
    settled(tmux, "ansi")
    frame = tmux.frame("ansi", "-e")
    assert "38;5" not in frame
    assert "38;2" not in frame
    assert "48;" not in frame
    assert re.search(r"\x1b\[[0-9;]*35m", frame)  # magenta stands for ember


def test_a_term_ends_the_screen_and_leaves_the_terminal_as_it_was(tmux: Tmux) -> None:
    tmux.run("new-session", "-d", "-s", "shell", "-x", "100", "-y", "30", "env PS1=ready: sh")
    tmux.run("send-keys", "-t", "shell", f"{TUI} attach; echo left with $?", "Enter")
    settled(tmux, "shell")
    shell = tmux.run("list-panes", "-t", "shell", "-F", "#{pane_pid}").strip()
    child = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0]
    os.kill(int(child), 15)
    until(lambda: "left with 143" in tmux.frame("shell"), lambda: tmux.frame("shell"))
    assert CARTPOLE not in tmux.frame("shell")
    assert tmux.run("display-message", "-p", "-t", "shell", "#{alternate_on} #{mouse_any_flag}").split() == ["0", "0"]


def test_a_terminal_that_goes_away_at_any_moment_leaves_no_process(tmux: Tmux, tmp_path: Path) -> None:
    """With it go SIGHUP and SIGCONT, and whoever still writes to it waits for ever."""
    servers, pids = [], []
    for i in range(6):
        (tmp_path / str(i)).mkdir()
        server = Tmux(tmp_path / str(i), {**os.environ, "HADES_HOME": str(tmp_path / "h")})
        server.open("short-lived", (80, 24))
        pids.append(int(server.run("list-panes", "-t", "short-lived", "-F", "#{pane_pid}")))
        servers.append(server)
    for server in servers:
        time.sleep(0.4)
        server.close()
    until(lambda: not any(map(is_there, pids)), lambda: f"of {pids} there are {[p for p in pids if is_there(p)]}")


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
