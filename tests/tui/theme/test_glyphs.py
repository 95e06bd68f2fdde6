"""Two sets of glyphs: alike in shape, the second in ASCII alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState
from hades_tui.theme.glyphs import ASCII, UNICODE, Glyphs, pictured, plain

TEXTS = [field.name for field in msgspec.structs.fields(Glyphs) if field.type is str]


def every(glyphs: Glyphs) -> str:
    texts = [getattr(glyphs, name) for name in TEXTS]
    return "".join([*texts, *glyphs.states.values(), *glyphs.links.values()])


@pytest.mark.parametrize("name", TEXTS)
def test_a_glyph_is_as_wide_in_both_sets(name: str) -> None:
    assert len(getattr(UNICODE, name)) == len(getattr(ASCII, name)) > 0


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_glyph_is_one_column_and_every_state_has_one(glyphs: Glyphs) -> None:
    assert all(cell_len(character) == 1 for character in every(glyphs))
    assert glyphs.states.keys() == set(RunState)
    assert glyphs.links.keys() == set(LinkPhase)


def test_the_second_set_is_ascii_and_the_first_can_be_made_so() -> None:
    assert every(ASCII).isascii()
    words = "".join(UNICODE.states.values()) + "".join(UNICODE.links.values()) + UNICODE.heat + UNICODE.blocks
    assert "?" not in plain(words), "every glyph of a sign has its counterpart"


@pytest.mark.parametrize("state", list(RunState))
def test_a_state_looks_the_same_whichever_way_it_became_ascii(state: RunState) -> None:
    assert plain(UNICODE.states[state]) == ASCII.states[state]


@given(st.text())
def test_plain_text_is_ascii_and_as_long(text: str) -> None:
    assert plain(text).isascii()
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)
    assert pictured(text, UNICODE) == text


def test_common_typography() -> None:
    assert plain("mean ± std · 3 pairs – now…") == "mean ~ std | 3 pairs - now~"
