"""A stranger opens more TCP connections than the daemon has descriptors, and says nothing on them."""

import contextlib
import json
import socket
import sys
from pathlib import Path

from hades_protocol import commands, keys
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hades_protocol.sync_client import ControlClient
from tests.helpers.processes.daemon import FAKE_DAEMON, Home, until
from tests.helpers.processes.keys import Keyring

FEW = 64


def soft_limit(pid: int) -> int:
    (line,) = (one for one in Path(f"/proc/{pid}/limits").read_text().splitlines() if one.startswith("Max open files"))
    return int(line.split()[3])


def silent(endpoint: str) -> socket.socket:
    host, _, port = endpoint.removeprefix(keys.PREFIX).rpartition(":")
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex((host, int(port)))
    return connection


def test_a_stranger_takes_no_descriptor_that_runs_need(home: Home) -> None:
    home.paths.make_private()
    ring = Keyring(home)
    file = ring.client("laptop")
    command = [sys.executable, str(FAKE_DAEMON), json.dumps({"listen": ring.address})]
    limited = ["sh", "-c", f'ulimit -Sn {FEW // 2} && ulimit -Hn {FEW} && exec "$@"', "sh", *command]
    daemon = home.answering(home.spawn(limited))
    assert soft_limit(daemon.pid) == FEW
    with contextlib.ExitStack() as stack:
        for _ in range(2 * FEW):
            for endpoint in keys.endpoints(ring.address):
                stack.enter_context(silent(endpoint))
        until(lambda: any(line["event"] == "TCP clients wait" for line in home.log()), "the daemon lets nobody in")
        runs = [home.start(generations=3, seed=seed) for seed in (0, 0, 0, 0)]
        for run in runs:
            home.reaches(run, RunState.FINISHED)
    assert daemon.poll() is None
    with ControlClient(Paths({"HADES_HOME": "/tmp/hades-no-daemon-here", "HADES_CONNECT": str(file)})) as client:
        assert client.request(commands.Hello).pid == daemon.pid
