"""Names of groups."""

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hades_protocol.names import BIDIRECTIONAL, MAX_NOTE, check_group, check_note


@pytest.mark.parametrize("name", ["a", "cartpole-pairs-k3f9", "0", "a" * 63])
def test_names(name: str) -> None:
    assert check_group(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a b", "a/b", "ä", "a" * 64, "a\n", "../x"])
def test_what_is_no_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a group") as caught:
        check_group(name)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=80))
def test_no_name_leads_anywhere(name: str) -> None:
    with contextlib.suppress(UsageError):
        assert set(check_group(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    "text", ["", "baseline", "  σ 0.1 → 0.05; naïve  ", "👩‍🔬 looks good", "日本語", "[bold]no markup[/]"]
)
def test_text_is_text(text: str) -> None:
    assert check_note(text) == text.strip()


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\0b", "a\u2028b", "a\u202eb", "tab\tbed", "\x7f", "a\x9bb"])
def test_what_steers_a_terminal_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="one line of text") as caught:
        check_note(text)
    assert str(caught.value).isprintable()


def test_too_long() -> None:
    assert check_note("x" * MAX_NOTE)
    with pytest.raises(UsageError, match="2000 letters"):
        check_note("x" * (MAX_NOTE + 1))


@given(st.text())
def test_what_is_accepted_is_one_line(text: str) -> None:
    try:
        note = check_note(text)
    except UsageError:
        return
    assert len(note.splitlines()) <= 1
    assert not any(unicodedata.category(letter) == "Cc" or letter in BIDIRECTIONAL for letter in note)
