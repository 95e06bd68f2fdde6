"""What may name a group, a run or a tag, and what a note may be."""

import contextlib
import shlex
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hades_protocol.names import BIDIRECTIONAL, MAX_NOTE, MAX_TAGS, check_group, check_name, check_note, check_tags
from hadesd.storage.datasets import is_dataset_name


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


@given(st.text(max_size=70) | st.from_regex(r"[A-Za-z0-9._-]{1,65}", fullmatch=True))
def test_a_run_has_a_name_that_a_shell_takes_as_one_word(name: str) -> None:
    try:
        assert check_name(name) == name
    except UsageError:
        return
    assert shlex.split(name) == [name]
    assert not is_dataset_name(name)
    assert name[0].isalnum()
    assert len(name) <= 63


@pytest.mark.parametrize("name", ["hopper.npz", "a.CSV", "a.json", "a.b.safetensors"])
def test_a_name_is_not_taken_for_a_dataset_file(name: str) -> None:
    assert is_dataset_name(name)
    with pytest.raises(UsageError, match="take it for a file"):
        check_name(name)


@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True), max_size=MAX_TAGS))
def test_tags_are_a_set(tags: list[str]) -> None:
    assert set(check_tags(tags)) == set(tags)
    assert check_tags(check_tags(tags) + check_tags(tags)) == check_tags(tags)


def test_more_tags_than_a_run_takes() -> None:
    with pytest.raises(UsageError, match="at most 32 tags, these are 33"):
        check_tags(f"t{n}" for n in range(MAX_TAGS + 1))


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


def test_a_name_too_long_for_a_file_means_no_dataset() -> None:
    assert not is_dataset_name("x" * 300)
