"""What systemd is told: the lines by themselves, and a real daemon at a real NOTIFY_SOCKET."""

import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hadesd.daemon.systemd import service_manager, status_line
from tests.helpers.processes.daemon import Home, until
from tests.helpers.processes.fake_worker import BEHAVIOURS
from tests.helpers.protocol.protocol_server import a_run

S = RunState
ROOT = Path(__file__).parents[2]


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(0.05)
        self.told: list[str] = []

    def lines(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                self.told += self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                return self.told

    def hears(self, start: str, after: int = 0) -> str:
        """Wait for a line that begins so, after that many others."""
        found = until(
            lambda: [line for line in self.lines()[after:] if line.startswith(start)], f"{start}, but {self.told}"
        )
        return found[0]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, home: Home) -> Iterator[Manager]:
    home.paths.make_private()
    address = f"@hades-test-{secrets.token_hex(8)}" if request.param == "abstract" else f"{home.paths.state}/notify"
    manager = Manager(address)
    yield manager
    manager.close()


# A real daemon ------------------------------------------------------------------------------------------------


def test_a_daemon_tells_when_it_is_ready_how_it_stands_and_that_it_stops(home: Home, manager: Manager) -> None:
    home.environ["NOTIFY_SOCKET"] = manager.address
    daemon = home.daemon("--grace", "7")
    assert manager.lines()[:2] == ["READY=1", "STATUS=no run is waiting or running"]
    daemon.terminate()
    assert daemon.wait(60) == 0
    manager.hears("STOPPING=1")
    assert manager.hears("STATUS=stopping") == "STATUS=stopping: no run is waiting or running"
    assert manager.hears("EXTEND_TIMEOUT_USEC=") == "EXTEND_TIMEOUT_USEC=37000000"  # 7 s, 10 to kill, 20 to leave
    assert not [line for line in manager.told if line.startswith("WATCHDOG")], "nobody asked for it"


def test_the_status_follows_the_runs_and_the_workers_are_not_told_of_systemd(home: Home, manager: Manager) -> None:
    home.environ |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "10000000"}
    daemon = home.fake_daemon(slots=1)
    run = home.start(milliseconds=50)
    home.start()
    pid = home.reaches(run, S.RUNNING, 1).worker_pid
    told = manager.hears(f"STATUS=1 queued, 1 running; {run} generation ")
    manager.hears(f"STATUS=1 queued, 1 running; {run} generation ", manager.lines().index(told) + 1)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"HADES_WORKER_FD" in environment
    assert b"NOTIFY_SOCKET" not in environment
    assert b"WATCHDOG" not in environment
    daemon.send_signal(signal.SIGUSR1)
    assert daemon.wait(60) == 0
    manager.hears(f"STATUS=stopping: 1 queued, 1 stopping; {run}")


def test_the_watchdog_is_fed_by_a_daemon_that_gets_on(home: Home, manager: Manager) -> None:
    home.environ |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "10000000"}
    home.fake_daemon()
    until(lambda: manager.lines().count("WATCHDOG=1") >= 3, "it is fed again and again")


def test_another_process_than_the_one_that_systemd_watches_feeds_no_watchdog(home: Home, manager: Manager) -> None:
    home.environ |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}
    home.fake_daemon()
    run = home.start(milliseconds=50)
    manager.hears(f"STATUS=1 running; {run}")
    assert "WATCHDOG=1" not in manager.told


def test_the_watchdog_is_not_fed_while_a_worker_survives_sigkill(home: Home, manager: Manager) -> None:
    home.environ |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "10000000", "PYTHONPATH": str(ROOT)}
    home.answering(
        home.spawn([sys.executable, "-m", "tests.helpers.processes.immortal_daemon", '{"heartbeat_timeout": 2.0}'])
    )
    until(lambda: "WATCHDOG=1" in manager.lines(), "it is fed at first")
    run = home.start(seed=BEHAVIOURS["silent"])

    def starves() -> bool:
        return any(line["event"].startswith("workers survive SIGKILL") for line in home.log())

    until(starves, "the daemon notices")
    fed = manager.lines().count("WATCHDOG=1")
    time.sleep(3.0)
    assert manager.lines().count("WATCHDOG=1") == fed
    (pid,) = home.worker_pids()
    assert home.show(run).worker_pid == pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: manager.lines().count("WATCHDOG=1") > fed, "it is fed again")


@pytest.mark.parametrize("address", ["vsock:2:1234", "/no/such/socket"])
def test_a_manager_that_cannot_be_told_is_logged_and_the_daemon_serves(home: Home, address: str) -> None:
    home.environ |= {"NOTIFY_SOCKET": address}
    home.daemon()
    assert home.ask(commands.Hello).pid
    complaints = [line for line in home.log() if "service manager" in line["event"]]
    assert [line["level"] for line in complaints] == ["warning"]


# The lines ----------------------------------------------------------------------------------------------------


def test_without_systemd_there_is_nobody_to_tell() -> None:
    environ = {"WATCHDOG_USEC": "1", "PATH": "/bin"}
    assert service_manager(environ, 70.0) is None
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("runs", "line"),
    [
        ((), "no run is waiting or running"),
        ((a_run("a-1", S.FINISHED), a_run("b-1", S.FAILED)), "no run is waiting or running"),
        (
            (a_run("a-1", generation=312, generations=2000), a_run("b-1", S.QUEUED), a_run("c-1", S.STARTING)),
            "1 queued, 1 starting, 1 running; a-1 generation 312/2000",
        ),
        (
            tuple(a_run(f"{name}-1", generation=1, generations=2) for name in "abcde"),
            "5 running; a-1 generation 1/2, b-1 generation 1/2, c-1 generation 1/2, and 2 more",
        ),
    ],
)
def test_the_status_line(runs: tuple, line: str) -> None:
    assert status_line(runs, stopping=False) == line
    assert status_line(runs, stopping=True) == f"stopping: {line}"
