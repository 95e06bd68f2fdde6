"""Warnings of code that the daemon, workers and verbs share."""

import sys

import pytest
import structlog

from hadesd.logs.warning import warn


def test_they_go_to_the_log_where_there_is_one_and_else_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with structlog.testing.capture_logs() as told:
        warn("a line was skipped", file="x", lines=2)
    assert told == [{"event": "a line was skipped", "file": "x", "lines": 2, "log_level": "warning"}]
    monkeypatch.setattr(structlog, "is_configured", lambda: False)
    warn("a line was skipped", file="x", lines=2)
    warn("nothing more to say")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "warning: a line was skipped: file x, lines 2\nwarning: nothing more to say\n")
    monkeypatch.setattr(sys, "stderr", None)
    warn("to nobody")
