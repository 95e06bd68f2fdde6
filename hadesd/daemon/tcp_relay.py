"""Lets TCP clients in to Unix sockets of the daemon, and no more of them than there are descriptors for.

libzmq's own TCP listener accepts whoever comes, before any key is asked for, and its listener for Unix sockets ends the
process when no descriptor is left: any stranger could end the daemon. Here somebody waits outside instead.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import structlog

from hades_protocol.errors import UsageError
from hades_protocol.keys import PREFIX
from hadesd.daemon import descriptors
from hadesd.logs.rate_limit import RateLimitedLogger

MAX_CONNECTIONS = 256
"""TCP connections at the same time; a screen has two."""

MIN_RESERVED, MAX_RESERVED = 24, 1024
"""Descriptors that TCP leaves to workers, files and local clients: a quarter of all, between these bounds."""

FULL_SECONDS = 0.25
"""So long nobody is accepted after there was no room."""

LINGER_SECONDS = 5.0
"""What is still to be sent on a connection whose other side is closed gets so long."""

BACKLOG = 128
KEEPALIVE_SECONDS = 60
CHUNK = 64 * 1024

log = structlog.get_logger()


class TcpRelay:
    """Listens from the start; accepts and copies bytes, in the event loop, from `start` to `close`."""

    def __init__(self, endpoints: Iterable[tuple[str, Path]]) -> None:
        """Bind.

        endpoints: tcp://HOST:PORT, and the Unix socket to which its clients are led.

        Raises:
            UsageError: an address cannot be bound.
        """
        self._listeners: dict[socket.socket, Path] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._log = RateLimitedLogger()
        self._reserved = max(MIN_RESERVED, min(descriptors.limit() // 4, MAX_RESERVED))
        try:
            for endpoint, target in endpoints:
                self._listeners[_listen(endpoint)] = target
        except UsageError:
            self._close_listeners()
            raise

    def start(self) -> None:
        """Let clients in, as long as there is room."""
        self._loop = asyncio.get_running_loop()
        for listener, target in self._listeners.items():
            self._loop.add_reader(listener, partial(self._accept, listener, target))

    def drop(self) -> None:
        """Cut all connections at once; who comes again is let in."""
        for connection in self._connections:
            connection.cancel()

    async def close(self, seconds: float) -> None:
        """Accept nobody any more, and wait until the connections end from inside; cut them where that takes long."""
        self._close_listeners()
        if self._connections:
            await asyncio.wait(self._connections, timeout=seconds)
        self.drop()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, {}
        for listener in listeners:
            if hasattr(self, "_loop"):
                self._loop.remove_reader(listener)
            listener.close()

    def _has_room(self) -> bool:
        # Each connection takes three descriptors, the third a moment later in libzmq's thread: it is counted always.
        many = len(self._connections)
        return many < MAX_CONNECTIONS and descriptors.free() >= self._reserved + 2 + many

    def _accept(self, listener: socket.socket, target: Path) -> None:
        if not self._has_room():
            self._wait_for_room("no room for more")
            return
        try:
            outer, _ = listener.accept()
            if (inner := _led_to(target, outer)) is None:
                return
        except (BlockingIOError, ConnectionError):  # it has gone again
            return
        except OSError as error:
            self._wait_for_room(error.strerror or str(error))
            return
        connection = self._loop.create_task(self._relay(outer, inner))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    def _wait_for_room(self, why: str) -> None:
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        self._log.warning(
            "TCP clients wait", why=why, connections=len(self._connections), free_descriptors=descriptors.free()
        )
        self._loop.call_later(FULL_SECONDS, self._let_in_again)

    def _let_in_again(self) -> None:
        if self._has_room():
            self.start()
        elif self._listeners:
            self._loop.call_later(FULL_SECONDS, self._let_in_again)

    async def _relay(self, outer: socket.socket, inner: socket.socket) -> None:
        async with contextlib.AsyncExitStack() as stack:
            ends = [await stack.enter_async_context(_open(one)) for one in (outer, inner)]
            (from_outer, to_outer), (from_inner, to_inner) = ends
            copies = [asyncio.create_task(_copy(*way)) for way in ((from_outer, to_inner), (from_inner, to_outer))]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)


@contextlib.asynccontextmanager
async def _open(one: socket.socket) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket's streams; at the end what is left is sent, to somebody who reads it soon. Cancelled: it is cut."""
    loop = asyncio.get_running_loop()
    try:
        reader, writer = await asyncio.open_connection(sock=one, limit=CHUNK)
    except BaseException:
        one.close()
        raise
    try:
        yield reader, writer
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
    finally:
        writer.close()
        loop.call_later(LINGER_SECONDS, writer.transport.abort)
        with contextlib.suppress(OSError):  # it has lost its other side, which is no news
            await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from one end to the other, no faster than they are taken; ends with either."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def _led_to(target: Path, outer: socket.socket) -> socket.socket | None:
    """A connection to a Unix socket for one that was accepted; None where that has gone while it waited for room.

    Raises:
        OSError: there is none to be had; the other one is closed.
    """
    try:
        outer.setblocking(False)
        outer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        if _has_gone(outer):
            outer.close()
            return None
        inner = socket.socket(socket.AF_UNIX)
        try:
            inner.setblocking(False)
            inner.connect(os.fsencode(target))
        except OSError:
            inner.close()
            raise
    except OSError:
        outer.close()
        raise
    return inner


def _has_gone(connection: socket.socket) -> bool:
    """Whether the other side has hung up without having said a word."""
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False


def _listen(endpoint: str) -> socket.socket:
    host, _, port = endpoint.removeprefix(PREFIX).rpartition(":")
    try:
        address = ipaddress.ip_address("0.0.0.0" if host == "*" else host.strip("[]"))
    except ValueError:
        raise _cannot_listen(endpoint, f"'{host}' is no IP address") from None
    listener = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.version == 6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((str(address), int(port)))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _cannot_listen(endpoint, error.strerror or str(error)) from None
    return listener


def _cannot_listen(endpoint: str, why: str) -> UsageError:
    return UsageError(
        f"cannot listen at {endpoint}: {why}; give another address to --listen "
        "(or 'listen' in config.toml): it takes an IP address of this machine and two free ports"
    )
