"""The worker's end of the line: when a halt ends the process at once, and when it waits for a commit."""

import queue
import socket
import threading
from collections.abc import Iterator

import pytest

from hades_protocol import codec
from hades_protocol.errors import ExitCode
from hades_protocol.run_state import WorkerPhase
from hadesd.worker import channel
from hadesd.worker.channel import Channel
from hadesd.worker_protocol import ExitReport, FromWorker, Halt, Heartbeat, Unpacker, send

PATIENCE = 60


class Line:
    """A channel, the supervisor's end of it, and the statuses that it would have ended its process with."""

    def __init__(self) -> None:
        self.ours, theirs = socket.socketpair()
        self.left: queue.Queue[int] = queue.Queue()
        self.channel = Channel(theirs, self.left.put)
        self.channel.open()
        self._unpacker = Unpacker()

    def says(self, kind: type) -> object:
        """The next message of a kind."""
        self.ours.settimeout(PATIENCE)
        while True:
            for body in self._unpacker.feed(self.ours.recv(65536)):
                if isinstance(found := codec.decode(body, FromWorker), kind):
                    return found

    def listened(self) -> None:
        """Wait until it has read the line to its end."""
        for thread in threading.enumerate():
            if thread.name == "listen":
                thread.join(PATIENCE)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(channel.signal, "signal", lambda *_: None)  # those of this process stay
    line = Line()
    yield line
    line.ours.close()


def test_a_halt_waits_for_the_commit(line: Line) -> None:
    for message in (Halt(), Halt(discard=True)):
        send(line.ours, message)
    line.ours.shutdown(socket.SHUT_WR)
    assert line.channel.wait(PATIENCE)
    line.listened()
    assert line.left.empty()


def test_with_nothing_to_commit_a_halt_ends_it_at_once(line: Line) -> None:
    line.channel.phase(WorkerPhase.COMPILING, 4)
    with line.channel.idle():
        send(line.ours, Halt())
        assert line.left.get(timeout=PATIENCE) == ExitCode.CHECKPOINTED
    report = line.says(ExitReport)
    assert isinstance(report, ExitReport)
    assert (report.outcome, report.generation) == ("checkpointed", 3)


def test_so_does_the_end_of_the_line(line: Line) -> None:
    with line.channel.idle():
        line.ours.shutdown(socket.SHUT_WR)
        assert line.left.get(timeout=PATIENCE) == ExitCode.CHECKPOINTED


def test_a_halt_that_came_before_ends_it_when_it_would_begin_to_compile(line: Line) -> None:
    send(line.ours, Halt())
    assert line.channel.wait(PATIENCE)
    with line.channel.idle():
        assert line.left.get(timeout=PATIENCE) == ExitCode.CHECKPOINTED


def test_a_first_generation_is_not_waited_for_where_the_run_is_cancelled(line: Line) -> None:
    line.channel.nothing_committed(True)
    send(line.ours, Halt())
    assert line.channel.wait(PATIENCE)
    assert line.left.empty(), "paused, it commits its first generation"
    send(line.ours, Halt(discard=True))
    assert line.left.get(timeout=PATIENCE) == ExitCode.CHECKPOINTED


def test_another_phase_is_said_at_once(line: Line) -> None:
    line.says(Heartbeat)
    for phase in (WorkerPhase.COMPILING, WorkerPhase.EVALUATING):
        line.channel.phase(phase, 2)
        found = line.says(Heartbeat)
        while isinstance(found, Heartbeat) and found.phase == WorkerPhase.IMPORTING:
            found = line.says(Heartbeat)  # its own beat came in between
        assert found == Heartbeat(phase=phase, generation=2)
