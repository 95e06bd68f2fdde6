"""What long commands say of themselves: at once, on a terminal and in a log. Real processes, a real terminal."""

import itertools
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hadesd.cli.main import VERBS
from hadesd.cli.output import say
from hadesd.cli.progress import LONGEST_SECONDS, Phase, Progress, next_line
from tests.helpers.processes.daemon import BIN, Home, until

GOLDEN = next((Path(__file__).parents[1] / "golden").glob("cartpole-*"))
DATASET = str(GOLDEN / "dataset.npz")

LOADS_JAX = {
    "evaluate": ("evaluate", DATASET),
    "transfer": ("transfer", DATASET),
    "reference": ("reference", "--env", "CartPole-v1"),
    "report": ("report", "@"),
    "checkpoint": ("checkpoint", "unpack", "@", "-o", "state.npz"),
    "environments": ("environments", "colorsys:rgb_to_hsv"),
    "doctor": ("doctor",),
}
"""Verbs that take long because of JAX, or what they compute with it."""

ON_FILES = {
    "compare": ("compare", "@", "-o", "curve.svg"),
    "archive": ("archive", "@", "-o", ".", "--keep", "--yes"),
    "retain": ("retain", "@", "--keep-every", "0", "--yes"),
    "gc": ("gc", "--yes"),
    "rm": ("rm", "@", "--yes"),
}
"""Verbs that take as long as there is much on the disk."""

ON_RUNS = {"start", "sweep", "wait", "stop"}
"""Verbs that wait for a daemon or its runs; tried below."""

IN_LINES = {"run", "logs", "hooks", "serve", "mirror"}
"""Verbs that go on, and say with lines of their own what happens."""

QUICK = {
    "status",
    "pause",
    "resume",
    "cancel",
    "fork",
    "resize",
    "priority",
    "note",
    "rename",
    "tag",
    "export",
    "import",
    "pairs",
}
QUICK |= {"merge", "service", "settings", "paths", "gpus", "keys", "completion"}
"""Verbs that are done within two seconds."""


def test_every_verb_is_quick_or_shows_what_it_is_at() -> None:
    kinds = (LOADS_JAX.keys(), ON_FILES.keys(), ON_RUNS, IN_LINES, QUICK)
    assert sorted(VERBS) == sorted(verb for kind in kinds for verb in kind), "a verb is in none of the lists, or in two"


def test_a_phase_says_how_far_it_is_and_how_long_it_takes() -> None:
    begun = Phase("runs removed", began=100.0, total=8)
    assert begun.text(100.5) == "runs removed  0 of 8"
    quarter = Phase("runs removed", 100.0, 8, 2, done_at=104.0)
    assert quarter.text(104.0) == "runs removed  2 of 8  4 s  about 12 s left"
    assert quarter.text(106.0) == "runs removed  2 of 8  6 s  about 10 s left", "it counts down until the next is done"
    assert quarter.text(126.0) == "runs removed  2 of 8  26 s", "it takes longer than was thought"
    assert Phase("runs removed", 100.0, 8, 8, done_at=106.0).text(106.0) == "runs removed  8 of 8  6 s"
    assert Phase("compiling", 100.0).text(175.0) == "compiling  1 min 15 s", "nothing is promised"


def test_a_log_gets_ever_fewer_lines() -> None:
    at, lines = 0.0, []
    while at < 3600:
        at = next_line(at)
        lines.append(at)
    assert lines[:4] == [10, 20, 40, 80]
    assert max(after - before for before, after in itertools.pairwise(lines)) == LONGEST_SECONDS


def test_without_a_terminal_a_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("loading") as progress:
        assert list(progress.over("things", "ab", 2)) == ["a", "b"]
        progress.part("the rest")
        say("a word")
    assert capsys.readouterr().err == "the rest …\na word\n"


