"""Lines of logs for people."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import LOG_LEVELS
from hadesd.logs.parsing import LogEntry, Sieve, is_at_least, parse

WORDS = st.text(max_size=12) | st.sampled_from(
    ["Alpha", "alpha", "K", "ſ", "straße", "İ", "\x1b[31mred\x1b[0m", '"error"']
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.lists(WORDS, max_size=2)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line as structlog writes it, or something else."""
    if draw(st.integers(0, 4)) == 0:
        return draw(WORDS).replace("\n", " ")
    fields: dict[str, Any] = draw(st.dictionaries(WORDS, VALUES, max_size=3))
    fields |= {"event": draw(WORDS), "level": draw(st.sampled_from(LOG_LEVELS)), "timestamp": "2026-11-21T15:00:00Z"}
    if draw(st.booleans()):
        fields["exception"] = draw(WORDS)
    return json.dumps(fields, ensure_ascii=draw(st.booleans()))


def test_event_and_fields() -> None:
    line = (
        '{"generation": 12, "why": "asked", "gpus": [0], "event": "halted", "level": "info", '
        '"timestamp": "2026-11-21T15"}'
    )
    assert parse(line) == LogEntry("2026-11-21T15", "info", "halted  generation=12  why=asked  gpus=[0]")


def test_a_traceback_follows_on_lines_of_its_own() -> None:
    text = parse('{"event": "crashed", "level": "error", "exception": "Traceback:\\n  it broke\\n"}').text
    assert text == "crashed\nTraceback:\n  it broke"


@pytest.mark.parametrize("line", ["", "plain", "[1, 2]", '{"no": "event"}', "[" * 5000, "{", "1e999", '"text"'])
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert parse(line) == LogEntry("", "warning", line)


@pytest.mark.parametrize(("letter", "level"), [("I", "info"), ("W", "warning"), ("E", "error"), ("F", "critical")])
def test_lines_of_xla_say_how_bad_they_are(letter: str, level: str) -> None:
    assert parse(f"{letter}1121 15:00:00.1 cpu.cc:12] something").level == level


def test_an_unknown_level_counts_as_info() -> None:
    assert parse('{"event": "x", "level": "notice"}').level == "info"
    assert parse('{"event": "x", "level": 3}').level == "info"
    assert parse('{"event": "x"}').level == "info"


@given(st.lists(lines(), max_size=5), st.sampled_from(LOG_LEVELS), WORDS)
def test_the_sieve_finds_what_a_plain_search_finds(written: list[str], level: str, search: str) -> None:
    sieve = Sieve(level, search)
    for line in written:
        entry = parse(line)
        is_wanted = line != "" and is_at_least(entry.level, level) and search.casefold() in entry.text.casefold()
        assert sieve.entry(line) == (entry if is_wanted else None), line


@pytest.mark.parametrize("line", ["{", "{'a': 1}", '{"no": "event"}', '{"event": "cut o', '{"event": "c{"event": "x"}'])
def test_what_is_not_whole_is_a_warning_to_the_sieve_too(line: str) -> None:
    assert Sieve("warning", "").entry(line) == LogEntry("", "warning", line)


@pytest.mark.parametrize("escape", ["\\r", "\\b", "\\f", "\\u0007"])
def test_a_control_character_is_found_as_it_is_shown(escape: str) -> None:
    line = f'{{"event": "before{escape}after", "level": "info"}}'
    shown = parse(line).text
    assert Sieve("debug", shown).entry(line) == parse(line)


@given(lines(), st.data())
def test_any_part_of_what_is_shown_can_be_searched_for(line: str, data: st.DataObject) -> None:
    entry = parse(line)
    start = data.draw(st.integers(0, len(entry.text)))
    part = entry.text[start : data.draw(st.integers(start, len(entry.text)))]
    found = Sieve("debug", part.swapcase() if part.isascii() else part).entry(line)
    assert found == (entry if line else None)
