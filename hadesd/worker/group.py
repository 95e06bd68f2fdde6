"""The processes that share one run's population: one a host, or several on one. Rank 0 is the run's worker.

Their rendezvous is a private file that rank 0 writes; they talk to it over TCP with CURVE keys that are made for this
group. In every generation they all-gather what each has evaluated; before the first, rank 0 broadcasts. A connection
that is lost ends the group: the run goes on from its last commit with a new one. ZeroMQ's own heartbeats find a host
that has stopped answering.
"""

import contextlib
import os
import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
import zmq
import zmq.utils.monitor
from msgspec import Meta

from hades_protocol.errors import HadesError
from hades_protocol.keys import Key, new_pair, read_private, write_private
from hadesd.distill.share import Share

RENDEZVOUS_SECONDS = 300.0
"""How long the others are waited for at the start: nodes may import at different speeds."""

HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 1000, 10_000
POLL_MS = 200
LINGER_MS = 2000
MAX_PART = 1 << 30
MAX_WORDS = 2000
"""Bytes of a refusal."""

HELLO, READY, PING, BYE, REFUSE = b"hello", b"ready", b"ping", b"bye", b"refuse"
PART, BROADCAST = b"part", b"broadcast"


Results = TypeVar("Results", bound=tuple[Any, ...])
"""A NamedTuple of arrays."""


GONE = "a host of the group has gone, or does not answer"


class GroupError(Exception):
    """The group is broken: a process of it has gone, or does not answer."""


class GroupEnded(Exception):
    """Rank 0 has ended the group in good order."""


class Rendezvous(msgspec.Struct, frozen=True, kw_only=True):
    """What the rendezvous file holds. It is private: whoever reads it may join."""

    nonce: str
    address: str
    server_key: Key
    public_key: Key
    secret_key: Key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nonce={self.nonce!r}, address={self.address!r})"


class Gathered(msgspec.Struct, frozen=True):
    """What all have, by rank; whether one of them was asked to halt, and which."""

    parts: list[bytes]
    halt: Annotated[str, Meta(max_length=200)] = ""


class Part(msgspec.Struct, frozen=True):
    """What one has. turn: counts the exchanges. halt: why this process was asked to halt; empty where it was not."""

    turn: int
    body: bytes
    halt: Annotated[str, Meta(max_length=200)] = ""


class Group(ABC):
    """Base of both ends.

    asked: why this process was asked to halt, as whoever asked it says; empty where it was not. halt: why one of the
    group was, once that is known.
    """

    def __init__(self, share: Share) -> None:
        self.share = share
        self.asked = ""
        self.halt = ""
        self._turn = 0
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER if share.rank == 0 else zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_PART)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    @abstractmethod
    def all_gather_bytes(self, body: bytes) -> list[bytes]:
        """Hand over what this process has; what all have, by rank.

        Raises:
            GroupError: see there. GroupEnded: rank 0 needs nobody any more.
        """

    def all_gather(self, results: Results) -> Results:
        """Results of candidates, each leaf [n] of this process and [size x n] of all."""
        leaves = [np.ascontiguousarray(leaf) for leaf in results]
        parts = self.all_gather_bytes(b"".join(leaf.tobytes() for leaf in leaves))
        columns: list[list[np.ndarray]] = [[] for _ in leaves]
        for part in parts:
            at = 0
            for leaf, column in zip(leaves, columns, strict=True):
                column.append(np.frombuffer(part, leaf.dtype, leaf.size, at))
                at += leaf.nbytes
        return type(results)(*(np.concatenate(column) for column in columns))

    def close(self) -> None:
        """Close the connection; what is still to be sent gets LINGER_MS."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
        self._context.term()

    def _receive(self, deadline: float | None = None) -> list[bytes]:
        """The next message.

        Raises:
            GroupError: a connection is lost, or the time is over.
        """
        while True:
            if self._socket.poll(POLL_MS):
                return self._socket.recv_multipart()
            if self._lost() and self._is_broken():
                raise GroupError(GONE)
            if deadline is not None and time.monotonic() > deadline:
                raise GroupError(f"the hosts of the group have not met within {RENDEZVOUS_SECONDS:.0f} s")

    def _is_broken(self) -> bool:
        """Whether the connection that was lost is one of the group's."""
        return True

    def _lost(self) -> bool:
        """Whether a connection has been lost since this was asked last."""
        found = False
        while self._monitor.poll(0):
            zmq.utils.monitor.recv_monitor_message(self._monitor)
            found = True
        return found


