"""The daemon's key pair and the list of clients that may attach over TCP, in the configuration directory."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.keys import Key, KeyPair, new_pair, read_private, write_private
from hadesd.storage.locks import lock_directory

ADVICE = "'hadesd keys init' makes the daemon's keys"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
SCHEMA = 1


class AllowedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client that may attach over TCP."""

    name: str  # what it is called
    public_key: Key  # 64 hexadecimal digits
    added_at: float  # Unix time


class AllowedClients(msgspec.Struct, frozen=True, kw_only=True):
    """The content of clients.json."""

    schema: int
    clients: tuple[AllowedClient, ...]


class KeyStore:
    """The files in one directory: server.json with the secret, clients.json with public keys. Both are private."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server_file = directory / "server.json"
        self.clients_file = directory / "clients.json"

    def server(self) -> KeyPair:
        """The daemon's key pair.

        Raises:
            NotFoundError: there is none yet.
            UsageError: its file is damaged, or others may read it.
        """
        return read_private(self.server_file, KeyPair, ADVICE)

    def init(self, force: bool) -> KeyPair:
        """Make the daemon's key pair.

        Raises:
            WrongStateError: there is one, and `force` is not given.
            UsageError: it cannot be written.
        """
        with self._changing():
            pair = new_pair()
            write_private(self.server_file, pair, force)
        return pair

    def clients(self) -> tuple[AllowedClient, ...]:
        """Who may attach, in the order of being added.

        Raises:
            UsageError: the file is damaged, or others may change it.
        """
        try:
            found = read_private(self.clients_file, AllowedClients, "'hadesd keys allow' makes it")
        except NotFoundError:
            return ()
        if found.schema > SCHEMA:
            raise UsageError(f"{self.clients_file} has schema {found.schema}, newer than this version's {SCHEMA}")
        return found.clients

    def allow(self, name: str, public_key: str, force: bool) -> AllowedClient:
        """Let a client in from now on. `force`: its name may be taken; the key that had it is let in no more.

        Raises:
            WrongStateError: the name or the key is on the list already.
            UsageError: the list cannot be read or written.
        """
        new = AllowedClient(name=name, public_key=public_key, added_at=time.time())
        with self._changing():
            before = self.clients()
            if holder := next((one.name for one in before if one.public_key == public_key), None):
                raise WrongStateError(f"this key is on the list already, as '{holder}'")
            if not force:
                self._refuse_known(name, before)
            self._write((*(one for one in before if one.name != name), new))
        return new

    def refuse_known(self, name: str) -> None:
        """Raises WrongStateError where a client of this name is on the list."""
        self._refuse_known(name, self.clients())

    def revoke(self, name: str) -> AllowedClient:
        """Let a client in no more.

        Raises:
            NotFoundError: there is no client of this name.
            UsageError: the list cannot be read or written.
        """
        with self._changing():
            before = self.clients()
            gone = next((one for one in before if one.name == name), None)
            if gone is None:
                raise NotFoundError(f"no client is called '{name[:80]}': 'hadesd keys list' shows them")
            self._write(tuple(one for one in before if one is not gone))
        return gone

    @staticmethod
    def _refuse_known(name: str, clients: tuple[AllowedClient, ...]) -> None:
        if any(one.name == name for one in clients):
            raise WrongStateError(
                f"a client is called '{name}' already: take another name, 'hadesd keys revoke {name}', or --force"
            )

    def _write(self, clients: tuple[AllowedClient, ...]) -> None:
        write_private(self.clients_file, AllowedClients(schema=SCHEMA, clients=clients), force=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """The directory, private, and to ourselves: two commands at once must not lose a change."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
            locked = contextlib.ExitStack()
            locked.enter_context(lock_directory(self.directory))
        except OSError as error:
            raise UsageError(f"cannot use the directory {self.directory}: {error.strerror or error}") from None
        with locked:
            yield


def check_name(name: str) -> str:
    """The name of a client as it is.

    Raises:
        UsageError: it is none; it becomes part of a file's name.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(
            f"'{name[:80]}' cannot name a client: use up to 63 letters, digits and . _ @ -, the first a letter or digit"
        )
    return name
