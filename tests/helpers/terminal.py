"""A real terminal for the real screen: a tmux server of our own."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.daemon import until

TUI = Path(sys.executable).with_name("hades-tui")
HAS_TMUX = shutil.which("tmux") is not None


def without_frames(frame: str) -> str:
    """The words of a screen in one line; what the lines between panels and dialogs cut in two is left as it is."""
    return re.sub(r"[\s│╭╮╰╯─━]+", " ", frame)


class Terminal:
    """`hades-tui attach` in a window of so many columns and rows."""

    def __init__(self, directory: Path, environ: Mapping[str, str], size: tuple[int, int], *flags: str) -> None:
        self._base = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environ = {**environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        for name in ("TMUX", "NO_COLOR", "COLORTERM", "COLUMNS", "LINES"):  # the last two would be believed
            self._environ.pop(name, None)
        width, height = map(str, size)
        self._run("new-session", "-d", "-s", "screen", "-x", width, "-y", height, str(TUI), "attach", *flags)
        self._run("set-option", "-t", "screen", "remain-on-exit", "on")

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._base, *words], env=self._environ, capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Send keys by their names in tmux."""
        for key in keys:
            self._run("send-keys", "-t", "screen", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Send text as it is."""
        self._run("send-keys", "-t", "screen", "-l", text)

    def frame(self) -> str:
        """What stands on the screen now."""
        return self._run("capture-pane", "-p", "-t", "screen")

    def shows(self, *patterns: str, seconds: float = 60.0) -> str:
        """Wait until all these stand on the screen; the frame with them."""

        def found() -> str:
            frame = self.frame()
            return frame if all(re.search(pattern, without_frames(frame)) for pattern in patterns) else ""

        try:
            return until(found, "a frame", seconds)
        except AssertionError:
            raise AssertionError(f"{patterns} did not come within {seconds:g} s:\n{self.frame()}") from None

    def hides(self, pattern: str) -> None:
        """Wait until something no longer stands on the screen."""
        until(lambda: not re.search(pattern, without_frames(self.frame())), f"{pattern!r} goes away")

    def close(self) -> None:
        """End the server and what runs in it."""
        subprocess.run([*self._base, "kill-server"], env=self._environ, capture_output=True)
