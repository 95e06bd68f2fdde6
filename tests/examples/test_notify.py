"""The hook of examples/hooks and the settings of docs/recipes.md, run as the daemon runs hooks.

A real HTTP server and a program in sendmail's place take what it sends.
"""

import json
import os
import re
import stat
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from hadesd.config import load_settings
from hadesd.integrations.hooks.process import HookResult, run_hook

ROOT = Path(__file__).parents[2]
NOTIFY = ROOT / "examples/hooks/notify.py"
RECIPES = [
    tomllib.loads(block)
    for block in re.findall(r"```toml\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
]

HAPPENED: dict[str, Any] = {
    "event": "failed",
    "time": 1764300000.0,
    "reason": "the loss is <NaN> & stays so",
    "run": {"id": "hopper-1128-k3f9", "env": "hopper", "method": "hades-r", "generation": 7, "generations": 60},
    "host": "gpu-box",
    "state_directory": "/tmp",
    "test": False,
}

pytestmark = pytest.mark.process


class Receiver(HTTPServer):
    """Keeps path, headers and body of each request; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/topic"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def told(*command: str, **changes: Any) -> HookResult:
    """The hook with these arguments, about what happened."""
    data = json.dumps(HAPPENED | changes).encode()
    return run_hook([str(NOTIFY), *command], data, os.environ, ROOT, timeout=60)


def test_the_settings_of_the_recipes_are_taken_and_name_what_the_hook_knows(tmp_path: Path) -> None:
    assert len(RECIPES) == 3
    for recipe in RECIPES:
        path = tmp_path / "config.toml"
        path.write_text(
            "[hooks]\n" + "\n".join(f"{name} = {json.dumps(call)}" for name, call in recipe["hooks"].items())
        )
        load_settings(path, {})
    calls = [call for recipe in RECIPES for call in recipe["hooks"].values()]
    assert {call[1] for call in calls} == {"mail", "slack", "ntfy"}
    assert {len(call) for call in calls} == {3}


def test_slack_is_told_in_its_own_escapes(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "webhook").write_text(f"{receiver.address}\n")
    assert told("slack", str(tmp_path / "webhook")).problem == ""
    ((path, headers, body),) = receiver.taken
    assert (path, headers["Content-Type"]) == ("/topic", "application/json")
    assert json.loads(body) == {
        "text": "*hopper-1128-k3f9 failed*\nhopper with hades-r on gpu-box, generation 7 of 60\n"
        "the loss is &lt;NaN&gt; &amp; stays so"
    }


def test_ntfy_is_told_and_a_failure_has_priority(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "topic").write_text(receiver.address)
    assert told("ntfy", str(tmp_path / "topic")).problem == ""
    assert told("ntfy", str(tmp_path / "topic"), event="finished", reason="", test=True).problem == ""
    (_, failed, text), (_, finished, _) = receiver.taken
    assert (failed["Title"], failed["Priority"]) == ("hopper-1128-k3f9 failed", "high")
    assert text.decode().endswith("\nthe loss is <NaN> & stays so")
    assert (finished["Title"], finished["Priority"]) == ("hopper-1128-k3f9 finished (a test)", "default")


def test_mail_goes_to_sendmail(tmp_path: Path) -> None:
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat > {tmp_path}/mail\n')
    sendmail.chmod(stat.S_IRWXU)
    assert told("mail", "ada@example.org", "--sendmail", str(sendmail)).problem == ""
    assert (tmp_path / "arguments").read_text().split() == ["-t", "-oi"]
    mail = (tmp_path / "mail").read_text()
    assert "To: ada@example.org\nSubject: hades: hopper-1128-k3f9 failed\n" in mail
    assert "generation 7 of 60" in mail


def test_what_goes_wrong_is_one_line(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 403
    (tmp_path / "webhook").write_text(receiver.address)
    for command, why in (
        (("slack", str(tmp_path / "webhook")), "403"),
        (("slack", str(tmp_path / "nowhere")), "No such file"),
        (("mail", "ada@example.org", "--sendmail", str(tmp_path / "none")), "No such file"),
    ):
        result = told(*command)
        assert result.problem == "it exited with status 1"
        assert result.output.startswith("notify.py: cannot tell ")
        assert result.output.count("\n") == 1
        assert why in result.output
