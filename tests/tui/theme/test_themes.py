"""Every theme: complete, readable, and told apart by those whom it says it is for."""

import itertools
import re

import pytest
from rich.color import Color
from rich.console import Console

from hades_protocol.errors import UsageError
from hades_tui.theme import palette
from hades_tui.theme.palette import HUES, style_in
from hades_tui.theme.themes import ROLES, THEMES, Theme, default_theme, theme_named
from tests.helpers.screen.colour_vision import MATRICES, ciede2000, contrast, difference

OWN_GROUND = [theme for theme in THEMES.values() if theme.colours and not theme.ansi]
LINES = ("mean", "best", "ever", "evaluated")
STATES = tuple(
    f"state.{word}" for word in ("queued", "starting", "running", "paused", "stopping", "finished", "failed")
)
LINK = ("link.connecting", "link.live", "link.resyncing")
ALARM = ("link.stale", "link.mismatch")
LINES_ONLY = {"faint", "grid", "band"}
APART = 12.0
"""CIEDE2000 that must lie between hues that mean something else: clear at a glance, also in thin lines."""
XTERM = {Color.from_ansi(number).get_truecolor() for number in range(16, 256)}
READABLE = 4.5
SEEN = 3.0
"""WCAG's least contrast of text, and of what is drawn."""

TEXTS = [hue for hue, style in HUES.items() if style and "on " not in style and hue not in LINES_ONLY]
ON_A_COLOUR = [hue for hue, style in HUES.items() if re.search(r"\S on ", style)]


def colour(theme: Theme, hue: str) -> str:
    found = style_in(theme, hue).color
    assert found is not None
    return found.name


def visions(theme: Theme) -> list[str]:
    return ["normal", *theme.safe_for]


