"""Who gets in over TCP and who does not; real sockets, real daemons."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
import zmq.asyncio

from hades_protocol import codec, commands, keys, replies
from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import HadesError, NotFoundError, UnreachableError, UsageError
from hades_protocol.events import AnyEvent
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hades_protocol.replies import SnapshotResult
from hades_protocol.sync_client import ControlClient
from hadesd.daemon import sockets
from hadesd.logs import rate_limit
from hadesd.logs.rate_limit import RateLimitedLogger
from tests.helpers.processes.daemon import Home, until
from tests.helpers.processes.keys import Keyring

DOES_NOT_KNOW = "does not answer, or does not know this key"


@pytest.fixture
def ring(home: Home) -> Keyring:
    home.paths.make_private()
    return Keyring(home)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused is refused at once: nobody has to wait for it as long as across an ocean."""
    monkeypatch.setattr("hades_protocol.sync_client.HANDSHAKE_SECONDS", 2.0)
    monkeypatch.setattr("hades_protocol.async_client.HANDSHAKE_SECONDS", 2.0)


def at(file: Path) -> Paths:
    """What Paths() is on the client's machine."""
    return Paths({"HADES_HOME": "/tmp/hades-no-daemon-here", "HADES_CONNECT": str(file)})


def hello(file: Path) -> DaemonInfo:
    with ControlClient(at(file)) as client:
        info: DaemonInfo = client.request(commands.Hello)
        return info


def client_of(file: Path) -> AsyncClient:
    where = keys.destination(at(file))
    return AsyncClient(where.control, where.events, keys=where.keys)


# Who gets in ---------------------------------------------------------------------------------------------------


def test_a_known_key_opens_and_everything_else_does_not(home: Home, ring: Keyring) -> None:
    daemon = home.fake_daemon(listen=ring.address)
    assert hello(ring.client("laptop")).pid == daemon.pid
    for wrong in (
        ring.client("stranger", allowed=False),
        ring.client("misled", server_key=keys.new_pair().public_key),
    ):
        with pytest.raises(UnreachableError, match=DOES_NOT_KNOW) as caught:
            hello(wrong)
        assert "\n" not in str(caught.value)
    refusals = [line for line in home.log() if line["event"].startswith("client refused")]
    assert {line["public_key"] for line in refusals} == {
        keys.read_private(home.paths.state / "stranger.json", keys.ClientKeys, "").public_key
    }
    assert home.ask(commands.Hello).pid == daemon.pid  # the Unix socket, without any key


def test_no_key_at_all_opens_neither_door(home: Home, ring: Keyring) -> None:
    home.fake_daemon(listen=ring.address)
    control, events = keys.endpoints(ring.address)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer, context.socket(zmq.SUB) as subscriber:
        for socket in (dealer, subscriber):
            socket.linger = 0
        dealer.connect(control)
        dealer.send(msgpack.packb({"verb": "hello", "request_id": "1"}))
        subscriber.subscribe(b"")
        subscriber.connect(events)
        assert not dealer.poll(2500)  # two heartbeats would have come by now
        assert not subscriber.poll(0)


async def test_an_asyncio_client_gets_events_and_answers_over_tcp(home: Home, ring: Keyring) -> None:
    home.fake_daemon(listen=ring.address)
    client = client_of(ring.client("laptop"))
    try:
        async with asyncio.timeout(30), aclosing(client.attach()) as items:
            run = ""
            async for item in items:
                if isinstance(item, SnapshotResult) and not run:
                    run = await asyncio.to_thread(home.start, 3)
                elif isinstance(item, AnyEvent) and getattr(item, "run_id", "") == run:
                    break
        assert (await client.show(run)).run.id == run
    finally:
        client.close()


async def test_the_asyncio_client_says_that_its_key_is_not_known(home: Home, ring: Keyring) -> None:
    home.fake_daemon(listen=ring.address)
    client = client_of(ring.client("stranger", allowed=False))
    try:
        with pytest.raises(UnreachableError, match=DOES_NOT_KNOW):
            await client.hello()
    finally:
        client.close()


# The list changes while the daemon runs ------------------------------------------------------------------------


def opens(file: Path) -> Callable[[], bool]:
    def does() -> bool:
        try:
            hello(file)
        except UnreachableError:
            return False
        return True

    return does


