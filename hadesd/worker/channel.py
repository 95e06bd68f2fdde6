"""The worker's end of the line to its supervisor: requests to halt come in, heartbeats and reports go out.

Three things ask a worker to halt, and all mean the same (finish the generation, commit, exit): a Halt message,
a signal (SIGTERM; SIGUSR1, Slurm's warning), and the end of the line, which says that the supervisor is gone.

A compilation takes minutes and cannot be interrupted. Where nothing could be committed after it, the thread that
listens ends the process in the middle of it.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import msgspec
import structlog

from hades_protocol import codec
from hades_protocol.errors import ExitCode, ProtocolMismatchError
from hades_protocol.run_state import WorkerPhase
from hadesd.worker_protocol import (
    FD_VARIABLE,
    HEARTBEAT_SECONDS,
    ExitReport,
    Halt,
    Heartbeat,
    ToWorker,
    Unpacker,
    WorkerOutcome,
    send,
)

log = structlog.get_logger()


class Channel:
    """Thread-safe. Without a supervisor (no file descriptor in the environment) it swallows reports.

    leave: ends the process with a status, from any thread.
    """

    def __init__(self, sock: socket.socket | None, leave: Callable[[int], object] = os._exit) -> None:
        self._socket = sock
        self._leave = leave
        self._leaving = threading.Lock()  # held by whoever decides whether there is something to commit
        self._idle = False
        self._nothing_committed = False
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._phase, self._generation = WorkerPhase.IMPORTING, 0
        self.halt_reason = ""

    @classmethod
    def from_environment(cls) -> "Channel":
        """The line whose file descriptor the supervisor left in the environment."""
        fd = os.environ.pop(FD_VARIABLE, None)
        return cls(socket.socket(fileno=int(fd)) if fd is not None else None)

    @property
    def halting(self) -> bool:
        """Whether the worker was asked to halt."""
        return self._halt.is_set()

    def open(self) -> None:
        """Listen for halts and start the heartbeat."""
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the daemon's terminal is the daemon's to act on
        if self._socket is not None:
            threading.Thread(target=self._listen, name="listen", daemon=True).start()
            threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True).start()

    def phase(self, name: WorkerPhase, generation: int) -> None:
        """Say what the worker does from now on: at once where it is something else, and with every heartbeat."""
        other, self._phase, self._generation = name != self._phase, name, generation
        if other:
            self.report(Heartbeat(phase=name, generation=generation))

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """While nothing is computed that could be committed, and nothing is being committed.

        A halt then ends the process.
        """
        self._set_idle(True)
        try:
            yield
        finally:
            self._set_idle(False)

    def _set_idle(self, idle: bool) -> None:
        with self._leaving:
            self._idle = idle
        if idle and self.halting:
            self._leave_at_once()

    def nothing_committed(self, so_far: bool) -> None:
        """Whether the run has no committed generation so far, and none is being committed."""
        with self._leaving:
            self._nothing_committed = so_far

    def report(self, message: msgspec.Struct) -> None:
        """Send a message; where the supervisor is gone, halt instead."""
        if self._socket is None:
            return
        try:
            with self._lock:
                send(self._socket, message)
        except OSError:
            self._ask("the supervisor is gone")

    def ask_to_halt(self, reason: str) -> None:
        """Halt, as if a signal had come."""
        self._ask(reason)

    def wait(self, seconds: float) -> bool:
        """Sleep, but not longer than until a halt; whether there is one."""
        return self._halt.wait(seconds)

    def _ask(self, reason: str) -> None:
        if not self._halt.is_set():
            self.halt_reason = reason
            self._halt.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._ask(f"signal {signal.Signals(number).name}")

    def _listen(self) -> None:
        assert self._socket is not None
        unpacker = Unpacker()
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                self._ask("the supervisor is gone")
                self._leave_if_idle(discard=False)
                return
            for body in unpacker.feed(data):
                try:
                    message: Halt = codec.decode(body, ToWorker)
                except ProtocolMismatchError as error:
                    log.warning("a message of the supervisor is ignored", error=str(error))
                    continue
                self._ask("asked to halt")
                self._leave_if_idle(message.discard)

    def _leave_if_idle(self, discard: bool) -> None:
        with self._leaving:
            if self._idle or (discard and self._nothing_committed):
                self._leave_at_once()

    def _leave_at_once(self) -> None:
        generation = max(0, self._generation - 1)
        log.info("halted", reason=self.halt_reason, generation=generation, during=str(self._phase))
        self.report(ExitReport(outcome=WorkerOutcome.CHECKPOINTED, generation=generation, reason=self.halt_reason))
        self._leave(int(ExitCode.CHECKPOINTED))

    def _send_heartbeats(self) -> None:
        while True:
            self.report(Heartbeat(phase=self._phase, generation=self._generation))
            time.sleep(HEARTBEAT_SECONDS)
