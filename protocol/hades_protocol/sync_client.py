"""The synchronous client of the daemon's control socket, for commands that send a few requests and end."""

import math
import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import zmq

from hades_protocol import codec, commands, replies
from hades_protocol.errors import HadesError, UnreachableError
from hades_protocol.keys import HANDSHAKE_SECONDS, REPLY_SECONDS, destination
from hades_protocol.messages import GenerationMetrics, RunSummary
from hades_protocol.paths import Paths, is_listened_to

COMPLETION_SECONDS = 1.0
"""Time limit for a reply that is welcome and not needed: names that a shell or a command line completes."""

PAGE = 2000
"""Generations that are asked for at once where none may be left out."""


class ControlClient:
    """Client of the daemon of one installation, or of the one that HADES_CONNECT names. Use it as a context manager."""

    def __init__(self, paths: Paths, timeout: float = REPLY_SECONDS, deadline: float = math.inf) -> None:
        """Connect.

        timeout: seconds to wait for each reply. deadline: no reply is waited for after that time.monotonic().

        Raises:
            UnreachableError: no daemon listens.
            HadesError: HADES_CONNECT is invalid.
        """
        self._timeout = timeout
        self._deadline = deadline
        self._destination = destination(paths)
        if self._destination.local and not is_listened_to(paths.control_socket):  # where destination found it
            raise UnreachableError(
                f"no daemon runs for {paths.state}: 'hadesd start' starts one with a run, 'hadesd serve' one alone"
            )
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, codec.MAX_MESSAGE)
        if not self._destination.local:
            self._socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued while there is no connection
        self._destination.secure(self._socket)
        self._socket.connect(self._destination.control)

    def request(self, kind: type[commands.Request], **fields: Any) -> Any:
        """Send one request and return its result (commands.RESULTS).

        Raises:
            UnreachableError: no reply in time. The daemon ignores the request if it reads it later.
            UsageError: the request is larger than a daemon takes.
            ProtocolMismatchError: the other side speaks another protocol.
            HadesError: the daemon refused; its text says why.
        """
        request = kind(request_id=os.urandom(8).hex(), expires_at=time.time() + self._timeout, **fields)
        data = codec.encode_request(request)
        if not self._destination.local and not self._socket.poll(
            int(self._at_most(HANDSHAKE_SECONDS) * 1000), zmq.POLLOUT
        ):
            raise UnreachableError(self._destination.unreachable_text())
        self._socket.send(data)
        seconds = self._at_most(self._timeout)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._socket.poll(int(left * 1000) + 1):
                break
            reply = codec.decode(self._socket.recv(), replies.Reply)
            if reply.answers(request.request_id):
                return commands.result_of(reply, kind)
        raise UnreachableError(self._destination.silent_text(seconds))

    def generations(self, run: str, after: int = 0) -> Iterator[GenerationMetrics]:
        """Every committed generation of a run after one, in ascending order, none left out.

        Raises:
            HadesError: as `request`.
        """
        total = after + 1
        while after < total:
            page: replies.HistoryResult = self.request(
                commands.History, run=run, after=after, points=PAGE, upto=after + PAGE
            )
            yield from page.metrics
            after, total = after + PAGE, page.generations_total

    def _at_most(self, seconds: float) -> float:
        return max(0.0, min(seconds, self._deadline - time.monotonic()))

    def close(self) -> None:
        """Close the socket; what was not sent yet is dropped."""
        self._context.destroy()

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def listens(paths: Paths) -> bool:
    """Whether the daemon listens on its control socket."""
    paths.find_sockets()
    return is_listened_to(paths.control_socket)


def runs_if_reachable(paths: Paths) -> tuple[RunSummary, ...]:
    """The daemon's runs, for somebody who can do without: none where no daemon answers within COMPLETION_SECONDS."""
    try:
        with ControlClient(paths, timeout=COMPLETION_SECONDS) as client:
            snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
    except HadesError:
        return ()
    return snapshot.runs
