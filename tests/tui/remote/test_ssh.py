"""A daemon on another machine, through ssh: a real sshd on a port of its own where there is one, else a stand-in."""

import asyncio
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import ExitCode, UnreachableError, UsageError
from hades_protocol.resync import LinkPhase
from hades_tui.app import HadesApp
from hades_tui.remote import ssh
from hades_tui.remote.ssh import Sockets, ask_command, failure, forward_command, sockets_in, sockets_of
from hades_tui.remote.tunnel import Tunnel
from hades_tui.widgets.top import TopLine
from tests.helpers.protocol.protocol_server import serving
from tests.helpers.screen.live_screen import CARTPOLE, shown, three_runs, until

STAND_IN = Path(__file__).parents[2] / "helpers" / "processes" / "ssh_stand_in.py"
HADESD = Path(sys.executable).with_name("hadesd")
TUI = Path(sys.executable).with_name("hades-tui")


class Box:
    """A way to `box`, which is this machine: an ssh on the PATH that notes its process ids."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes = directory / "pids"
        self.home = directory / "h"
        (self.home / "run").mkdir(parents=True)
        self.hadesd = f"HADES_HOME={self.home} {HADESD}"

    def install(self, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have `ssh` be that command."""
        bin_ = self.directory / "bin"
        bin_.mkdir()
        (bin_ / "ssh").write_text(f'#!/bin/sh\necho $$ >> {self.notes}\nexec {command} "$@"\n')
        (bin_ / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(self.directory))

    def processes(self) -> list[int]:
        """The ssh processes that live, the newest last."""
        pids = [int(line) for line in self.notes.read_text().split()] if self.notes.exists() else []
        return [pid for pid in pids if _lives(pid)]

    def left(self) -> list[Path]:
        """Directories of tunnels."""
        return list(self.directory.glob("hades-tui-*"))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def soon(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def _sshd(directory: Path) -> Iterator[str]:
    """An sshd of our own with a key that needs no question; yields the ssh command that goes there."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    client = shutil.which("ssh")
    if program is None or client is None:
        pytest.skip("no OpenSSH server is installed here; the stand-in is tried instead")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    (directory / "ssh_config").write_text(
        f"Host box\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {directory}/user\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {directory}/known\n  StrictHostKeyChecking accept-new\n"
    )
    tried = subprocess.run(
        [program, "-t", "-f", directory / "sshd_config"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"sshd cannot run here: {tried.stderr.strip()}")
    server = subprocess.Popen([program, "-D", "-e", "-f", directory / "sshd_config"], stderr=subprocess.DEVNULL)
    try:
        soon(lambda: _listens(port), "sshd listens")
        yield f"{client} -F {directory}/ssh_config"
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(params=["sshd", "stand-in"])
def box(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A way there."""
    way = Box(tmp_path)
    if request.param == "stand-in":
        way.install(f"{sys.executable} {STAND_IN}", monkeypatch)
        yield way
    else:
        for command in _sshd(tmp_path):
            way.install(command, monkeypatch)
            yield way
    for pid in way.processes():
        os.kill(pid, signal.SIGKILL)


async def test_a_screen_through_ssh_goes_stale_and_comes_back(box: Box) -> None:
    with serving(box.home / "run", three_runs()):
        async with Tunnel("box", hadesd=box.hadesd) as tunnel:
            assert tunnel.problem() == ""
            assert tunnel.directory.stat().st_mode & 0o777 == 0o700
            client = AsyncClient(f"ipc://{tunnel.directory}/control.sock", f"ipc://{tunnel.directory}/events.sock")
            app = HadesApp(client, obstacle=tunnel.problem)
            try:
                async with app.run_test(size=(150, 40)) as pilot:
                    await until(pilot, lambda: app.model.link.phase is LinkPhase.LIVE and app.model.history.loaded)
                    assert app.model.run is not None
                    assert app.model.run.id == CARTPOLE
                    (first,) = box.processes()
                    os.kill(first, signal.SIGSTOP)  # a network that carries nothing: the daemon is not to blame
                    await until(pilot, lambda: app.model.link.phase is LinkPhase.STALE)
                    os.kill(first, signal.SIGKILL)
                    await until(pilot, lambda: "ssh to box: ended with status -9" in shown(app, TopLine))
                    await until(pilot, lambda: app.model.link.phase is LinkPhase.LIVE)
                    assert tunnel.problem() == ""
                    assert box.processes() != [first]
            finally:
                client.close()
        assert box.processes() == []
        assert box.left() == []


async def test_a_tunnel_outlives_its_directory_and_a_system_that_starts_no_process(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = Tunnel._start, []

    async def refuses_once(command: list[str], stdin: int) -> asyncio.subprocess.Process:
        if not refused:
            refused.append(command)
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return await start(command, stdin)

    with serving(box.home / "run", three_runs()):
        async with Tunnel("box", hadesd=box.hadesd) as tunnel:
            (first,) = box.processes()
            monkeypatch.setattr(Tunnel, "_start", staticmethod(refuses_once))
            shutil.rmtree(tunnel.directory)
            os.kill(first, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while not (refused and not tunnel.problem() and (tunnel.directory / "control.sock").exists()):
                assert time.monotonic() < deadline, tunnel.problem()
                await asyncio.sleep(0.05)
            shutil.rmtree(tunnel.directory)  # and it can be left
    assert box.processes() == []


def hades_tui(*arguments: str, box: Box) -> "subprocess.CompletedProcess[str]":
    command = [str(TUI), *arguments, "--remote-hadesd", box.hadesd]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_look_through_ssh(box: Box) -> None:
    with serving(box.home / "run", three_runs()):
        done = hades_tui("attach", "--host", "box", "--once", "--json", box=box)
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["runs"][0]["id"] == CARTPOLE
    assert box.left() == []
    assert box.processes() == []


def test_without_a_daemon_there_it_is_said_whose(box: Box) -> None:
    done = hades_tui("attach", "--host", "box", "--once", box=box)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr == (
        "hades-tui: no daemon answers on box: 'hadesd serve' or 'hadesd start' there starts one, --wait awaits it\n"
    )
    assert box.left() == []


def test_a_hadesd_that_is_not_on_the_path_is_told_with_what_to_do(box: Box) -> None:
    command = [str(TUI), "attach", "--host", "box", "--once", "--remote-hadesd", "no-such-hadesd"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr.count("\n") == 1
    assert "box has no 'no-such-hadesd' on the PATH" in done.stderr
    assert "--remote-hadesd" in done.stderr
    assert box.left() == []


def test_with_its_sockets_named_nothing_is_asked(box: Box) -> None:
    with serving(box.home / "run", three_runs()):
        command = [str(TUI), "attach", "--host", "box", "--once", "--remote-sockets", f"{box.home}/run"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert CARTPOLE in done.stdout
    assert len(box.notes.read_text().split()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_no_ssh_stays(box: Box, number: signal.Signals) -> None:
    with serving(box.home / "run", three_runs()):
        command = [str(TUI), "events", "--host", "box", "--heartbeats", "--remote-sockets", f"{box.home}/run"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(box.processes()) == 1
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        assert stderr == ""
        assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
        soon(lambda: box.processes() == [], "ssh ended")
    assert (box.left() == []) == (number is not signal.SIGKILL)


def test_no_way_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Box(tmp_path).install(f"{sys.executable} {STAND_IN}", monkeypatch)
    done = subprocess.run([str(TUI), "attach", "--host", "far", "--once"], capture_output=True, text=True, timeout=60)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr == "hades-tui: ssh to far: Could not resolve hostname far: Name or service not known\n"


def test_what_is_no_host_never_reaches_ssh() -> None:
    for host in ("", "-oProxyCommand=evil", "two words"):
        with pytest.raises(UsageError, match="is no host"):
            ask_command(host, "hadesd")
        with pytest.raises(UsageError, match="is no host"):
            forward_command(host, [])


def test_ssh_asks_no_question_and_fails_without_its_forwards() -> None:
    command = forward_command("me@box", [("/l/control.sock", "/r/control.sock")])
    assert command[0] == "ssh"
    assert "BatchMode=yes" in command
    assert "ExitOnForwardFailure=yes" in command
    assert "ServerAliveInterval=5" in command
    assert command[-3:] == ["--", "me@box", ssh.HOLD_COMMAND]
    assert "/l/control.sock:/r/control.sock" in command


def test_the_answer_is_found_below_what_a_shell_says() -> None:
    answer = {"control_socket": "/r/control.sock", "events_socket": "/r/events.sock"}
    found = sockets_of(f"Welcome to box!\n{json.dumps(answer)}\n", "box", "hadesd")
    assert found == Sockets("/r/control.sock", "/r/events.sock") == sockets_in("/r/")
    with pytest.raises(UnreachableError, match="--remote-sockets DIR"):
        sockets_of("hello\n", "box", "hadesd")


def test_a_failure_says_what_to_do() -> None:
    cases: list[tuple[int, list[str], str]] = [
        (255, ["me@box: Permission denied (publickey,password)."], "'ssh-add' yours"),
        (255, ["Host key verification failed."], "connect once with 'ssh box'"),
        (255, ["ssh: connect to host box port 22: Connection refused"], "ssh to box: connect to host box port 22"),
        (255, ["channel 2: open failed: connect failed: x", "client_loop: Broken pipe"], "client_loop: Broken pipe"),
        (127, ["sh: 1: hadesd: not found"], "--remote-hadesd"),
        (127, ["bash: line 1: hadesd: command not found"], "--remote-hadesd"),
        (2, ["hadesd: no such verb"], "'hadesd' on box failed with status 2: hadesd: no such verb"),
        (-9, [], "ended with status -9"),
    ]
    for status, stderr, advice in cases:
        text = failure("box", "hadesd", status, stderr)
        assert advice in text
        assert "\n" not in text