def test_allowed_and_revoked_while_it_runs(home: Home, ring: Keyring) -> None:
    home.fake_daemon(listen=ring.address)
    stays, goes = ring.client("stays"), ring.client("goes")  # both after the daemon's start
    with ControlClient(at(stays)) as kept, ControlClient(at(goes), timeout=6.0) as cut:
        assert cut.request(commands.Hello).pid == kept.request(commands.Hello).pid
        ring.store.revoke("goes")
        with pytest.raises(UnreachableError, match=DOES_NOT_KNOW):
            hello(goes)
        until(lambda: any("keys revoked" in line["event"] for line in home.log()), "the daemon noticed")
        with pytest.raises(UnreachableError):  # the connection that was open is closed
            cut.request(commands.Hello)
        until(opens(stays), "a new connection with a good key")
        assert kept.request(commands.Hello)  # its connection came back by itself


def test_a_damaged_list_lets_nobody_in_until_it_is_mended(home: Home, ring: Keyring) -> None:
    home.fake_daemon(listen=ring.address)
    file = ring.client("laptop")
    good = ring.store.clients_file.read_bytes()
    assert opens(file)()
    ring.store.clients_file.write_bytes(b"[")
    assert not opens(file)()
    assert home.ask(commands.Hello)
    ring.store.clients_file.write_bytes(good)
    until(opens(file), "the mended list lets it in again")
    ring.store.clients_file.chmod(0o666)
    assert not opens(file)()


# What keeps others out ----------------------------------------------------------------------------------------


def refusal_at_start(home: Home, *flags: str) -> str:
    done = home.hadesd("serve", *flags)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.returncode in (2, 3)
    assert not home.paths.control_socket.exists()
    return done.stderr


def test_without_keys_it_is_refused_with_the_command_that_makes_them(home: Home) -> None:
    assert "'hadesd keys init' makes the daemon's keys" in refusal_at_start(home, "--listen", "tcp://127.0.0.1:7421")


def test_keys_that_others_may_read_are_refused(home: Home, ring: Keyring) -> None:
    ring.store.server_file.chmod(0o644)
    assert "others may read or change" in refusal_at_start(home, "--listen", ring.address)


@pytest.mark.parametrize("address", ["127.0.0.1:7421", "tcp://7421", "tcp://h:65535", "tcp://h:0", "ipc:///tmp/x"])
def test_an_address_that_is_none(home: Home, ring: Keyring, address: str) -> None:
    assert "is no address to listen at" in refusal_at_start(home, "--listen", address)


def test_a_port_in_use_is_one_line_and_starts_no_worker(home: Home, ring: Keyring) -> None:
    _, events = keys.endpoints(ring.address)
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        taken.bind(events)
        line = refusal_at_start(home, "--listen", ring.address)
    assert f"cannot listen at {events}" in line
    assert "in use" in line


def test_listen_may_stand_in_the_configuration(home: Home, ring: Keyring) -> None:
    home.paths.config_file.write_text(f'listen = "{ring.address}"\n')
    daemon = home.daemon()
    assert hello(ring.client("laptop")).pid == daemon.pid


def test_the_sockets_lie_in_a_private_directory(home: Home) -> None:
    home.fake_daemon()
    assert stat.S_IMODE(home.paths.runtime.stat().st_mode) == 0o700
    assert home.paths.runtime.stat().st_uid == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_user_is_refused_even_where_the_directory_is_open(home: Home) -> None:
    home.fake_daemon()
    for directory in (home.paths.state, home.paths.runtime):
        directory.chmod(0o755)
    for socket in (home.paths.control_socket, home.paths.events_socket):
        socket.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, home.paths.control_endpoint], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "no answer\n"), done.stderr
    assert home.ask(commands.Hello)


STRANGER = """
import os, sys
import msgpack, zmq
os.setuid(65534)  # after the imports: nobody may be unable to read them
with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
    socket.linger = 0
    socket.connect(sys.argv[1])
    socket.send(msgpack.packb({"verb": "hello", "request_id": "1"}))
    print("an answer" if socket.poll(3000) else "no answer")
"""
"""A program that asks the daemon as another user, in a process of its own: no user comes back from setuid."""


