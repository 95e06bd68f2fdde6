"""The event stream for people who debug."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.codec import encode
from hades_protocol.errors import ExitCode
from hades_protocol.events import TOPIC_EVENTS, WELCOME, Heartbeat, RunLog, dataset_topic
from hades_tui.remote.event_tail import EventTail, TailLine
from tests.helpers.protocol.protocol_server import a_dataset, serving
from tests.helpers.screen.live_screen import CARTPOLE, HOPPER, three_runs

TUI = Path(sys.executable).with_name("hades-tui")


def log(seq: int, session: str = "one", run: str = CARTPOLE) -> list[bytes]:
    return [
        TOPIC_EVENTS,
        encode(RunLog(session=session, seq=seq, time=0.0, run_id=run, level="warning", text=f"{seq}")),
    ]


def beat(seq: int) -> list[bytes]:
    return [TOPIC_EVENTS, encode(Heartbeat(session="one", seq=seq, time=0.0))]


def notes(messages: list[list[bytes]]) -> list[str]:
    tail = EventTail()
    return [f"{line.note}: {line.text}" for frames in messages for line in tail.message(frames, 0.0) if line.note]


def test_a_stream_in_order_has_no_notes() -> None:
    assert notes([log(7), log(8), beat(8), log(9)]) == []


def test_what_is_missing_is_said() -> None:
    cases: list[tuple[list[list[bytes]], list[str]]] = [
        ([[WELCOME], [WELCOME]], ["subscribed: what was sent before is not in here", "subscribed: a reconnect"]),
        ([log(7), log(10)], ["gap: 2 lost, 8 to 9"]),
        ([log(7), beat(9)], ["gap: 2 lost, 8 to 9"]),
        ([log(7), beat(9), log(10)], ["gap: 2 lost, 8 to 9"]),
        ([log(7), log(7)], ["order: 7 after 7"]),
        ([log(7), log(1, "two"), log(2, "two")], ["resync: another session"]),
        ([[TOPIC_EVENTS, b"\xc1"]], ["malformed: "]),
        ([[TOPIC_EVENTS]], ["malformed: "]),
        ([[TOPIC_EVENTS, encode(3)]], ["malformed: "]),
    ]
    for messages, starts in cases:
        found = notes(messages)
        assert len(found) == len(starts), messages
        assert all(text.startswith(start) for text, start in zip(found, starts, strict=True)), found


@given(st.lists(st.integers(0, 5), max_size=30))
def test_as_many_are_missing_as_were_left_out(steps: list[int]) -> None:
    tail, seq, missing = EventTail(), 0, 0
    tail.message(log(0), 0.0)
    for step in steps:
        seq += 1 + step
        said = [line.text for line in tail.message(log(seq), 0.0) if line.note == "gap"]
        missing += int(said[0].split()[0]) if said else 0
    assert missing == sum(steps)


def test_silence_is_said_once_and_its_end() -> None:
    tail = EventTail()
    assert tail.silence(5.0) == []  # nothing was heard yet
    tail.message(beat(1), 10.0)
    assert tail.silence(11.0) == []
    assert [line.note for line in tail.silence(13.5)] == ["silence"]
    assert tail.silence(14.0) == []
    assert tail.message(beat(1), 15.0)[0].note == "heard again"


def test_nothing_of_an_event_reaches_the_terminal_unescaped() -> None:
    (line,) = EventTail().message(log(1, run="x\x1b[31m\ny"), 0.0)
    assert "\x1b" not in line.describe()
    assert "\n" not in line.describe()


def test_what_a_newer_daemon_says_is_shown_as_it_is() -> None:
    event: dict[str, Any] = {
        "type": "weather",
        "session": "one",
        "seq": 4,
        "run_id": "r",
        "colour": "blue",
        "raw": b"123",
    }
    (line,) = EventTail().message([TOPIC_EVENTS, encode(event)], 0.0)
    assert (line.event, line.run) == (event, "r")
    assert "weather" in line.describe()
    assert "colour=blue raw=<3 bytes>" in line.describe()
    assert json.loads(line.json())["event"]["raw"] == "MTIz"


def test_pairs_are_no_gap() -> None:
    dataset = {"type": "dataset", "session": "one", "seq": 0, "run_id": "r", "dataset": {}}
    assert notes([log(7), [dataset_topic("r"), encode(dataset)], log(8)]) == []


def test_a_note_in_json() -> None:
    told = json.loads(TailLine(time=1.5, note="gap", text="2 lost").json())
    assert told == {"time": 1.5, "note": "gap", "text": "2 lost"}


def test_the_command_prints_what_the_daemon_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    with serving(tmp_path / "run", three_runs()) as server:
        process = subprocess.Popen(
            [TUI, "events", "--run", "cart", "--json", "--count", "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["note"] == "subscribed"
        server.do(lambda: server.daemon.change(server.daemon.runs[HOPPER]))
        server.do(lambda: server.daemon.publish_dataset(CARTPOLE, a_dataset(31, 6)))
        server.lose(lambda: server.daemon.commit(CARTPOLE))
        server.do(lambda: server.daemon.commit(CARTPOLE))
        out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (ExitCode.OK, "")
    pairs, gap, commit = map(json.loads, out.splitlines())
    assert pairs["event"]["type"] == "dataset"
    assert gap["note"] == "gap"
    assert (commit["event"]["type"], commit["event"]["run_id"]) == ("generation", CARTPOLE)


def test_the_command_without_a_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    done = subprocess.run([TUI, "events"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr.startswith("hades-tui: no daemon answers at")
