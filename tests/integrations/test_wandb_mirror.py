"""Weights & Biases offline: every generation once, through kills, and nothing of the machine. Skipped without wandb."""

import json
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import BIN, Home, until

pytest.importorskip("wandb", reason="the extra 'wandb' is not installed")

S = RunState
BLOCK = 32768
"""The files are logs of LevelDB: blocks of records, each with checksum, length and kind (1 whole, 4 the last part)."""


@pytest.fixture
def offline(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    home.environ |= {"WANDB_MODE": "offline", "WANDB_API_KEY": "0" * 40}
    return home


def mirror(home: Home, *arguments: str) -> "subprocess.Popen[bytes]":
    return home.spawn([str(BIN / "hadesd"), "mirror", "--wandb", "drill", *arguments])


def directory(home: Home) -> Path:
    return home.paths.state / "mirrors" / "wandb" / "drill"


def noted(home: Home, run: str) -> int:
    path = directory(home) / f"{run}.json"
    return int(json.loads(path.read_text())["generation"]) if path.exists() else 0


def records(path: Path) -> list[Any]:
    """What a .wandb file holds."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, part, found = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        if (left := BLOCK - at % BLOCK) < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(part))
            part = b""
    return found


def curve(home: Home) -> list[tuple[int, float]]:
    """Generations and mean fitness, in the order in which they were logged."""
    out = []
    for path in sorted(directory(home).glob("wandb/offline-run-*/*.wandb")):
        for record in records(path):
            if record.WhichOneof("record_type") == "history":
                values = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                out.append((record.history.step.num, json.loads(values["fitness/mean"])))
    return out


def test_every_generation_once_through_restarts_of_everything(offline: Home) -> None:
    home = offline
    daemon = home.fake_daemon()
    run = home.start(generations=300, milliseconds=20)
    first = mirror(home)
    until(lambda: noted(home, run) > 20, "it mirrors")
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    daemon.kill()
    daemon.wait()
    home.fake_daemon()
    second = mirror(home, run)
    assert second.wait(120) == 0  # the run has ended
    assert home.show(run).state == S.FINISHED
    assert curve(home) == [(generation, float(generation)) for generation in range(1, 301)]


def test_nothing_of_the_machine_goes_out(offline: Home) -> None:
    home = offline
    home.fake_daemon()
    home.reaches(home.start(generations=2), S.FINISHED)
    assert mirror(home, "--once").wait(60) == 0
    (path,) = directory(home).glob("wandb/offline-run-*/*.wandb")
    content = path.read_bytes()
    assert b"CartPole-v1" in content
    for private in (
        home.environ["WANDB_API_KEY"],
        str(home.paths.state),
        home.environ["PATH"],
        f'"{socket.gethostname()}"',
    ):
        assert private.encode() not in content
    assert {record.run.host for record in records(path) if record.WhichOneof("record_type") == "run"} == {"hades"}


def test_without_a_key_it_says_what_to_do(home: Home) -> None:
    home.environ |= {"HOME": str(home.paths.state), "WANDB_MODE": "online"}
    home.environ.pop("WANDB_API_KEY", None)
    home.fake_daemon()
    home.reaches(home.start(generations=1), S.FINISHED)
    done = home.hadesd("mirror", "--wandb", "drill", "--once")
    assert done.returncode == 1
    assert "see 'wandb login', or set WANDB_MODE=offline" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
