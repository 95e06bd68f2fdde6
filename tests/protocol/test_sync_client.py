"""The synchronous client against daemons that are gone, stopped, or of another version."""

import signal
import threading
from pathlib import Path

import msgpack
import pytest
import zmq

from hades_protocol import commands
from hades_protocol.errors import ProtocolMismatchError, UnreachableError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from tests.helpers.processes.daemon import Home, until


def test_the_socket_of_a_killed_daemon_is_noticed_at_once(home: Home) -> None:
    daemon = home.fake_daemon()
    daemon.kill()
    daemon.wait()
    assert home.paths.control_socket.exists()
    with pytest.raises(UnreachableError, match="no daemon runs"):
        home.ask(commands.Hello)


def test_a_stopped_daemon_is_a_timeout_and_the_request_is_not_carried_out_later(home: Home) -> None:
    daemon = home.fake_daemon()
    with ControlClient(home.paths, timeout=2.0) as client:
        client.request(commands.Hello)  # so that the next request reaches its socket, stopped as it is
        daemon.send_signal(signal.SIGSTOP)
        with pytest.raises(UnreachableError, match="did not answer"):
            client.request(commands.Start, spec={"env": "CartPole-v1"})
        daemon.send_signal(signal.SIGCONT)
        until(lambda: "request expired before it was read" in home.paths.daemon_log.read_text(), "it is read")
    assert home.ask(commands.Snapshot).runs == ()


def serve_one(paths: Paths, reply: dict[str, object]) -> threading.Thread:
    """A daemon of another kind: answers one request with fixed fields."""
    paths.make_private()
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(paths.control_endpoint)

    def answer() -> None:
        sender, request = socket.recv_multipart()
        fields = {"request_id": msgpack.unpackb(request)["request_id"], **reply}
        socket.send_multipart([sender, msgpack.packb(fields)])
        context.destroy(linger=1000)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"protocol_major": 2, "result": {}}, "the daemon speaks protocol 2, this program 1"),
        ({"protocol_major": 1, "result": {"pid": "many"}}, "the daemon's reply is not understood"),
        ({"error": {"code": "protocol", "message": "no"}}, "^no$"),
        ({"request_id": "", "error": {"code": "protocol", "message": "no"}}, "^no$"),
        ({"request_id": "?", "protocol_major": 2}, "the daemon speaks protocol 2, this program 1"),
    ],
)
def test_another_version_is_a_protocol_error(home: Home, reply: dict[str, object], why: str) -> None:
    thread = serve_one(home.paths, reply)
    with pytest.raises(ProtocolMismatchError, match=why):
        home.ask(commands.Hello)
    thread.join()


def test_an_error_of_a_later_version_is_still_an_error(home: Home) -> None:
    thread = serve_one(home.paths, {"error": {"code": "brand_new", "message": "what it says"}})
    with pytest.raises(Exception, match="what it says") as caught:
        home.ask(commands.Hello)
    thread.join()
    assert type(caught.value).__name__ == "HadesError"


def test_no_directory_at_all() -> None:
    with pytest.raises(UnreachableError):
        ControlClient(Paths({"HADES_HOME": "/tmp/hades-never", "HOME": str(Path.home())}))
