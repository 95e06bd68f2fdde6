"""The Prometheus endpoint: one thread that answers one request after the other, apart from the event loop."""

import contextlib
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from hadesd.integrations.prometheus.metrics import DaemonCollector, DaemonSilentError, Reading

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CLIENT_SECONDS = 5.0
"""A client that says nothing for so long is hung up on."""

REQUEST_SECONDS = 10.0
"""So is one that has not asked and read the answer within so long, a letter now and then: others wait behind it."""

log = structlog.get_logger()


class Endpoint:
    """Listens from the start; answers until close()."""

    def __init__(self, address: str, port: int, read: Callable[[], Reading]) -> None:
        """Bind.

        Raises:
            OSError: the port is taken, or the address is not of this machine.
        """
        registry = CollectorRegistry()
        registry.register(DaemonCollector(read))
        is_v6 = ipaddress.ip_address(address).version == 6
        self._server = (_ServerV6 if is_v6 else _Server)((address, port), _Handler)
        self._server.set_app(_or_unavailable(make_wsgi_app(registry)))
        host = f"[{address}]" if is_v6 else address
        self.url = f"http://{host}:{self._server.server_port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to listen. A request that is being answered is not waited for longer than CLIENT_SECONDS."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(CLIENT_SECONDS)


def _or_unavailable(app: "WSGIApplication") -> "WSGIApplication":
    """Status 503 while the event loop is silent: the scrape fails, and so it should."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except DaemonSilentError as error:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [f"{error}\n".encode()]

    return answer


def _hang_up(connection: socket.socket) -> None:
    """End whatever waits for a client."""
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Server(WSGIServer):
    def server_bind(self) -> None:
        # WSGIServer asks the name service for the host's name here, which may take long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one request, within REQUEST_SECONDS."""
        deadline = threading.Timer(REQUEST_SECONDS, _hang_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().finish_request(request, client_address)
        finally:
            deadline.cancel()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up or was silent; nothing of ours is wrong."""
        log.info("prometheus client", address=str(client_address), why=repr(sys.exception()))


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Every scrape would be a line."""
