"""Every action of the screen by its keys, in a real terminal, on real runs of a real daemon.

HADES_DRILL_SIZES=1 repeats it at all three sizes; otherwise only the smallest, where there is least room.
"""

import os
import re

import pytest

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hades_protocol.settings import merge
from tests.helpers.processes.daemon import Home, until
from tests.helpers.runs.specs import TINY
from tests.helpers.screen.terminal import HAS_TMUX, Terminal

S = RunState
SIZES = ((80, 24), (120, 40), (200, 60)) if os.environ.get("HADES_DRILL_SIZES") else ((80, 24),)

pytestmark = [
    pytest.mark.skipif(not HAS_TMUX, reason="no tmux is installed here"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def run(home: Home) -> str:
    """A run that computes for as long as the test needs it."""
    home.daemon("--slots", "2")
    spec = merge(TINY, {"evolution": {"generations": 1_000_000}, "checkpoints": {"keep_newest": 20}})
    started: RunSummary = home.ask(commands.Start, spec=spec)
    home.reaches(started.id, S.RUNNING, 3)
    return started.id


def confirm(terminal: Terminal, key: str, question: str, consequence: str, notice: str) -> None:
    """A yes-or-no action: it asks first, says what will happen, and tells what came of it."""
    terminal.press(key)
    terminal.shows(question, consequence)
    terminal.press("y")
    terminal.shows(f"▌ {notice}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_action_by_its_keys(home: Home, run: str, size: tuple[int, int]) -> None:
    terminal = Terminal(home.paths.state, home.environ, size, run)
    try:
        terminal.shows("live")
        terminal.shows(f"▌ ● running +{run}")
        pause_and_resume(home, terminal, run)
        resize(home, terminal, run)
        forked = fork(home, terminal, run)
        note(home, terminal, forked)
        confirm(terminal, "C", f"Cancel {forked}\\?", "The worker commits", forked)
        home.reaches(forked, S.CANCELLED)
        export(home, terminal, forked)
        evaluate(home, terminal, forked)
        look_around(terminal)
        terminal.press("q")
        terminal.ends()
        assert home.show(run).state in (S.RUNNING, S.STARTING), "leaving the screen touched a run"
    finally:
        terminal.close()


def pause_and_resume(home: Home, terminal: Terminal, run: str) -> None:
    confirm(terminal, "P", f"Pause {run}\\?", "worker exits", run)
    home.reaches(run, S.PAUSED)
    terminal.shows(f"paused {run}")
    assert not home.worker_pids()
    confirm(terminal, "R", f"Resume {run}\\?", "from generation", run)
    home.reaches(run, S.RUNNING)


def resize(home: Home, terminal: Terminal, run: str) -> None:
    terminal.press("S")
    terminal.shows(f"Resize {run}", "population 8 →")
    terminal.press("C-u")
    terminal.type("12")
    terminal.shows("the daemon takes 1 change", "time: about", "memory: now")
    terminal.press("C-s")
    until(lambda: home.show(run).population == 12, "the run has its new size")
    home.reaches(run, S.RUNNING)


def fork(home: Home, terminal: Terminal, run: str) -> str:
    terminal.press("F")
    terminal.shows(f"Fork {run}", "find a setting", "kept: [0-9]")
    terminal.type("evolution.sigma")
    terminal.shows("▸ evolution.sigma ")
    terminal.press("Enter", "C-u")
    terminal.type("none")
    terminal.shows("✘")
    terminal.press("C-u")
    terminal.type("0.15")
    terminal.shows("evolution.sigma 0.3 → 0.15", "the daemon takes 1 change")
    terminal.press("C-s")
    terminal.shows(f"forked from {run}@")
    snapshot = home.ask(commands.Snapshot)
    (child,) = [known for known in snapshot.runs if known.parent is not None]
    assert child.parent.run == run
    assert home.ask(commands.Show, run=child.id).spec["evolution"]["sigma"] == 0.15
    home.reaches(child.id, S.RUNNING, child.parent.generation + 1)
    return str(child.id)


def note(home: Home, terminal: Terminal, run: str) -> None:
    terminal.press("N")
    terminal.shows(f"Note {run}")
    terminal.type("half the sigma")
    terminal.shows("half the sigma")
    terminal.press("C-s")
    terminal.shows("Quit")
    until(lambda: home.show(run).note == "half the sigma", "the note is on the run")


def export(home: Home, terminal: Terminal, run: str) -> None:
    terminal.press("E")
    terminal.shows(f"Export {run}")
    terminal.press("C-s")
    terminal.shows("▌ export of")
    exports = home.paths.runs / run / "exports"
    file = until(lambda: next(exports.glob("*.npz"), None), "the file")
    assert re.fullmatch(f"{run}-generation-[0-9]+.npz", file.name)


def evaluate(home: Home, terminal: Terminal, run: str) -> None:
    terminal.press("V")
    terminal.shows(f"Evaluate {run}")
    terminal.press("C-s" if "ctrl+s" in terminal.frame() else "y")
    terminal.shows("▌ evaluation of", "[0-9.]+ ± [0-9.]+ over|over [0-9]+ policies", seconds=300)


def look_around(terminal: Terminal) -> None:
    """Screens that change nothing."""
    for key, text in (
        ("i", "Checkpoints of"),
        ("o", "Log of"),
        ("w", "generation [0-9]+ of 1000000"),
        ("?", "Page down"),
    ):
        terminal.press(key)
        terminal.shows(text)
        terminal.press("Escape")
        terminal.hides(text)  # before the next key: escape and a letter at once are another key
