"""Two sets of glyphs: alike in shape, the second in ASCII alone."""

import msgspec
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


def test_a_glyph_is_as_wide_in_both_sets() -> None:
    assert len(TEXTS) > 30
    assert [name for name in TEXTS if not len(getattr(UNICODE, name)) == len(getattr(ASCII, name)) > 0] == []


def test_every_glyph_is_one_column_and_every_state_has_one() -> None:
    for glyphs in (UNICODE, ASCII):
        assert [character for character in every(glyphs) if cell_len(character) != 1] == []
        assert glyphs.states.keys() == set(RunState)
        assert glyphs.links.keys() == set(LinkPhase)


def test_the_second_set_is_ascii_and_the_first_can_be_made_so() -> None:
    assert every(ASCII).isascii()
    words = "".join(UNICODE.states.values()) + "".join(UNICODE.links.values()) + UNICODE.heat + UNICODE.blocks
    assert "?" not in plain(words), "every glyph of a sign has its counterpart"


def test_a_state_has_the_same_ascii_glyph_either_way() -> None:
    assert [state for state in RunState if plain(UNICODE.states[state]) != ASCII.states[state]] == []


@given(st.text())
def test_plain_text_is_ascii_and_as_long(text: str) -> None:
    assert plain(text).isascii()
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)
    assert pictured(text, UNICODE) == text


def test_common_typography() -> None:
    assert plain("mean ± std · 3 pairs – now…") == "mean ~ std | 3 pairs - now~"