class Leader(Group):
    """Rank 0's end."""

    def __init__(self, size: int, file: Path, nonce: str) -> None:
        """Bind, and write the rendezvous file."""
        super().__init__(Share(0, size))
        server, client = new_pair(), new_pair()
        self._file = file
        self._peers: dict[int, bytes] = {}
        self._early: dict[bytes, bytes] = {}  # parts that came while others were still waited for
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # who has gone is told from who is there
        self._socket.setsockopt(zmq.CURVE_SERVER, 1)
        self._socket.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(server.secret_key))
        self._nonce = nonce
        host = own_address()
        port = self._socket.bind_to_random_port("tcp://*")
        rendezvous = Rendezvous(
            nonce=nonce,
            address=f"tcp://{host}:{port}",
            server_key=server.public_key,
            public_key=client.public_key,
            secret_key=client.secret_key,
        )
        write_private(file, rendezvous, force=True)

    def rendezvous(self, header: bytes) -> None:
        """Wait for all others, and broadcast what they need to begin; the rendezvous file goes.

        Raises:
            GroupError: one does not come.
        """
        deadline = time.monotonic() + RENDEZVOUS_SECONDS
        while len(self._peers) < self.share.size - 1:
            peer, kind, body = self._receive(deadline)
            rank, _, nonce = body.partition(b":")
            # Whoever knows the server's key may connect; only who has read the private file knows the nonce.
            if kind == HELLO and secrets.compare_digest(nonce, self._nonce.encode()) and rank.isdigit():
                self._peers[int(rank)] = peer
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()
        self.broadcast(header)
        ready: set[bytes] = set()  # one that was lost before this never says so
        while len(ready) < self.share.size - 1:
            peer, kind, data = self._receive(deadline)
            if kind == READY:
                ready.add(peer)
            elif kind == PART and peer in self._peers.values():  # one that was ready long before the others
                self._early[peer] = data

    def broadcast(self, body: bytes) -> None:
        """Send something to all others, outside the turns: each gets it by receive_broadcast.

        Raises:
            GroupError: one of them has gone.
        """
        self._send(BROADCAST, body)

    def _send(self, kind: bytes, body: bytes = b"") -> None:
        for peer in self._peers.values():
            try:
                self._socket.send_multipart([peer, kind, body])
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                raise GroupError(GONE) from None

    def _is_broken(self) -> bool:
        """Strangers come and go too: whoever scans ports, say."""
        try:
            self._send(PING)
        except GroupError:
            return True
        return False

    def all_gather_bytes(self, body: bytes) -> list[bytes]:
        """See Group."""
        self._turn += 1
        parts: dict[int, Part] = {0: Part(self._turn, body, self.asked)}
        ranks = {peer: rank for rank, peer in self._peers.items()}
        while len(parts) < self.share.size:
            if self._early:
                peer, data = self._early.popitem()
            else:
                peer, kind, data = self._receive()
                if kind == REFUSE and peer in ranks:
                    raise GroupError(f"host {ranks[peer]}: {data[:MAX_WORDS].decode(errors='replace')}")
                if kind != PART or peer not in ranks:
                    continue
            part = msgspec.msgpack.decode(data, type=Part)
            if part.turn != self._turn or len(part.body) != len(body):
                raise GroupError(f"host {ranks[peer]} is at turn {part.turn} with {len(part.body)} bytes")
            parts[ranks[peer]] = part
        asked = [f"host {rank}: {part.halt}" for rank, part in sorted(parts.items()) if part.halt]
        self.halt = self.halt or (asked[0] if asked else "")
        gathered = Gathered([parts[rank].body for rank in range(self.share.size)], self.halt)
        self.broadcast(msgspec.msgpack.encode(gathered))
        return gathered.parts

    def end(self) -> None:
        """Let the others end in good order."""
        with contextlib.suppress(GroupError):  # one that has gone needs no farewell
            self._send(BYE)


class Member(Group):
    """The end of the other ranks."""

    def __init__(self, share: Share, file: Path, nonce: str, asked: Sequence[str] = ()) -> None:
        """Wait for the rendezvous file, and connect. asked: holds something once this process is asked to halt.

        Raises:
            GroupError: it does not come. GroupEnded: this process was asked to halt before it came.
        """
        super().__init__(share)
        rendezvous = _await_rendezvous(file, nonce, asked)
        self._socket.setsockopt(zmq.CURVE_SERVERKEY, bytes.fromhex(rendezvous.server_key))
        self._socket.setsockopt(zmq.CURVE_PUBLICKEY, bytes.fromhex(rendezvous.public_key))
        self._socket.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(rendezvous.secret_key))
        self._socket.connect(rendezvous.address)
        self._socket.send_multipart([HELLO, f"{share.rank}:{nonce}".encode()])

    def header(self) -> bytes:
        """What rank 0 broadcasts first.

        Raises:
            GroupError, GroupEnded: as receive_broadcast.
        """
        found = self.receive_broadcast()
        self._socket.send_multipart([READY, b""])
        return found

    def refuse(self, why: str) -> None:
        """Tell rank 0 why this host takes no part, and leave."""
        self._socket.send_multipart([REFUSE, why.encode()[:MAX_WORDS]])
        self.close()

    def receive_broadcast(self) -> bytes:
        """What rank 0 sends to all.

        Raises:
            GroupError: see there. GroupEnded: it needs nobody any more.
        """
        kind, body = self._receive()
        while kind == PING:
            kind, body = self._receive()
        if kind == BYE:
            raise GroupEnded
        return body

    def all_gather_bytes(self, body: bytes) -> list[bytes]:
        """See Group."""
        self._turn += 1
        self._socket.send_multipart([PART, msgspec.msgpack.encode(Part(self._turn, body, self.asked))])
        gathered = msgspec.msgpack.decode(self.receive_broadcast(), type=Gathered)
        self.halt = self.halt or gathered.halt
        return gathered.parts


def _await_rendezvous(file: Path, nonce: str, asked: Sequence[str]) -> Rendezvous:
    deadline = time.monotonic() + RENDEZVOUS_SECONDS
    while time.monotonic() < deadline:
        if asked:
            raise GroupEnded
        with contextlib.suppress(HadesError):  # not there yet, or an older group's
            rendezvous: Rendezvous = read_private(file, Rendezvous, "")
            if rendezvous.nonce == nonce:
                return rendezvous
        time.sleep(0.1)
    raise GroupError(f"rank 0 has not written {file} within {RENDEZVOUS_SECONDS:.0f} s")


def own_address() -> str:
    """The address at which other hosts reach this one: that of the way out. (Nothing is sent.)"""
    if given := os.environ.get("HADES_GROUP_ADDRESS"):
        return given
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # an address for documentation: no host has it
        except OSError:  # there is no way out: one machine alone
            return "127.0.0.1"
        return str(probe.getsockname()[0])
