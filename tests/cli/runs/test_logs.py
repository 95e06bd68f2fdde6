"""`hadesd logs`: the end of a log, and what is added, across its rotations."""

import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

import msgspec
import pytest

from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hadesd.logs import rotation
from hadesd.storage import records
from tests.helpers.processes.daemon import BIN, Home

WRITER = """
import os, sys
from pathlib import Path
from hadesd.logs import rotation
path = Path(sys.argv[1])
fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    os.write(fd, b"line %05d\\n" % i)
    rotation.rotate_open(path, fd, limit=8000)
"""


@pytest.fixture
def log(home: Home) -> Path:
    home.paths.make_private()
    record = records.create(home.paths.runs, build_spec({"env": "CartPole-v1"}), 1.0)
    return home.paths.runs / record.id / "worker.log"


def write(log: Path, first: int, last: int) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(log), str(first), str(last)], check=True, timeout=60)


def test_the_last_lines_reach_into_rotated_files(home: Home, log: Path) -> None:
    write(log, 0, 2000)
    assert len(rotation.rotated(log)) == 2
    for count in (3, 1500):
        done = home.hadesd("logs", "@", "-n", str(count))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [f"line {i:05d}" for i in range(2000 - count, 2000)]


def test_raw_lines_are_those_of_the_file(home: Home, log: Path) -> None:
    line = '{"event": "began", "level": "info", "timestamp": "2026-11-21T10:00:00Z", "pid": 7}'
    log.write_text(f"{line}\n")
    assert home.hadesd("logs", "@", "--raw").stdout == f"{line}\n"
    home.environ["TZ"] = "America/New_York"  # as status and the screen, which have local times
    assert home.hadesd("logs", "@").stdout == "2026-11-21 05:00:00  info     began  pid=7\n"


def test_without_a_log_it_says_whether_one_may_come(home: Home, log: Path) -> None:
    assert home.hadesd("logs", "@").stderr.endswith("has no log yet: its worker has not started\n")
    record, _ = records.load(log.parent)
    failed = records.RunOutcome(kind=RunState.FAILED, at=2.0, reason="no package")
    records.save(log.parent, msgspec.structs.replace(record, outcome=failed))
    done = home.hadesd("logs", "@")
    assert (done.returncode, done.stderr) == (
        3,
        f"hadesd: run {record.id} has no log: it ended before a worker wrote one\n",
    )


def test_following_goes_over_to_the_new_file(home: Home, log: Path) -> None:
    write(log, 0, 10)
    process = subprocess.Popen(
        [str(BIN / "hadesd"), "logs", "@", "-n", "1", "-f"], env=home.environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told: Queue[str] = Queue()
    reader = threading.Thread(target=lambda: [told.put(line.rstrip()) for line in process.stdout or ()], daemon=True)
    reader.start()
    seen = []
    try:
        seen.append(told.get(timeout=60))
        for first in range(10, 1600, 400):  # each larger than what is left of a file: two rotations in all
            write(log, first, min(first + 400, 1600))
            while not seen or seen[-1] != f"line {min(first + 400, 1600) - 1:05d}":
                seen.append(told.get(timeout=60))
    except Empty:
        pytest.fail(f"nothing more after {seen[-1:]}")
    finally:
        process.kill()
        process.wait(60)
        reader.join(60)
        process.stdout.close()
    assert seen == [f"line {i:05d}" for i in range(9, 1600)]
    assert len(rotation.rotated(log)) >= 1
