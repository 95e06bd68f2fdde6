"""What the palette offers first is what was typed."""

from textual.fuzzy import Matcher

from hades_tui.command_palette import relevance

ENTRIES = (
    ("Pause: finish the generation, commit, free the device", "hopper-2 · key P"),
    ("Export the pairs to a file at the daemon's", "hopper-2 · key E"),
    ("Remove: delete the run with its files", "hopper-2 · key D"),
    ("Note: write something on the run", "hopper-2 · key N"),
    ("Watch: The selected run in large numbers", "screen · key w"),
    ("Log scale", "curve · key l"),
    ("Go to hopper-2", "hopper-2 · hopper · hades-r, paused"),
    ("Theme dark", "embers on black, the default"),
    ("Theme deutan", "dark, for deuteranopia and protanopia"),
)


def found(query: str) -> list[str]:
    """Names of the entries that match, the best first."""
    scored = [(relevance(query, name, about, Matcher(query).match(name)), name) for name, about in ENTRIES]
    return [name for score, name in sorted(scored, key=lambda one: -one[0]) if score > 0]


def test_the_first_one_means_what_was_typed() -> None:
    for query, first in (
        ("pause", "Pause"),
        ("PAUSE", "Pause"),
        ("theme", "Theme dark"),
        ("theme deu", "Theme deutan"),
        ("deutan", "Theme deutan"),
        ("watch", "Watch"),
        ("note", "Note"),
        ("delete", "Remove"),
        ("log", "Log scale"),
        ("go to hop", "Go to hopper-2"),
        ("hopper-2", "Go to hopper-2"),
        ("pause hopper", "Pause"),
    ):
        assert found(query)[0].startswith(first), (query, found(query))


def test_what_has_nothing_of_it_is_not_offered() -> None:
    assert found("zzz") == []
    assert found("  ") == []
    assert all(0.0 <= relevance("pause", name, about, 9.0) <= 1.0 for name, about in ENTRIES)
