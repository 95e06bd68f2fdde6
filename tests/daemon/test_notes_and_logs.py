"""Notes and logs of a real daemon."""

import json
import os

import pytest

from hades_protocol import commands, events
from hades_protocol.errors import InternalError, NotFoundError, ProtocolMismatchError, UsageError, WrongStateError
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home
from tests.supervisor.test_run import stream, subscribed


def test_a_note_is_told_and_outlives_the_daemon(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start()
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        written = home.ask(commands.Note, run=run, text="  σ 0.1: looks good ")
        told = []
        while not told or told[-1].run.note == "":
            told += [e for e in stream(socket, events.RunChanged) if isinstance(e, events.RunChanged)]
    assert written.note == told[-1].run.note == "σ 0.1: looks good"
    daemon.kill()
    daemon.wait(60)
    assert home.record(run)["note"] == "σ 0.1: looks good"
    home.fake_daemon()
    assert home.show(run).note == "σ 0.1: looks good"
    assert home.ask(commands.Note, run=run, text="").note == ""
    assert home.record(run)["note"] == ""


def test_a_run_of_a_version_without_notes_still_loads(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start()
    daemon.kill()
    daemon.wait(60)
    record = home.record(run)
    del record["note"]
    (home.paths.runs / run / "run.json").write_text(json.dumps(record))
    home.fake_daemon()
    assert home.show(run).note == ""
    assert home.ask(commands.Note, run=run, text="now").note == "now"


def test_notes_that_are_refused_change_nothing(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.ask(commands.Note, run=run, text="old")
    with pytest.raises(UsageError, match="one line of text"):
        home.ask(commands.Note, run=run, text="two\nlines")
    with pytest.raises(ProtocolMismatchError):
        home.ask(commands.Note, run=run, text="x" * 2001)
    with pytest.raises(WrongStateError, match="by now"):
        home.ask(commands.Note, run=run, text="new", expected_state=RunState.PAUSED)
    assert home.show(run).note == "old"


def test_a_note_that_cannot_be_written_is_refused(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=1)
    home.reaches(run, RunState.FINISHED)
    (home.paths.runs / run / ".run.json.tmp").mkdir()  # root may write into any directory, but not over this one
    with pytest.raises(InternalError, match="nothing was done"):
        home.ask(commands.Note, run=run, text="lost")
    assert home.show(run).note == ""
    (home.paths.runs / run / ".run.json.tmp").rmdir()
    assert home.ask(commands.Note, run=run, text="kept").note == "kept"


def test_the_logs_of_a_worker_and_of_the_daemon(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, RunState.RUNNING, 1)
    path = home.paths.runs / run / "worker.log"
    older = {"event": "old", "level": "warning", "timestamp": "2026-11-21T10:00:00Z", "generation": 3}
    path.with_name("worker.log.1").write_text(json.dumps(older) + "\n")
    with open(path, "a") as file:
        file.write("Fatal Python error: Segmentation fault\n")
    found = home.ask(commands.Logs, run=run).lines
    assert [(line.level, line.text) for line in found] == [
        ("warning", "old  generation=3"),
        ("warning", "Fatal Python error: Segmentation fault"),
    ]
    assert found[0].time == found[1].time > 0
    assert [line.text for line in home.ask(commands.Logs, run=run[:-1], search="FATAL").lines] == [found[1].text]
    assert home.ask(commands.Logs, run=run, level="error").lines == ()
    own = home.ask(commands.Logs).lines
    assert any(line.text.startswith(f"run submitted  run={run}") for line in own)
    assert [line.time for line in own] == sorted(line.time for line in own)
    assert home.ask(commands.Logs, lines=1).lines[0].time >= own[-1].time
    with pytest.raises(NotFoundError):
        home.ask(commands.Logs, run="nowhere")
    with pytest.raises(ProtocolMismatchError):
        home.ask(commands.Logs, lines=0)


def test_a_run_without_a_log_has_no_lines(home: Home) -> None:
    home.fake_daemon(slots=1)
    home.start()
    assert home.ask(commands.Logs, run=home.start()).lines == ()


def test_a_long_log_is_answered_from_its_end(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, RunState.RUNNING, 1)
    path = home.paths.runs / run / "worker.log"
    with open(path, "a") as file:
        for number in range(200_000):
            file.write(f'{{"event": "line {number}", "level": "info", "timestamp": "2026-11-21T10:00:00Z"}}\n')
        size = os.fstat(file.fileno()).st_size
    assert size > 10 * 2**20
    found = home.ask(commands.Logs, run=run, lines=2000).lines
    assert [line.text for line in found] == [f"line {number}" for number in range(198_000, 200_000)]
    assert home.ask(commands.Logs, run=run, search="line 3 ").lines == ()
