"""Key files and free ports for tests of the TCP endpoint."""

import socket
from pathlib import Path

from hades_protocol.keys import ClientKeys, new_pair, write_private
from hadesd.daemon.key_store import KeyStore
from tests.helpers.processes.daemon import Home


def free_address() -> str:
    """tcp://127.0.0.1:PORT where this port and the one after it are free."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return f"tcp://127.0.0.1:{port}"


class Keyring:
    """A daemon's keys, and client files for it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = KeyStore(home.paths.keys)
        self.server = self.store.init(force=False)
        self.address = free_address()

    def client(self, name: str, *, allowed: bool = True, server_key: str | None = None) -> Path:
        """A client's file."""
        pair = new_pair()
        if allowed:
            self.store.allow(name, pair.public_key, force=False)
        path = self.home.paths.state / f"{name}.json"
        keys = ClientKeys(
            name=name,
            address=self.address,
            server_key=server_key or self.server.public_key,
            public_key=pair.public_key,
            secret_key=pair.secret_key,
        )
        write_private(path, keys, force=False)
        return path