def test_the_difference_is_the_published_one() -> None:
    published = [  # of the supplement to Sharma, Wu and Dalal
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    found = [ciede2000(first, second) for first, second, _ in published]
    assert found == pytest.approx([expected for *_, expected in published], abs=1e-4)


def test_the_simulation_confuses_what_the_blind_confuse() -> None:
    red, green = "#c04020", "#6a7a00"
    assert difference(red, green) > 30
    assert difference(red, green, "deuteranopia") < 15
    blue, green = "#5fafff", "#5fd7af"
    assert difference(blue, green) > 30
    assert difference(blue, green, "tritanopia") < 15
    for vision in MATRICES:  # greys stay what they are
        assert difference("#000000", "#ffffff", vision) == pytest.approx(100, abs=0.5)


def test_hues_that_mean_something_else_look_else() -> None:
    too_near = []
    for theme, group in itertools.product(OWN_GROUND, (LINES, STATES, LINK)):
        for vision, (one, other) in itertools.product(visions(theme), itertools.combinations(group, 2)):
            apart = difference(colour(theme, one), colour(theme, other), vision)
            if apart < APART:
                too_near.append(f"{theme.name}: {one} and {other} are {apart:.1f} apart with {vision}")
    assert too_near == []


def test_alarms_differ() -> None:
    too_near = []
    for theme in OWN_GROUND:
        stale, mismatch = (style_in(theme, hue).bgcolor for hue in ALARM)
        assert stale is not None
        assert mismatch is not None
        too_near += [(theme.name, v) for v in visions(theme) if difference(stale.name, mismatch.name, v) < APART]
    assert too_near == []


def test_warm_and_cold_differ_and_grow() -> None:
    offenders = []
    for theme in OWN_GROUND:
        for vision, level in itertools.product(visions(theme), range(1, 5)):
            apart = difference(theme.warm[level], theme.cold[level], vision)
            if apart < APART:
                offenders.append(f"{theme.name}, level {level}: {apart:.1f} with {vision}")
        for ramp, vision in itertools.product((theme.warm, theme.cold), visions(theme)):
            sizes = [difference(ramp[0], step, vision) for step in ramp]
            if not sizes[4] > sizes[2] > sizes[0] == 0:
                offenders.append(f"{theme.name}, {ramp} with {vision}: {sizes}")
    assert offenders == []


def test_text_is_readable() -> None:
    cells = [(theme, hue) for theme in OWN_GROUND for hue in TEXTS]
    assert len(TEXTS) > 20
    assert [(t.name, hue) for t, hue in cells if contrast(colour(t, hue), t.ground) < READABLE] == []


def test_text_on_a_colour_is_seen() -> None:
    unseen = []
    assert len(ON_A_COLOUR) > 10
    for theme, hue in itertools.product(OWN_GROUND, ON_A_COLOUR):
        styled = style_in(theme, hue)
        assert styled.color is not None
        assert styled.bgcolor is not None
        least = SEEN if hue.endswith(".band") else READABLE
        if hue != "band.inverse" and contrast(styled.color.name, styled.bgcolor.name) < least:  # which is an area
            unseen.append((theme.name, hue))
    assert unseen == []


def test_a_selected_line_and_a_dialog_can_be_read() -> None:
    unseen = []
    for theme, ground in itertools.product(OWN_GROUND, ("selected", "surface")):
        for role in ("text", "ember", "gold", "green", "red"):
            least = READABLE if role == "text" else SEEN
            if contrast(getattr(theme, role), getattr(theme, ground)) < least:
                unseen.append((theme.name, role, ground))
    assert unseen == []


def test_heat_is_readable() -> None:
    cells = [(theme, colour_) for theme in OWN_GROUND for colour_ in (*theme.warm, *theme.cold)]
    assert [(theme.name, colour_) for theme, colour_ in cells if contrast(colour_, theme.ground) < SEEN] == []


def test_terminals_with_256_colours_show_the_same() -> None:
    outside = []
    for theme, role in itertools.product(OWN_GROUND, ROLES):
        if Color.parse(getattr(theme, role)).get_truecolor() not in XTERM:
            outside.append((theme.name, role))
    assert outside == []


def test_the_two_palettes_for_the_colour_blind_cover_all_kinds() -> None:
    assert set(THEMES["deutan"].safe_for) == {"deuteranopia", "protanopia"}
    assert THEMES["tritan"].safe_for == ("tritanopia",)


def test_ansi_uses_the_sixteen_colours_alone_and_no_ground() -> None:
    theme = THEMES["ansi"]
    for hue in (*HUES, "heat+4", "heat-4"):
        styled = style_in(theme, hue)
        for used in (styled.color, styled.bgcolor):
            assert used is None or used.is_default or (used.number is not None and used.number < 16), hue
    assert len({style_in(theme, hue).color for hue in LINES}) == len(LINES)
    assert style_in(theme, "text").bgcolor is None


def test_mono_has_no_colour_and_keeps_what_is_marked() -> None:
    for hue in (*HUES, *(f"heat{sign}{level}" for sign in "+-" for level in range(5))):
        styled = style_in(THEMES["mono"], hue)
        assert styled.color is None
        assert styled.bgcolor is None
    assert style_in(THEMES["mono"], "selected").reverse
    assert style_in(THEMES["mono"], "link.stale").reverse
    assert style_in(THEMES["mono"], "dim").dim


def test_another_theme_is_another_generation() -> None:
    before, style = palette.generation(), palette.style("mean")
    palette.choose(THEMES["light"])
    assert palette.generation() > before
    assert palette.style("mean") != style


def test_no_color_is_the_theme_without() -> None:
    environments: list[dict[str, str]] = [{}, {"NO_COLOR": "1"}, {"NO_COLOR": ""}]
    assert [default_theme(environ).name for environ in environments] == ["dark", "mono", "dark"]


@pytest.mark.parametrize("terminal", ["screen", "tmux-256color", "xterm-kitty", "xterm", "linux"])
@pytest.mark.parametrize("truecolor", ["", "truecolor"])
def test_a_terminal_of_sixteen_colours_gets_a_theme_of_sixteen(terminal: str, truecolor: str) -> None:
    """Rich, which writes the colours, sees as many of them as we do."""
    environ = {"TERM": terminal, "COLORTERM": truecolor}
    few = Console(force_terminal=True, _environ=environ).color_system == "standard"
    assert default_theme(environ).name == ("ansi" if few else "dark")


def test_an_unknown_theme_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no theme 'drak'; did you mean 'dark'"):
        theme_named("drak")
