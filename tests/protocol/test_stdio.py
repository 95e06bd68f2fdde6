"""Commands whose output nobody reads any more, or that cannot be written; real processes on real pipes."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.processes.daemon import BIN

PIPED = [["hadesd", "--help"], ["hadesd", "settings"], ["hadesd", "pairs", "big.npz"], ["hades-tui", "--help"]]
PIPED += [["hades-tui", "keys"], ["hades-tui", "keys", "--json"]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where big.npz is: its table fills the buffer of the output several times."""
    states = np.linspace(-1, 1, 2000, dtype=np.float32).reshape(500, 4)
    np.savez(tmp_path / "big.npz", states=states, actions=np.tile(np.eye(2, dtype=np.float32), (250, 1)))
    return tmp_path


def run(
    command: list[str], directory: Path, out: int, err: int = subprocess.PIPE, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """A command of this installation; standard output (and error) are the given descriptors."""
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=directory,
        env={**os.environ, "HADES_HOME": str(directory), "PYTHONUNBUFFERED": "", **variables},
        stdout=out,
        stderr=err,
        text=True,
        timeout=120,
    )


@pytest.fixture
def unread() -> int:
    """The end of a pipe whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("command", PIPED, ids=" ".join)
def test_a_reader_that_has_seen_enough_is_no_error(command: list[str], directory: Path, unread: int) -> None:
    done = run(command, directory, unread)
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_reads_the_messages_either(directory: Path, unread: int) -> None:
    assert run(["hadesd", "settings"], directory, unread, unread).returncode == 0


def test_an_error_stays_one_when_nobody_reads(directory: Path, unread: int) -> None:
    done = run(["hadesd", "pairs", "none.npz"], directory, unread)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


@pytest.mark.parametrize("command", [["hadesd", "--version"], ["hades-tui", "--version"]], ids=" ".join)
def test_a_full_disk_is_one_line(command: list[str], directory: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run(command, directory, full.fileno())
    assert (done.returncode, done.stderr) == (
        1,
        f"{command[0]}: the output could not be written: No space left on device\n",
    )


@pytest.mark.parametrize("command", [["hadesd", "pairs", "big.npz"], ["hades-tui", "keys"]], ids=" ".join)
def test_a_full_disk_in_the_middle_is_one_line_too(command: list[str], directory: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run(command, directory, full.fileno(), PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr) == (
        1,
        f"{command[0]}: No space left on device: make room, then try again\n",
    )
