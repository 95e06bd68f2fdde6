"""The daemon's sockets: Unix sockets for its user, and TCP for the clients whose keys it knows.

Both lead to the same two ZeroMQ sockets, a ROUTER and an XPUB. TCP clients come in through Unix sockets of their own
(tcp_relay), which are never bound without CURVE.
"""

import asyncio
import os

import structlog
import zmq
import zmq.asyncio
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.utils import z85

from hades_protocol import events, keys
from hades_protocol.codec import MAX_REQUEST
from hades_protocol.errors import HadesError
from hades_protocol.paths import Paths
from hadesd.daemon.key_store import KeyStore
from hadesd.daemon.tcp_relay import TcpRelay
from hadesd.logs.rate_limit import RateLimitedLogger
from hadesd.storage.atomic import write_atomically

SEND_QUEUE = 10_000
"""Events that are kept for a subscriber that does not keep up; then it loses some, and notices by their numbers."""

REQUEST_QUEUE = 16
"""Requests of one client that wait here; then its own send waits. With MAX_FRAME it bounds what a client can fill."""

REPLY_QUEUE = 100
"""Replies that are kept for a client that does not read; then they are dropped."""

MAX_FRAME = 2 * MAX_REQUEST
"""Bytes of a frame that is received at all; the connection of a larger one is closed. A request somewhat over
MAX_REQUEST is received, so that it gets an answer that says why it is refused."""

MAX_SUBSCRIPTION = 1024
"""Bytes of a topic that a client may subscribe to; a dataset's has 72."""

HANDSHAKE_MS = 10_000
WATCH_SECONDS = 1.0

LINGER_MS = 1000
"""At the end, what was not sent yet gets so long."""

FROM_TCP = ("control.tcp", "events.tcp")
"""Unix sockets beside the daemon's two to which TCP clients are led."""

log = structlog.get_logger()


class AllowList:
    """Asked for every TCP connection by the ZAP authenticator. Reads the file each time: it is the truth."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._log = RateLimitedLogger()
        self._admitted: dict[str, str] = {}

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a client with this public key (Z85) may come in.

        It never raises: that would end the authenticator, and nobody else would come in.
        """
        public = z85.decode(key).hex()
        name = self.read().get(public)
        if name is None:
            self._log.info("client refused: its key is not on the list", public_key=public)
            return False
        self._admitted[public] = name
        return True

    def read(self) -> dict[str, str]:
        """Names by public key; none while the file cannot be read, so that a damaged list opens nothing."""
        try:
            return {client.public_key: client.name for client in self._store.clients()}
        except HadesError as error:
            self._log.error("nobody is let in over TCP", why=str(error))
            return {}

    def take_revoked(self) -> list[str]:
        """Names of those who were let in and whose keys have gone from the list since."""
        known = self.read() if self._admitted else {}
        gone = {key: name for key, name in self._admitted.items() if key not in known}
        for key in gone:
            del self._admitted[key]
        return sorted(gone.values())


class ServerSockets:
    """The ROUTER (`control`) and the XPUB (`events`) of the daemon.

    listen: tcp://HOST:PORT, or None for Unix sockets alone.
    """

    def __init__(self, context: zmq.asyncio.Context, paths: Paths, listen: str | None) -> None:
        """Make the sockets and look at the keys; nobody can connect yet.

        Raises:
            HadesError: there are no keys, or `listen` is no address.
        """
        self._context = context
        self._paths = paths
        self._tcp = None if listen is None else keys.endpoints(listen)
        self._authenticator: AsyncioAuthenticator | None = None
        self._relay: TcpRelay | None = None
        store = KeyStore(paths.keys)
        if self._tcp is not None:
            self._server_keys = store.server()
            self._allowed = AllowList(store)
        self.control = context.socket(zmq.ROUTER)
        self.control.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
        self.control.setsockopt(zmq.RCVHWM, REQUEST_QUEUE)
        self.control.setsockopt(zmq.SNDHWM, REPLY_QUEUE)
        self.events = context.socket(zmq.XPUB)
        self.events.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION)
        self.events.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.events.setsockopt(zmq.XPUB_WELCOME_MSG, events.WELCOME)
        self.events.setsockopt(zmq.SNDHWM, SEND_QUEUE)
        # On the event socket alone: there a screen that is gone should cost nothing for long. A request's client
        # has a deadline of its own, and on a starved machine a missed heartbeat would drop its request unanswered.
        self.events.setsockopt(zmq.HEARTBEAT_IVL, 500)
        self.events.setsockopt(zmq.HEARTBEAT_TIMEOUT, 1500)

    def open_tcp(self) -> None:
        """Bind the TCP endpoints, if there are any.

        Raises:
            UsageError: the address cannot be bound.
        """
        if self._tcp is None:
            return
        # The authenticator first: CURVE without one lets everybody in who knows our public key.
        self._authenticator = AsyncioAuthenticator(self._context)
        self._authenticator.configure_curve_callback("*", self._allowed)
        self._authenticator.start()
        targets = [self._paths.runtime / name for name in FROM_TCP]
        self._relay = TcpRelay(zip(self._tcp, targets, strict=True))
        for socket, target in zip((self.control, self.events), targets, strict=True):
            socket.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(self._server_keys.secret_key))
            socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
            socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
            # Options of a ZeroMQ socket hold for the binds after them: CURVE is on for this one alone.
            socket.setsockopt(zmq.CURVE_SERVER, 1)
            socket.bind(self._paths.endpoint(target))
            socket.setsockopt(zmq.CURVE_SERVER, 0)
        self._relay.start()
        log.info("listening over TCP", control=self._tcp[0], events=self._tcp[1], clients=len(self._allowed.read()))

    def open_ipc(self) -> None:
        """Bind the Unix sockets."""
        for socket in (self.events, self.control):
            socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())  # the second lock, beside the private directory
        self.events.bind(self._paths.events_endpoint)
        self.control.bind(self._paths.control_endpoint)
        try:
            write_atomically(self._paths.socket_record, f"{self._paths.runtime}\n".encode())
        except OSError as error:  # it matters to those alone whose XDG_RUNTIME_DIR is another one
            log.warning("where the sockets are was not written", why=error.strerror or str(error))

    async def disconnect_revoked(self) -> None:
        """Shut out those whose keys are taken off the list while they are connected. Without TCP it ends at once."""
        while self._relay is not None:
            await asyncio.sleep(WATCH_SECONDS)
            if revoked := self._allowed.take_revoked():
                log.info("keys revoked: every TCP connection is closed, and who is known connects again", names=revoked)
                self._relay.drop()  # nobody knows which connection is whose

    async def close(self) -> None:
        """Nobody is let in any more; what was not sent yet is sent, within LINGER_MS."""
        if self._authenticator is not None:
            self._authenticator.stop()
        for socket in (self.control, self.events):
            socket.close(LINGER_MS)
        if self._relay is not None:
            await self._relay.close(LINGER_MS / 1000)