# How much gets through -----------------------------------------------------------------------------------------


def reply_to(socket: "zmq.Socket[bytes]", data: bytes, milliseconds: int) -> replies.Reply | None:
    socket.send(data)
    return codec.decode(socket.recv(), replies.Reply) if socket.poll(milliseconds) else None


def test_a_request_far_too_large_is_not_even_received(home: Home) -> None:
    daemon = home.fake_daemon()
    before = resident(daemon.pid)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(home.paths.control_endpoint)
        answer = reply_to(socket, b"x" * (codec.MAX_REQUEST + 1), 30_000)
        assert answer is not None
        assert answer.error is not None
        assert "exceeds the limit" in answer.error.message
        for size in (sockets.MAX_FRAME + 1, codec.MAX_MESSAGE):
            assert reply_to(socket, bytes(size), 1000) is None
    assert home.ask(commands.Hello).refused == 1
    assert resident(daemon.pid) - before < codec.MAX_MESSAGE / 2


def test_a_client_does_not_send_what_a_daemon_would_not_take(home: Home) -> None:
    home.fake_daemon()
    with pytest.raises(UsageError, match="exceeds the limit"):
        home.ask(commands.Start, spec={"env": "x" * codec.MAX_REQUEST})


def test_a_client_that_never_reads_fills_no_memory(home: Home) -> None:
    daemon = home.fake_daemon()
    request = msgpack.packb({"verb": "hello", "request_id": "r" * (codec.MAX_REQUEST // 2)})
    before = resident(daemon.pid)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.sndtimeo = 20_000
        socket.sndhwm = 1
        socket.rcvhwm = 1
        socket.connect(home.paths.control_endpoint)
        for _ in range(400):  # each answer is as large as its request: 200 MiB
            socket.send(request)
        until(lambda: home.ask(commands.Hello), "it answers others")
        grown = resident(daemon.pid) - before
    assert grown < 2 * sockets.REPLY_QUEUE * len(request), grown


def test_a_topic_is_no_place_to_put_megabytes(home: Home) -> None:
    home.fake_daemon()
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.connect(home.paths.events_endpoint)
        socket.subscribe(b"x" * (sockets.MAX_SUBSCRIPTION + 1))
        socket.subscribe(b"events")
        assert not socket.poll(2500)  # its connection is closed, and again whenever it comes back with that topic
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.connect(home.paths.events_endpoint)
        socket.subscribe(b"events")
        assert socket.poll(60_000)


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# Addresses, files, log lines -----------------------------------------------------------------------------------


def test_events_have_the_port_after_that_of_control() -> None:
    assert keys.endpoints("tcp://gpu-box:7421") == ("tcp://gpu-box:7421", "tcp://gpu-box:7422")
    assert keys.endpoints("tcp://[::1]:7421")[1] == "tcp://[::1]:7422"


def test_an_ipv6_address(home: Home, ring: Keyring) -> None:
    ring.address = ring.address.replace("127.0.0.1", "[::1]")
    try:
        daemon = home.fake_daemon(listen=ring.address)
    except AssertionError as error:
        if "cannot listen" in str(error):
            pytest.skip("this machine has no IPv6")
        raise
    assert hello(ring.client("laptop")).pid == daemon.pid


def test_a_directory_of_sockets_is_a_way_too(home: Home) -> None:
    daemon = home.fake_daemon()
    where = f"ipc://{home.paths.runtime}"
    with ControlClient(Paths({"HADES_HOME": "/tmp/hades-no-daemon-here", "HADES_CONNECT": where})) as client:
        assert client.request(commands.Hello).pid == daemon.pid


def test_a_daemon_elsewhere_has_no_run_directories_here() -> None:
    with pytest.raises(UsageError, match="HADES_CONNECT"):
        _ = at(Path("/tmp/x.json")).runs


@pytest.mark.parametrize(
    ("content", "kind", "why"),
    [
        (None, NotFoundError, "'hadesd keys client NAME' makes one"),
        (b"", UsageError, "is no key file"),
        (b'{"secret_key": 1}', UsageError, "is no key file"),
        (b"\xff" * 10, UsageError, "is no key file"),
    ],
)
def test_a_key_file_that_is_none(tmp_path: Path, content: bytes | None, kind: type[HadesError], why: str) -> None:
    path = tmp_path / "k.json"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(kind, match=why) as caught:
        keys.destination(at(path))
    assert "\n" not in str(caught.value)


def test_a_key_file_that_others_may_read_is_refused(home: Home, ring: Keyring) -> None:
    path = ring.client("laptop")
    path.chmod(0o640)
    with pytest.raises(UsageError, match="others may read"):
        keys.destination(at(path))


def test_an_address_without_a_key_is_refused() -> None:
    with pytest.raises(UsageError, match="alone is not enough"):
        keys.destination(Paths({"HADES_HOME": "/tmp/x"}), "tcp://gpu-box:7421")


def test_a_flood_of_lines_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = [0.0], []

    class Log:
        def info(self, event: str, **fields: Any) -> None:
            lines.append((event, fields))

    monkeypatch.setattr(rate_limit, "log", Log())
    limited = RateLimitedLogger(lambda: now[0])
    for i in range(1000):
        limited.info("refused", number=i)
    assert lines == [("refused", {"number": i}) for i in range(rate_limit.LINES)]
    now[0] = rate_limit.SECONDS
    limited.info("refused", number=1000)
    assert [fields for _, fields in lines[rate_limit.LINES :]] == [
        {"lines": 1000 - rate_limit.LINES, "seconds": round(rate_limit.SECONDS)},
        {"number": 1000},
    ]


# Secrets -------------------------------------------------------------------------------------------------------


async def test_no_secret_in_logs_events_or_arguments(home: Home, ring: Keyring) -> None:
    daemon = home.daemon("--listen", ring.address, "--log-level", "debug")
    good, bad = ring.client("laptop"), ring.client("stranger", allowed=False)
    secrets = [
        ring.server.secret_key,
        *(keys.read_private(file, keys.ClientKeys, "").secret_key for file in (good, bad)),
    ]
    heard: list[bytes] = []
    context = zmq.asyncio.Context()
    subscriber = context.socket(zmq.SUB)
    subscriber.subscribe(b"")
    keys.destination(at(good)).secure(subscriber)
    subscriber.connect(keys.endpoints(ring.address)[1])
    try:
        async with asyncio.timeout(60):
            heard += await subscriber.recv_multipart()  # it is attached
            await asyncio.to_thread(hello, good)
            with pytest.raises(UnreachableError) as refused:
                await asyncio.to_thread(hello, bad)
            ring.store.revoke("laptop")
            run = await asyncio.to_thread(home.start, 1)
            while run.encode() not in b"".join(heard):
                if not await subscriber.poll(1500):
                    break  # its key is revoked
                heard += await subscriber.recv_multipart()
    finally:
        context.destroy(linger=0)
    arguments = Path(f"/proc/{daemon.pid}/cmdline").read_bytes() + Path(f"/proc/{daemon.pid}/environ").read_bytes()
    listing = home.hadesd("keys", "list", "--json").stdout
    texts = [
        home.paths.daemon_log.read_bytes(),
        b"".join(heard),
        arguments,
        listing.encode(),
        str(refused.value).encode(),
    ]
    assert all(texts)
    for secret in secrets:
        for form in (secret.encode(), bytes.fromhex(secret), keys.z85.encode(bytes.fromhex(secret))):
            for text in texts:
                assert form not in text


def test_a_secret_is_in_no_repr() -> None:
    pair = keys.new_pair()
    client = keys.ClientKeys(
        name="n", address="tcp://h:1", server_key="0" * 64, public_key=pair.public_key, secret_key=pair.secret_key
    )
    where = keys.Destination(control="c", events="e", keys=client)
    for text in (repr(pair), repr(client), repr(where), f"{client}", str(where)):
        assert pair.secret_key not in text


def test_what_is_written_is_private_at_once_and_never_replaced_unasked(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "k"
        keys.write_private(path, keys.new_pair(), force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    with pytest.raises(HadesError, match="exists already"):
        keys.write_private(path, keys.new_pair(), force=False)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["k"]
    begun = time.time()
    keys.write_private(path, keys.new_pair(), force=True)
    assert path.read_bytes() != content
    assert path.stat().st_mtime >= begun - 2
