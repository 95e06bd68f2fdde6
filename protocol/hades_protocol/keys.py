"""Where a daemon is reached, and the keys that TCP needs.

A public or secret key is 32 bytes, written as 64 hexadecimal digits (zmq's own Z85 begins with a dash once in 85
times and is full of what a shell eats). Secrets are kept out of repr, so that no log line and no error shows one.
"""

import os
import re
import stat
import struct
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import zmq
from msgspec import Meta
from zmq.utils import z85

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.paths import Paths, create_beside

PREFIX = "tcp://"
MAX_KEY_FILE = 64 * 1024
HANDSHAKE_SECONDS = 5.0
"""Time limit to connect over TCP and to exchange keys: three round trips, perhaps around the world."""

REPLY_SECONDS = 10.0
"""Time limit for a reply; a healthy daemon answers within milliseconds."""

_ADDRESS = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.*_-]+):([0-9]{1,5})")
Key = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
T = TypeVar("T")


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """A CURVE key pair; the content of the daemon's key file."""

    public_key: Key
    secret_key: Key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(public_key={self.public_key!r})"


class ClientKeys(KeyPair, frozen=True, kw_only=True):
    """Keys and address with which one client connects over TCP; `hadesd keys client` writes them as a JSON file.

    address: tcp://HOST:PORT of the daemon's control socket. server_key: the daemon's public key.
    """

    name: str
    address: str
    server_key: Key


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """ZeroMQ endpoints of a daemon. `keys`: the client's, over TCP. `local`: its run directories are here."""

    control: str
    events: str
    keys: ClientKeys | None = None
    local: bool = True

    def secure(self, socket: "zmq.Socket[Any]") -> None:
        """Give a socket the client's keys; call it before connecting."""
        if self.keys is not None:
            socket.setsockopt(zmq.IPV6, 1)
            socket.setsockopt(zmq.CURVE_SERVERKEY, bytes.fromhex(self.keys.server_key))
            socket.setsockopt(zmq.CURVE_PUBLICKEY, bytes.fromhex(self.keys.public_key))
            socket.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(self.keys.secret_key))

    def unreachable_text(self) -> str:
        """Error text for a daemon that does not answer there."""
        if self.keys is not None:
            return (
                f"the daemon at {self.control} does not answer, or does not know this key ('{self.keys.name}'): "
                "look there whether it listens ('hadesd settings --daemon') and at 'hadesd keys list'"
            )
        return f"no daemon answers at {self.control}: start one with 'hadesd serve' or 'hadesd start'"

    def silent_text(self, seconds: float) -> str:
        """Error text for a daemon that took a request and sent no reply for so long."""
        why = "it is stopped or overloaded, "
        if self.local:
            why += "see 'hadesd doctor'"
        else:  # a daemon drops a request that has expired by its own clock
            why += "or the clocks of the two machines differ by more than that"
        return f"the daemon at {self.control} did not answer within {seconds:.3g} s: {why}"


def destination(paths: Paths, connect: str = "") -> Destination:
    """The daemon of `connect` where given, else of HADES_CONNECT, else the one of this installation.

    connect: path of a file that `hadesd keys client` wrote, or ipc://DIRECTORY that holds the two sockets (forwarded by
        ssh, say).

    Raises:
        HadesError: there is no such file, it holds no keys, or others may read it.
    """
    text = connect or paths.connect
    if not text:
        paths.find_sockets()
        check_owner(paths.runtime)
        return Destination(control=paths.control_endpoint, events=paths.events_endpoint)
    if text.startswith("ipc://"):
        directory = Path(text.removeprefix("ipc://")).absolute()
        check_owner(directory)
        names = (paths.control_socket.name, paths.events_socket.name)
        control, events = (paths.endpoint(directory / name) for name in names)
        return Destination(control=control, events=events, local=False)
    if text.startswith(PREFIX):
        raise UsageError(
            f"{text} alone is not enough, a daemon answers over TCP only to keys that it knows: "
            "give the file that 'hadesd keys client NAME' wrote"
        )
    keys = read_private(Path(os.path.expanduser(text)), ClientKeys, "'hadesd keys client NAME' makes one")
    control, events = endpoints(keys.address)
    return Destination(control=control, events=events, keys=keys, local=False)


def check_owner(directory: Path) -> None:
    """Refuse to talk to whoever may have put sockets into a directory of somebody else's, say below /tmp.

    Raises:
        UsageError: another user owns it.
    """
    try:
        owner = directory.stat().st_uid
    except OSError:
        return  # then no daemon is there either
    if owner not in (os.getuid(), 0):
        raise UsageError(
            f"{directory} belongs to another user, so the daemon there is not yours: "
            "set HADES_HOME or XDG_RUNTIME_DIR to a directory of your own"
        )


def endpoints(address: str) -> tuple[str, str]:
    """The control and the event endpoint of tcp://HOST:PORT: events have the port after it.

    Raises:
        UsageError: it is no such address.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 1 <= int(match[2]) <= 65_534:
        raise UsageError(
            f"'{address[:80]}' is no address to listen at: it takes tcp://HOST:PORT, e.g. tcp://0.0.0.0:7421 "
            "(events have the port after it)"
        )
    host, port = match[1], int(match[2])
    return f"{PREFIX}{host}:{port}", f"{PREFIX}{host}:{port + 1}"


def new_pair() -> KeyPair:
    """A new key pair, from libsodium's random numbers."""
    public, secret = (z85.decode(key).hex() for key in zmq.curve_keypair())
    return KeyPair(public_key=public, secret_key=secret)


def parse_key(text: str) -> str:
    """A public key as 64 hexadecimal digits, from those or from 40 letters of zmq's Z85.

    Raises:
        UsageError: it is neither.
    """
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return text.lower()
    try:
        if len(text) == 40 and len(key := z85.decode(text.encode("ascii"))) == 32:
            return key.hex()
    except (UnicodeEncodeError, KeyError, struct.error):  # letters that Z85 does not have; more than 32 bits in five
        pass
    raise UsageError(f"'{text[:80]}' is no public key: those are 64 hexadecimal digits, see 'hadesd keys list'")


def write_private(path: Path, content: msgspec.Struct, force: bool) -> None:
    """Write JSON into a file that nobody else may read, from its first byte on; it appears whole.

    Raises:
        UsageError: there is one, and `force` is not given.
        UsageError: it cannot be written, or would be too large to be read again.
    """
    data = to_json(content)
    if len(data) > MAX_KEY_FILE:
        raise UsageError(f"{path} would have more than {MAX_KEY_FILE} bytes, and could not be read again: nothing done")
    try:
        temporary, fd = create_beside(path)
        try:
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(temporary, path)
            else:
                os.link(temporary, path)  # unlike a rename it never replaces what is there
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} exists already: --force replaces it, and what it opened stays shut") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def to_json(content: msgspec.Struct) -> bytes:
    """Indented JSON, with a line break at the end."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def read_private(path: Path, kind: type[T], advice: str) -> T:
    """Read a file that write_private made.

    Raises:
        NotFoundError: there is no such file; the text ends with `advice`.
        UsageError: it holds something else, or others may read or change it.
    """
    try:
        with open(path, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise UsageError(
                    f"others may read or change {path}: make a new one, or 'chmod 600 {path}' where nobody did"
                )
            data = file.read(MAX_KEY_FILE)
    except FileNotFoundError:
        raise NotFoundError(f"there is no key file {path}: {advice}") from None
    except OSError as error:
        raise UsageError(f"cannot read the key file {path}: {error.strerror or error}") from None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no key file of hades ({error}): {advice}") from None