class Watched:
    """A command on a terminal of its own; `seen` is what it wrote there."""

    def __init__(self, home: Home, *arguments: str, cwd: Path, **environ: str) -> None:
        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [str(BIN / "hadesd"), *arguments],
            env={**home.environ, "TERM": "xterm-256color", **environ},
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""
        self._reader = threading.Thread(target=self._read, args=(master,))
        self._reader.start()

    def _read(self, master: int) -> None:
        try:
            while data := os.read(master, 4096):
                self.seen += data.decode(errors="replace")
        except OSError:  # the last one on the other side has gone
            return
        finally:
            os.close(master)

    def shows(self, pattern: str) -> None:
        """Wait until what a regular expression describes stood on the terminal."""
        until(lambda: re.search(pattern, self.seen), lambda: f"{pattern!r} is shown, but: {self.seen!r}")

    def end(self, signum: signal.Signals | None = None) -> int:
        """Wait for its end, after a signal to all that it started; its status."""
        if signum is not None:
            os.killpg(self.process.pid, signum)
        code = self.process.wait(60)
        self._reader.join(60)
        return code


@pytest.fixture
def with_a_run(home: Home) -> Home:
    """A home whose one run has finished; no daemon."""
    home.paths.make_private()
    shutil.copytree(GOLDEN, home.paths.runs / GOLDEN.name)
    return home


@pytest.mark.process
def test_what_needs_jax_says_so_before_jax_is_there(with_a_run: Home, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    (slow / "jax").mkdir(parents=True)
    (slow / "jax" / "__init__.py").write_text("import threading; threading.Event().wait()\n")
    begun = [Watched(with_a_run, *arguments, cwd=tmp_path, PYTHONPATH=str(slow)) for arguments in LOADS_JAX.values()]
    try:
        for verb, watched in zip(LOADS_JAX, begun, strict=True):
            name = {"environments": "importing colorsys", "doctor": "starting JAX", "report": "reading the run"}
            watched.shows(name.get(verb, "loading JAX"))
            watched.shows(r"  [2-9](\.\d)? s")  # it goes on
    finally:
        for watched in begun:
            watched.end(signal.SIGKILL)


@pytest.mark.process
def test_what_is_done_to_files_is_counted(with_a_run: Home, tmp_path: Path) -> None:
    shown = {"archive": f"packing {GOLDEN.name}, MB  0 of 1", "retain": "runs pruned  0 of 1"}
    shown |= {"gc": "looking for what can go", "rm": "runs removed  0 of 1", "compare": "runs read  0 of 1"}
    for verb, arguments in ON_FILES.items():
        watched = Watched(with_a_run, *arguments, cwd=tmp_path)
        assert watched.end() == 0, watched.seen
        assert shown[verb] in watched.seen
        assert "\x1b[G\x1b[K" in watched.seen.split(shown[verb])[-1], "the line is taken away"


@pytest.mark.process
def test_whoever_waits_for_runs_sees_them(home: Home, tmp_path: Path) -> None:
    home.fake_daemon()
    run = home.start(generations=100_000, milliseconds=20)
    waiting = Watched(home, "wait", run, cwd=tmp_path)
    waiting.shows(f"{run}  generation ")
    queueing = Watched(home, "sweep", "--env", "CartPole-v1", "--set", "seed=0..2", "--name", "many", cwd=tmp_path)
    assert queueing.end() == 0, queueing.seen
    assert "looking for a daemon, or starting one" in queueing.seen
    assert "runs queued  0 of 3" in queueing.seen
    stopping = Watched(home, "stop", cwd=tmp_path)
    assert stopping.end() == 0, stopping.seen
    assert "waiting until the workers have committed" in stopping.seen
    assert waiting.end(signal.SIGINT) == 130
    assert waiting.seen.endswith("\x1b[G\x1b[K") or "^C" in waiting.seen


@pytest.mark.process
def test_names_of_other_programs_are_not_imported() -> None:
    """The line itself costs a command nothing that it has not paid for."""
    code = "import sys, hadesd.cli.progress; print(sorted({'rich', 'jax', 'numpy', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
