"""A real daemon under thousands of messages that make no sense: no crash, no hang, no growth."""

import collections
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
import zmq

from hades_protocol import codec, commands, events, replies
from hades_protocol.run_state import RunState
from hadesd.logs import rate_limit
from tests.helpers.faults.fuzz import FuzzSource
from tests.helpers.processes.daemon import Home, until

MESSAGES = 3000
IN_FLIGHT = 20
GROWTH = 48 * 2**20


class Line:
    """A client's end of the control socket, as anybody can make one."""

    def __init__(self, home: Home) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(home.paths.control_endpoint)
        self._open = 0
        self.codes: collections.Counter[str] = collections.Counter()

    def send(self, frames: list[bytes]) -> None:
        """Send a message; wait for answers where many are missing."""
        self._socket.send_multipart(frames)
        self._open += 1
        while self._open >= IN_FLIGHT:
            self._receive()

    def settle(self) -> None:
        """Wait until everything is answered."""
        while self._open:
            self._receive()

    def _receive(self) -> None:
        assert self._socket.poll(60_000), f"{self._open} messages were not answered"
        reply = codec.decode(self._socket.recv(), replies.Reply)
        self.codes["ok" if reply.error is None else reply.error.code] += 1
        self._open -= 1

    def close(self) -> None:
        """Disconnect."""
        self._context.destroy(linger=0)


@pytest.fixture
def line(home: Home) -> Iterator[Line]:
    line = Line(home)
    yield line
    line.close()


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def storm(line: Line, seed: int, count: int) -> None:
    source = FuzzSource(seed)
    for _ in range(count):
        line.send(source.message())
    line.settle()


def test_a_daemon_neither_crashes_nor_hangs_nor_grows(home: Home, line: Line) -> None:
    daemon = home.daemon()
    storm(line, seed=1, count=MESSAGES // 3)  # caches fill, modules are imported
    memory, files, written = resident(daemon.pid), descriptors(daemon.pid), home.paths.daemon_log.stat().st_size
    refused = home.ask(commands.Hello).refused
    assert refused == line.codes["protocol"]

    storm(line, seed=2, count=MESSAGES)

    assert daemon.poll() is None
    assert line.codes["internal"] == 0
    assert sum(line.codes.values()) == MESSAGES // 3 + MESSAGES
    assert home.ask(commands.Hello).refused == line.codes["protocol"] > MESSAGES / 3
    assert home.ask(commands.Snapshot).runs == ()
    assert resident(daemon.pid) - memory < GROWTH
    assert descriptors(daemon.pid) <= files + 2  # connections of clients that have just left
    assert home.paths.daemon_log.stat().st_size - written < 256 * 1024
    lines = [entry for entry in home.log() if entry["event"] == "request refused"]
    minutes = 1 + int(float(Path("/proc/uptime").read_text().split()[0]) - started(daemon.pid)) // int(
        rate_limit.SECONDS
    )
    assert 0 < len(lines) <= (minutes + 1) * rate_limit.LINES
    assert home.hadesd("stop").returncode == 0
    assert daemon.wait(60) == 0


def started(pid: int) -> float:
    """Seconds from the machine's start to that of a process."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_connections_that_come_and_go_leave_nothing_behind(home: Home) -> None:
    daemon = home.daemon()
    files = descriptors(daemon.pid)
    for seed in range(150):
        line = Line(home)
        line.send(FuzzSource(seed).message())
        line.close()  # without waiting for the answer
    assert home.ask(commands.Hello).pid == daemon.pid
    until(lambda: descriptors(daemon.pid) <= files + 2, "the descriptors of clients that left are closed")


def test_half_a_message_and_no_zeromq_at_all(home: Home) -> None:
    """Bytes on the bare Unix sockets: libzmq's own parser."""
    daemon = home.daemon()
    chance = random.Random(7)
    greeting = b"\xff" + b"\0" * 8 + b"\x7f\x03\x01NULL".ljust(54, b"\0")
    for path in (home.paths.control_socket, home.paths.events_socket):
        for head in (b"", b"GET / HTTP/1.1\r\n\r\n", greeting, greeting + b"\x04\xff\x05READY" + b"\xff" * 40):
            for _ in range(10):
                with socket.socket(socket.AF_UNIX) as raw:
                    raw.connect(os.fsencode(path))
                    try:
                        raw.sendall(head + chance.randbytes(chance.choice((0, 3, 300, 30_000))))
                    except (BrokenPipeError, ConnectionResetError):
                        continue  # it has heard enough
    assert home.ask(commands.Hello).pid == daemon.pid


def test_a_run_and_its_watchers_go_on_under_a_flood(home: Home) -> None:
    """As fast as one client can send, without waiting for anything: everybody else is served all the while."""
    home.fake_daemon()
    run = home.start(generations=1_000_000, milliseconds=20)
    home.reaches(run, RunState.RUNNING, generation=1)
    stop = threading.Event()
    sent = 0

    def flood() -> None:
        nonlocal sent
        source = FuzzSource(3)
        with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
            dealer.linger = 0
            dealer.sndtimeo = 1000
            dealer.connect(home.paths.control_endpoint)
            while not stop.is_set():
                try:
                    dealer.send_multipart(source.message())
                    sent += 1
                except zmq.Again:  # the daemon lets it wait, as it should
                    continue
                while dealer.poll(0):
                    dealer.recv()

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        with zmq.Context() as context, context.socket(zmq.SUB) as watcher:
            watcher.linger = 0
            watcher.subscribe(events.TOPIC_EVENTS)
            watcher.connect(home.paths.events_endpoint)
            seen: set[str] = set()
            first = home.show(run).generation
            while not {"Heartbeat", "GenerationCommitted"} <= seen or home.show(run).generation < first + 20:
                assert watcher.poll(60_000), "no event for 30 s"
                seen.add(type(events.decode_event(watcher.recv_multipart()[1])).__name__)
                assert home.show(run).state == RunState.RUNNING
    finally:
        stop.set()
        flooding.join(60)
    assert not flooding.is_alive()
    assert sent > 100
    assert home.ask(commands.Hello).refused > 0
    assert home.ask(commands.Pause, run=run)
    home.reaches(run, RunState.PAUSED)


def test_a_refused_request_changes_no_run(home: Home, line: Line) -> None:
    home.fake_daemon()
    run = home.start(generations=1_000_000)
    home.reaches(run, RunState.RUNNING, generation=1)
    storm(line, seed=4, count=MESSAGES // 2)
    assert home.show(run).state == RunState.RUNNING
    assert len(home.ask(commands.Snapshot).runs) == 1
    line.send([msgpack.packb({"verb": "hello", "request_id": "last"})])
    line.settle()
