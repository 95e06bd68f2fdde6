"""hadesd keys: who may attach from other machines."""

import argparse
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hades_protocol import keys
from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.paths import Paths
from hadesd.cli.documents.setup import KeysDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.daemon.key_store import ADVICE, AllowedClient, KeyStore, check_name

WILDCARDS = ("0.0.0.0", "*", "[::]")


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "keys",
        "make and list the keys with which clients on other machines attach over TCP",
        "hadesd keys init\n"
        "hadesd keys client laptop --address tcp://gpu-box:7421 -o laptop.json\n"
        "hadesd keys list\n"
        "hadesd keys revoke laptop",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _add_init(actions)
    _add_client(actions)
    _add_allow(actions)
    _add_list(actions)
    _add_revoke(actions)
    return parser


def _action(
    actions: "Subparsers[Parser]",
    name: str,
    summary: str,
    examples: str,
    carry_out: Callable[[argparse.Namespace], int],
) -> Parser:
    parser = add_verb(actions, name, summary, examples)
    parser.set_defaults(carry_out=carry_out)
    return parser


def _add_init(actions: "Subparsers[Parser]") -> None:
    parser = _action(actions, "init", "make the daemon's keys", "hadesd keys init", _init)
    parser.add_argument(
        "--force", action="store_true", help="replace keys that there are: no client file fits any more"
    )


def _add_client(actions: "Subparsers[Parser]") -> None:
    parser = _action(
        actions,
        "client",
        "make a client's keys, and one private file with all that the client needs",
        "hadesd keys client laptop --address tcp://gpu-box:7421\n"
        "hadesd keys client laptop --address tcp://gpu-box:7421 -o - | ssh laptop 'umask 077; cat > gpu-box.json'",
        _client,
    )
    parser.add_argument("name", metavar="NAME", help="what to call the client, e.g. laptop")
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="tcp://HOST:PORT of the daemon as the client reaches it (default: 'listen')",
    )
    parser.add_argument(
        "--server",
        metavar="PUBLICKEY",
        help="on the client's own machine: the daemon's public key. The secret then never leaves the client; "
        "'hadesd keys allow' at the daemon lets it in",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write (hades-NAME.json; - for stdout)")
    parser.add_argument("--force", action="store_true", help="replace the file, and the client of this name")


def _add_allow(actions: "Subparsers[Parser]") -> None:
    zeros = "0" * 64
    parser = _action(actions, "allow", "let a client in by its public key", f"hadesd keys allow {zeros} laptop", _allow)
    parser.add_argument("public_key", metavar="PUBLICKEY", help="64 hexadecimal digits (or 40 letters of Z85)")
    parser.add_argument("name", metavar="NAME", help="what to call the client")
    parser.add_argument("--force", action="store_true", help="replace the client of this name")


def _add_list(actions: "Subparsers[Parser]") -> None:
    parser = _action(
        actions, "list", "show the public keys of the daemon and its clients", "hadesd keys list --json", _list
    )
    add_json(parser)


def _add_revoke(actions: "Subparsers[Parser]") -> None:
    parser = _action(actions, "revoke", "let a client in no more", "hadesd keys revoke laptop", _revoke)
    parser.add_argument("name", metavar="NAME", help="what the client is called")


def run(args: argparse.Namespace) -> int:
    """Carry out the action that was named."""
    code: int = args.carry_out(args)
    return code


def _init(args: argparse.Namespace) -> int:
    store = _store()
    pair = store.init(args.force)
    print(pair.public_key)
    say(
        f"the daemon's keys are in {store.server_file} and stay there; above is the public one. "
        "Next: hadesd keys client NAME, then hadesd serve --listen tcp://0.0.0.0:7421"
    )
    return 0


def _client(args: argparse.Namespace) -> int:
    name = check_name(args.name)
    store = _store()
    at_the_client = args.server is not None
    server_key = keys.parse_key(args.server) if at_the_client else store.server().public_key
    address = args.address if args.address is not None else _own_address(at_the_client)
    keys.endpoints(address)
    pair = keys.new_pair()
    content = keys.ClientKeys(
        name=name, address=address, server_key=server_key, public_key=pair.public_key, secret_key=pair.secret_key
    )
    if not at_the_client and not args.force:
        store.refuse_known(name)  # before the file is written
    if args.output == "-":
        sys.stdout.write(keys.to_json(content).decode())
        sys.stdout.flush()
    else:
        path = Path(args.output or f"hades-{name}.json")
        keys.write_private(path, content, args.force)
        if keys.read_private(path, keys.ClientKeys, "its disk keeps no modes, choose another") != content:
            raise UsageError(f"{path} was read back and differs from what was written: nobody was let in")
        print(path)
    if at_the_client:
        say(f"let it in on the daemon's machine: hadesd keys allow {pair.public_key} {name}")
    else:
        store.allow(name, pair.public_key, args.force)
        say(f"'{name}' may attach. Move the file there, private (0600), then: hades-tui attach --connect FILE")
    return 0


def _allow(args: argparse.Namespace) -> int:
    added = _store().allow(check_name(args.name), keys.parse_key(args.public_key), args.force)
    say(f"'{added.name}' may attach; a daemon that runs knows it at once")
    return 0


def _list(args: argparse.Namespace) -> int:
    store = _store()
    clients = store.clients()
    try:
        server_key = store.server().public_key
    except NotFoundError:
        server_key = None
    if args.json:
        print_json(KeysDocument(server_key=server_key, clients=clients))
        return 0
    if server_key is None:
        say(f"the daemon has no keys: {ADVICE}")
    else:
        print(f"{server_key}  (the daemon)")
    for line in map(_line, clients):
        print(line)
    return 0


def _line(client: AllowedClient) -> str:
    return f"{client.public_key}  {client.name}  since {time.strftime('%Y-%m-%d', time.localtime(client.added_at))}"


def _revoke(args: argparse.Namespace) -> int:
    gone = _store().revoke(args.name)
    say(f"'{gone.name}' is let in no more; a daemon that runs closes its connections within seconds")
    return 0


def _store() -> KeyStore:
    return KeyStore(Paths().keys)


def _own_address(at_the_client: bool) -> str:
    """Where the daemon listens, as others would call it.

    Raises:
        UsageError: that is not known.
    """
    from hadesd.config import load_settings

    listen = None if at_the_client else load_settings(Paths().config_file, {}).listen
    if listen is None:
        raise UsageError("where will the client find the daemon? Give --address tcp://HOST:7421, or set 'listen' first")
    host, _, port = listen.removeprefix(keys.PREFIX).rpartition(":")
    return f"{keys.PREFIX}{socket.gethostname() if host in WILDCARDS else host}:{port}"
