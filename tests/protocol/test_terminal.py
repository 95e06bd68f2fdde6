"""Text that leaves for a terminal."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.terminal import coloured, printable, printable_output, unguarded

ANY_TEXT = st.text(st.characters()) | st.text(st.sampled_from("\x1b\x9b[]0;31mHJ\r\n\t\x07\x7f\u202e\u2028\ud800a"))
"""Surrogates included: names of files that are not UTF-8 hold them."""


@given(ANY_TEXT)
def test_nothing_printable_steers_a_terminal(text: str) -> None:
    shown = printable(text)
    assert all(letter.isprintable() or letter.isspace() for letter in shown)
    assert not any(letter != "\n" and (ord(letter) < 32 or 127 <= ord(letter) < 160) for letter in shown)
    assert printable(shown) == shown
    shown.encode()


def test_colours_go_and_other_control_characters_are_spelled() -> None:
    assert printable("\x1b[1;31mred\x1b[0m\x1b[2J\r\a\ud800") == "red\\u001b[2J\\u000d\\u0007\\ud800"
    assert printable("a\u00a0b\u3000c\td\n") == "a\u00a0b\u3000c    d\n"


@given(st.dictionaries(st.text(), st.text()))
def test_json_stays_json(document: dict[str, str]) -> None:
    assert json.loads(printable(json.dumps(document, ensure_ascii=False))) == document


def test_what_a_command_says_itself_may_have_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    out, error = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    with printable_output():
        sys.stdout.writelines([coloured("ours", "32"), "\x1b[32mtheirs\x1b]0;title\a\n"])
        sys.stderr.write("\x9b2J\n")
        unguarded(sys.stdout).write("\x1b[H")
    assert out.getvalue() == "\x1b[32mours\x1b[0mtheirs\\u001b]0;title\\u0007\n\x1b[H"
    assert error.getvalue() == "\\u009b2J\n"
    assert sys.stdout is out


def test_a_stream_that_was_closed_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stderr", "__stderr__"):
        monkeypatch.setattr(sys, name, None)
    with printable_output():
        assert sys.stderr.write("to nobody") == len("to nobody")
