"""A real terminal for the real screen: a tmux server of our own."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.processes.daemon import until

TUI = Path(sys.executable).with_name("hades-tui")
HAS_TMUX = shutil.which("tmux") is not None


def without_frames(frame: str) -> str:
    """The words of a screen in one line; what the lines between panels and dialogs cut in two is left as it is."""
    return re.sub(r"[\s│╭╮╰╯─━]+", " ", frame)


class Tmux:
    """A tmux server of our own."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._base = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environ = {**environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        for name in ("TMUX", "NO_COLOR", "COLORTERM"):
            self._environ.pop(name, None)

    def run(self, *words: str) -> str:
        """A command of tmux; what it prints."""
        done = subprocess.run([*self._base, *words], env=self._environ, capture_output=True, text=True, check=True)
        return done.stdout

    def open(self, name: str, size: tuple[int, int], *flags: str, environ: tuple[str, ...] = ()) -> None:
        """`hades-tui attach` in a window of so many columns and rows."""
        width, height = map(str, size)
        command = f"env {' '.join(environ)} {TUI} attach {' '.join(flags)}"
        self.run("new-session", "-d", "-s", name, "-x", width, "-y", height, command)

    def resize(self, name: str, size: tuple[int, int]) -> None:
        """Another size for a window."""
        self.run("resize-window", "-t", name, "-x", str(size[0]), "-y", str(size[1]))

    def frame(self, name: str, *flags: str) -> str:
        """What stands in a window now."""
        return self.run("capture-pane", "-p", "-t", name, *flags)

    def close(self) -> None:
        """End the server and what runs in it."""
        subprocess.run([*self._base, "kill-server"], env=self._environ, capture_output=True)


class Terminal:
    """One screen in a tmux server of its own."""

    def __init__(self, directory: Path, environ: Mapping[str, str], size: tuple[int, int], *flags: str) -> None:
        self._tmux = Tmux(directory, environ)
        self._tmux.open("screen", size, *flags)
        self._tmux.run("set-option", "-t", "screen", "remain-on-exit", "on")
        self.close = self._tmux.close

    def press(self, *keys: str) -> None:
        """Send keys by their names in tmux."""
        for key in keys:
            self._tmux.run("send-keys", "-t", "screen", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Send text as it is."""
        self._tmux.run("send-keys", "-t", "screen", "-l", text)

    def frame(self) -> str:
        """What stands on the screen now."""
        return self._tmux.frame("screen")

    def shows(self, *patterns: str, seconds: float = 60.0) -> str:
        """Wait until all these stand on the screen; the frame with them."""

        def found() -> str:
            frame = self.frame()
            return frame if all(re.search(pattern, without_frames(frame)) for pattern in patterns) else ""

        try:
            return until(found, "a frame", seconds)
        except AssertionError:
            raise AssertionError(f"{patterns} did not come within {seconds:g} s:\n{self.frame()}") from None

    def ends(self) -> None:
        """Wait until the program has ended by itself. (tmux does not always write that into the window.)"""
        until(lambda: self._tmux.run("list-panes", "-t", "screen", "-F", "#{pane_dead}").strip() == "1", "it ends")

    def hides(self, pattern: str) -> None:
        """Wait until something no longer stands on the screen."""
        until(lambda: not re.search(pattern, without_frames(self.frame())), f"{pattern!r} goes away")
