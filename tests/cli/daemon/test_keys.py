"""hadesd keys: what it writes, what it refuses, and that nobody else can read it."""

import json
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hades_protocol import keys
from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hadesd.cli.main import main
from hadesd.daemon.key_store import KeyStore
from tests.helpers.processes.daemon import Home
from tests.helpers.processes.keys import free_address

ADDRESS = "tcp://gpu-box:7421"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return KeyStore(Paths().keys)


def hadesd(line: str) -> int:
    return main(shlex.split(line))


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the one line on stderr."""
    capsys.readouterr()
    code = hadesd(line)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return code, err


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def read(path: Path | str) -> keys.ClientKeys:
    return keys.read_private(Path(path), keys.ClientKeys, "")


def test_init_makes_private_keys_and_shows_the_public_one_alone(
    store: KeyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hadesd("keys init") == 0
    out, err = capsys.readouterr()
    pair = store.server()
    assert out == f"{pair.public_key}\n"
    assert pair.secret_key not in out + err
    assert (mode(store.server_file), mode(store.directory)) == (0o600, 0o700)


def test_init_replaces_nothing_without_force(store: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    hadesd("keys init")
    before = store.server()
    code, line = refused("keys init", capsys)
    assert (code, "--force" in line) == (2, True)
    assert store.server() == before
    assert hadesd("keys init --force") == 0
    assert store.server() != before


def test_a_client_gets_one_private_file_and_is_on_the_list(store: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    hadesd("keys init")
    capsys.readouterr()
    assert hadesd(f"keys client laptop --address {ADDRESS}") == 0
    out, err = capsys.readouterr()
    assert out == "hades-laptop.json\n"
    found = read("hades-laptop.json")
    assert mode(Path("hades-laptop.json")) == 0o600
    assert (found.name, found.address, found.server_key) == ("laptop", ADDRESS, store.server().public_key)
    assert [(one.name, one.public_key) for one in store.clients()] == [("laptop", found.public_key)]
    assert found.secret_key not in err + store.clients_file.read_text()
    assert mode(store.clients_file) == 0o600


def test_a_client_on_stdout(store: KeyStore, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hadesd("keys init")
    capsys.readouterr()
    assert hadesd(f"keys client laptop --address {ADDRESS} -o -") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["public_key"] == store.clients()[0].public_key
    assert not list(tmp_path.glob("*.json"))


def test_a_client_that_keeps_its_secret_to_itself(store: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    server = keys.new_pair().public_key
    assert hadesd(f"keys client laptop --server {server} --address {ADDRESS}") == 0
    err = capsys.readouterr().err
    found = read("hades-laptop.json")
    assert found.server_key == server
    assert f"hadesd keys allow {found.public_key} laptop" in err
    assert not store.directory.exists()
    assert hadesd(f"keys allow {found.public_key} laptop") == 0
    assert [one.public_key for one in store.clients()] == [found.public_key]


def test_names_and_files_are_not_replaced_without_force(store: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    hadesd("keys init")
    assert hadesd(f"keys client laptop --address {ADDRESS} -o a.json") == 0
    code, line = refused(f"keys client laptop --address {ADDRESS} -o b.json", capsys)
    assert (code, "called 'laptop' already" in line) == (3, True)
    assert not Path("b.json").exists()
    code, line = refused(f"keys client desktop --address {ADDRESS} -o a.json", capsys)
    assert (code, "a.json exists already" in line) == (2, True)
    assert [one.name for one in store.clients()] == ["laptop"]
    code, line = refused(f"keys allow {read('a.json').public_key} again", capsys)
    assert (code, "on the list already, as 'laptop'" in line) == (3, True)
    before = read("a.json")
    assert hadesd(f"keys client laptop --address {ADDRESS} -o a.json --force") == 0
    assert [one.public_key for one in store.clients()] == [read("a.json").public_key] != [before.public_key]


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        (f"keys client laptop --address {ADDRESS}", 3, "hadesd keys init"),
        ("keys client laptop --server abc --address tcp://h:1", 2, "is no public key"),
        (f"keys client laptop --server {'0' * 64}", 2, "Give --address"),
        (f"keys client laptop --server {'0' * 64} --address h:1", 2, "is no address"),
        (f"keys client ../laptop --server {'0' * 64} --address {ADDRESS}", 2, "cannot name a client"),
        (f"keys client laptop --server {'0' * 64} --address {ADDRESS} -o /nowhere/x", 2, "cannot write"),
        (f"keys allow {'g' * 64} laptop", 2, "is no public key"),
        (f"keys allow {'#' * 40} laptop", 2, "is no public key"),
        (f"keys allow {'0' * 64} 'lap top'", 2, "cannot name a client"),
        ("keys revoke laptop", 3, "no client is called 'laptop'"),
    ],
)
def test_what_is_refused(line: str, code: int, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, text = refused(line, capsys)
    assert (found, why in text) == (code, True), text


def test_zmqs_own_spelling_of_a_key_is_taken_too(store: KeyStore) -> None:
    public = keys.new_pair().public_key
    z85 = keys.z85.encode(bytes.fromhex(public)).decode()
    assert keys.parse_key(z85) == keys.parse_key(public.upper()) == public


def test_list_and_revoke(store: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert hadesd("keys list --json") == 0
    assert json.loads(capsys.readouterr().out) == {"server_key": None, "clients": []}
    hadesd("keys init")
    for name in ("laptop", "desktop"):
        hadesd(f"keys client {name} --address {ADDRESS}")
    assert hadesd("keys revoke laptop") == 0
    capsys.readouterr()
    assert hadesd("keys list") == 0
    daemon, client = capsys.readouterr().out.splitlines()
    assert daemon == f"{store.server().public_key}  (the daemon)"
    assert client.startswith(f"{store.clients()[0].public_key}  desktop  since 20")
    assert hadesd("keys list --json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed["clients"]] == ["desktop"]
    assert "secret" not in json.dumps(listed)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"schema": 2, "clients": []}', b'{"schema": 1, "clients": [{"name": 1}]}']
)
def test_a_damaged_list_is_one_line_and_is_not_overwritten(
    store: KeyStore, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store.directory.mkdir(parents=True)
    store.clients_file.write_bytes(content)
    store.clients_file.chmod(0o600)
    assert refused(f"keys allow {'0' * 64} laptop", capsys)[0] == 2
    assert refused("keys list", capsys)[0] == 2
    assert store.clients_file.read_bytes() == content


def test_listen_gives_the_address(store: KeyStore) -> None:
    hadesd("keys init")
    Paths().config_file.write_text('listen = "tcp://192.0.2.1:7000"')
    assert hadesd("keys client laptop") == 0
    assert read("hades-laptop.json").address == "tcp://192.0.2.1:7000"


def test_verbs_and_screen_over_tcp(home: Home, tmp_path: Path) -> None:
    """What the README promises, with the commands that a person types."""
    address, file = free_address(), tmp_path / "laptop.json"
    assert home.hadesd("keys", "init").returncode == 0
    made = home.hadesd("keys", "client", "laptop", "--address", address, "-o", str(file))
    assert (made.returncode, made.stdout) == (0, f"{file}\n")
    home.fake_daemon(listen=address)
    run = home.start(generations=100_000)

    laptop = Home(tmp_path / "laptop")
    laptop.environ["HADES_CONNECT"] = str(file)
    listed = laptop.hadesd("status", "--json")
    assert [one["id"] for one in json.loads(listed.stdout)["runs"]] == [run]
    assert laptop.hadesd("pause", "@").returncode == 0
    assert home.show(run).state == "paused"
    settings = (
        "--env",
        "CartPole-v1",
        "--set",
        "evolution.generations=3",
        "--set",
        "policy.width=10",
        "--preset",
        "cpu",
    )
    started = laptop.hadesd("start", *settings)
    assert started.returncode == 0, started.stderr
    assert laptop.hadesd("wait", started.stdout.strip()).returncode == 0
    here = laptop.hadesd("export", "@", "-o", str(tmp_path / "pairs.npz"))
    assert (here.returncode, "HADES_CONNECT" in here.stderr) == (2, True)
    doctor = json.loads(laptop.hadesd("doctor", "--no-jax", "--json").stdout)
    assert {one["name"]: one["level"] for one in doctor["findings"]}["daemon"] == "ok"
    assert laptop.hadesd("stop").returncode == 0
    assert home.daemons[0].wait(60) == 0
    gone = laptop.hadesd("status")
    assert (gone.returncode, "does not know this key" in gone.stderr) == (4, True)
    assert not list(laptop.paths.state.glob("runs/*"))


def test_a_client_that_could_not_be_read_back_is_not_added(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_KEY_FILE", 1000)
    for name in (added := ["first", "second", "third"]):
        store.allow(name, keys.new_pair().public_key, force=False)
    size = store.clients_file.stat().st_size
    monkeypatch.setattr(keys, "MAX_KEY_FILE", size)
    with pytest.raises(UsageError, match="could not be read again"):
        store.allow("too many", keys.new_pair().public_key, force=False)
    assert [client.name for client in store.clients()] == added


@pytest.mark.parametrize("spoil", [lambda path: path.chmod(0o755), lambda path: path.write_text("{}")])
def test_a_client_whose_file_cannot_be_read_back_is_not_let_in(
    store: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
) -> None:
    """As on a disk that keeps no modes, or that loses what is written."""
    store.init(force=False)
    write = keys.write_private

    def write_and_spoil(path: Path, content: msgspec.Struct, force: bool) -> None:
        write(path, content, force)
        spoil(path)

    monkeypatch.setattr(keys, "write_private", write_and_spoil)
    assert refused(f"keys client laptop --address {ADDRESS}", capsys)[0] == 2
    assert store.clients() == ()


def test_a_daemon_in_the_directory_of_another_user_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths()
    assert keys.destination(paths).local, "where nothing is nobody lies in wait"
    paths.runtime.mkdir(parents=True)
    assert keys.destination(paths).local
    if os.getuid() == 0:
        os.chown(paths.runtime, 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    for connect in ("", f"ipc://{paths.runtime}"):
        with pytest.raises(UsageError, match="belongs to another user"):
            keys.destination(paths, connect)
