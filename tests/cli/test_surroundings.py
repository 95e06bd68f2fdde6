"""Commands in surroundings that somebody forgot to set up: streams, encodings, homes, names; real processes."""

import io
import json
import os
import pty
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest

from hades_protocol.errors import NO_ROOM, UsageError
from hades_protocol.paths import Paths
from hadesd.cli.errors import report_error
from hadesd.service.install import placement, unit_directory
from hadesd.storage.disk import is_full
from tests.helpers.processes.daemon import BIN, Home, until
from tests.helpers.processes.other_user import without_rights

RAW = os.fsdecode(b"q\xff")
"""A name that is no UTF-8."""


def shell(command: str, directory: Path, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """A command of this installation, as a shell runs it; the environment holds nothing but what is given."""
    return subprocess.run(
        ["sh", "-c", f"exec {shlex.quote(str(BIN))}/{command}"],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        timeout=120,
    )


def test_streams_that_are_closed_full_or_narrow_are_no_bug(home: Home) -> None:
    home.paths.make_private()
    there = {"HADES_HOME": str(home.paths.state)}
    cases = {
        "hadesd settings >&- 2>&-": 0,
        "hadesd status <&- >&- 2>&-": 4,
        "hades-tui keys >&- 2>&-": 0,
        "hadesd stop 2>/dev/full": 4,
        "hadesd note @ -- x 2>/dev/full": 4,
    }
    found = {command: shell(command, home.paths.state, **there).returncode for command in cases}
    assert found == cases
    done = shell("hadesd settings", home.paths.state, PYTHONIOENCODING="iso-8859-1", **there)
    assert (done.returncode, done.stderr, b"\\u2026" in done.stdout) == (0, b"", True)
    assert not (home.paths.state / "cli-error.log").exists()


def test_a_daemon_without_streams_serves_and_writes_nothing_into_its_files(home: Home) -> None:
    home.answering(home.spawn(["sh", "-c", f"exec {shlex.quote(str(BIN))}/hadesd serve <&- >&- 2>&-"]))
    done = home.hadesd("stop")
    assert done.returncode == 0
    assert [line["event"] for line in home.log()][-1] == "daemon stopped", "each line is JSON"


def test_json_stays_json_where_the_output_has_no_such_letters(home: Home) -> None:
    place = home.paths.state / "é"
    place.mkdir()
    done = shell("hadesd paths --json", place, HADES_HOME=str(place), PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout.decode("ascii"))["state"] == str(place)


def test_names_that_are_no_utf8_work_or_are_one_line(home: Home) -> None:
    raw = home.paths.state / RAW
    raw.mkdir()
    odd, plain = {"HADES_HOME": str(raw)}, {"HADES_HOME": str(home.paths.state)}
    name = "\"$(printf 'q\\377')\""
    cases = [
        ("hadesd paths", odd, 0),
        ("hadesd serve", odd, 2),
        ("hadesd pairs \"$(printf 'no-run\\377')\"", plain, 3),
        (f"hadesd pairs {name}", plain, 2),  # the directory above, and no dataset
        (f"hadesd no-such-verb {name}", plain, 2),
        (f"hades-tui attach --once --connect ipc:///tmp/{name}", plain, 2),
    ]
    for command, variables, code in cases:
        done = shell(command, home.paths.state, **variables)
        assert (done.returncode, done.stderr.count(b"\n")) == (code, int(code > 0)), (command, done.stderr)
        assert b"internal error" not in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be mapped to a user without a name")
def test_a_user_without_name_and_home_is_told_what_to_set(home: Home) -> None:
    nameless = ["unshare", "--user", "--map-user=54321", "--map-group=54321", "env", "-i", str(BIN / "hadesd")]
    done = subprocess.run([*nameless, "paths"], capture_output=True, text=True, timeout=120)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "set HADES_HOME or HOME" in done.stderr
    nameless[-1:-1] = [f"HADES_HOME={home.paths.state}", f"HOME={home.paths.state}"]
    done = subprocess.run([*nameless, "service", "status"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (3, "")


def test_a_terminal_without_a_cursor_gets_no_escape_sequence(home: Home) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as read:
        process = subprocess.Popen(
            [BIN / "hades-tui", "attach"],
            env={**home.environ, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        assert process.wait(120) == 2
        written = os.read(read.fileno(), 65536)
        os.close(theirs)
    assert b"TERM=dumb" in written
    assert b"\x1b" not in written


# What needs no process -----------------------------------------------------------------------------------------


def test_relative_xdg_paths_count_as_unset_and_a_tilde_is_the_home() -> None:
    relative = {f"XDG_{name}": "rel" for name in ("STATE_HOME", "RUNTIME_DIR", "CACHE_HOME", "CONFIG_HOME")}
    home = {"HOME": "/home/ada"}
    assert vars(Paths(home | relative)) == vars(Paths(home))
    assert Paths(home | {"HADES_HOME": "~/x"}).state == Path("/home/ada/x")
    assert Paths({"HOME": "rel", "HADES_HOME": "~"}).state == Paths({"HADES_HOME": "~"}).state
    where = placement(False, home | relative | {"HADES_HOME": "~/x"}, 60.0, ())
    assert where.environment == {"HADES_HOME": "/home/ada/x"}
    assert unit_directory(False, home | relative) == Path("/home/ada/.config/systemd/user")


def test_without_any_home_the_directories_that_are_given_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(UsageError, match="54321"):
        Paths({})
    given = {"XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c", "XDG_CONFIG_HOME": "/k"}
    assert Paths(given).state == Path("/s/hades")
    assert Paths({"HADES_HOME": "/h"}).state == Path("/h")


class Full(io.StringIO):
    """A stream to a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Unspeakable(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RecursionError


def test_the_last_resort_survives_anything(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADES_HOME", str(home.paths.state))
    monkeypatch.setattr("sys.argv", ["hadesd", RAW])
    closed = io.StringIO()
    closed.close()
    for stream in (Full(), closed, None):
        monkeypatch.setattr("sys.stderr", stream)
        for error in (Unspeakable(), MemoryError(), OSError(24, "Too many open files"), OSError(27, "x"), KeyError()):
            assert report_error(error) == 1, error
    log = (home.paths.state / "cli-error.log").read_text()
    assert "KeyError" in log
    assert all(is_full(OSError(number, "x")) for number in NO_ROOM)


def test_directories_of_somebody_else_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0)
        with without_rights(), pytest.raises(PermissionError) as caught:
            os.listdir(place)
        os.chmod(place, 0o700)
    assert report_error(caught.value) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"hadesd: {place}: Permission denied: ")
    assert "HADES_HOME" in said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a first process")
def test_the_first_process_of_a_container_reaps_orphans(home: Home) -> None:
    home.paths.make_private()
    home.paths.config_file.write_text('[hooks]\nfinished = ["sh", "-c", "(sleep 0.1; exit 3) & echo $! >orphan"]\n')
    home.paths.config_file.chmod(0o600)
    helper = Path(__file__).parents[1] / "helpers/processes/fake_daemon.py"
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    outside = home.spawn([*namespace, str(BIN / "python"), str(helper), "{}"])
    until(lambda: home.paths.control_socket.exists() or outside.poll() is not None, "it listens")
    if outside.poll() is not None:
        pytest.skip(f"no namespaces here: {outside.communicate()[1].decode()}")
    (first,) = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
    home.start(generations=1)
    until((home.paths.state / "orphan").exists, "the hook has run")
    until(lambda: Path(f"/proc/{first}/task/{first}/children").read_text() == "", "no zombie is left")
