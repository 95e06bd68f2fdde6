"""Each call that changes a file fails, is cut short, or is the last of its process: a tenth of all cases, drawn daily.

All of them, and power cuts: `python -m tests.drills.enumeration` (`make drill`). HADES_DRILL_SEED=N draws others.
"""

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.enumeration.replay import Loss, Tree, files_of
from tests.helpers.faults import fault_injector
from tests.helpers.faults.fault_injector import Injector, Mode, Operation, read_notes

pytestmark = pytest.mark.skipif(not fault_injector.can_compile(), reason="there is no C compiler (cc)")

SEED = int(os.environ.get("HADES_DRILL_SEED") or datetime.date.today().toordinal())

PLAY = """
import os, shutil, sys
from pathlib import Path
from hades_protocol.messages import GenerationTiming
from hadesd.storage import atomic, checkpoints, metric_lines
root = Path(sys.argv[1])
for generation in (1, 2, 3):
    line = GenerationTiming(generation=generation, seconds=1.0, committed_at=2.0)
    metric_lines.append(root / "timings.jsonl", line)
    atomic.write_atomically(root / "one", b"1" * 5000 * generation)
    atomic.write_atomically(root / "two", b"2")
metric_lines.cut(root / "timings.jsonl", GenerationTiming, 2)
shutil.copytree(root, root / "deep" / "copy", ignore=lambda *_: ["deep"])
checkpoints.flush(root / "deep")
os.rename(root / "deep", root / "5")
checkpoints.discard(root, 5)
"""
"""What storage does to files, in all of its ways."""


class Play:
    """A child that does PLAY in a directory, under the library."""

    def __init__(self, directory: Path) -> None:
        self.root, self.notes = directory / "root", directory / "notes"
        self.root.mkdir()
        self._environment = fault_injector.build(directory)
        self._injector = Injector(directory / "control")

    def run(self, mode: Mode, nth: int = 0) -> int:
        """Its exit status, and below `notes` what it did."""
        shutil.rmtree(self.root)
        self.root.mkdir()
        self.notes.write_bytes(b"")
        with self._injector.armed(self.root, mode, nth, notes=self.notes):
            child = subprocess.run(
                [sys.executable, "-c", PLAY, str(self.root)], env=os.environ | self._environment, capture_output=True
            )
        return child.returncode

    def replayed(self, upto: int | None = None) -> Tree:
        """What its first notes amount to."""
        before = self.root.with_name("empty")
        before.mkdir(exist_ok=True)
        tree = Tree(before, root=self.root)
        for note in read_notes(self.notes)[:upto]:
            tree.apply(note)
        return tree


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_the_notes_say_what_a_killed_process_leaves(play: Play) -> None:
    assert play.run(Mode.COUNT) == 0
    whole, calls = read_notes(play.notes), play._injector.count
    assert {note.operation for note in whole} >= {*Operation} - {Operation.LINK, Operation.MARK}
    assert play.replayed().files() == files_of(play.root)
    for nth in range(1, calls + 1, calls // 4):
        assert play.run(Mode.KILL, nth) == -signal.SIGKILL
        assert read_notes(play.notes) == whole[: len(read_notes(play.notes))]
        assert play.replayed().files() == files_of(play.root), f"killed at call {nth}"


def test_a_power_cut_leaves_what_was_flushed(play: Play) -> None:
    assert play.run(Mode.COUNT) == 0
    notes = read_notes(play.notes)
    appended = [at for at, note in enumerate(notes, 1) if note.path.endswith("timings.jsonl") and note.data]
    left = {loss: play.replayed(appended[1]).files(loss).get("timings.jsonl") for loss in Loss}
    whole = left[Loss.KILL]
    assert isinstance(whole, bytes)
    half = len(whole) // 2
    assert left[Loss.EMPTY] == b""
    assert left[Loss.TORN] == whole[:half]
    assert left[Loss.TAIL] == whole[:half] + bytes(len(whole) - half)
    assert left[Loss.NAMES] == whole, "the directory was flushed after it was made"
    replaced = next(at for at, note in enumerate(notes, 1) if note.second.endswith("/two"))
    assert "two" not in play.replayed(replaced).files(Loss.NAMES)
    assert "two" in play.replayed(replaced + 1).files(Loss.NAMES)
    assert play.replayed(replaced + 1).files(Loss.EMPTY)["two"] == b"2"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_call_fails_every_life_ends_like_its_undisturbed_twin(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ("--few-faults", "--share", "0.1", "--seed", str(SEED), "--report", str(report))
    done = subprocess.run(
        [sys.executable, "-m", "tests.drills.enumeration", *arguments], capture_output=True, text=True
    )
    assert report.exists(), done.stderr[-3000:]
    found = json.loads(report.read_text())
    assert found["problems"] == [], f"HADES_DRILL_SEED={SEED}"
    assert found["cases"] > 100
    assert done.returncode == 0
