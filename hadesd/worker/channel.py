"""The worker's end of the line to its supervisor: requests to halt come in, heartbeats and reports go out.

Three things ask a worker to halt, and all mean the same (finish the generation, commit, exit): a Halt message,
a signal (SIGTERM; SIGUSR1, Slurm's warning), and the end of the line, which says that the supervisor is gone.
"""

import os
import signal
import socket
import threading
import time
from types import FrameType

import msgspec
import structlog

from hades_protocol import codec
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.run_state import WorkerPhase
from hadesd.worker_protocol import FD_VARIABLE, HEARTBEAT_SECONDS, Heartbeat, ToWorker, Unpacker, send

log = structlog.get_logger()


class Channel:
    """Thread-safe. Without a supervisor (no file descriptor in the environment) it swallows reports."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._socket = sock
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
        """Say what the worker does from now on, for the next heartbeat and for the log."""
        self._phase, self._generation = name, generation

    def report(self, message: msgspec.Struct) -> None:
        """Send a message; where the supervisor is gone, halt instead."""
        if self._socket is None:
            return
        try:
            with self._lock:
                send(self._socket, message)
        except OSError:
            self._ask("the supervisor is gone")

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
                return
            for body in unpacker.feed(data):
                try:
                    codec.decode(body, ToWorker)
                except ProtocolMismatchError as error:
                    log.warning("message_ignored", error=str(error))
                    continue
                self._ask("asked to halt")

    def _send_heartbeats(self) -> None:
        while True:
            self.report(Heartbeat(phase=self._phase, generation=self._generation))
            time.sleep(HEARTBEAT_SECONDS)
