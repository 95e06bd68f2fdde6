"""Pairs as drawings: what the eye must be able to read off, at every size and in every set of characters."""

import math
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.messages import DatasetSnapshot
from hades_tui.canvas.raster import GREYS, cropped, diverging, half_blocks, rgb
from hades_tui.pairs.drawings import bars, cartpole, frames, images
from hades_tui.pairs.drawings.choice import drawing_of
from hades_tui.text.fit import length
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.theme.terminal import Terminal
from tests.helpers.protocol.protocol_server import float_array
from tests.helpers.screen.lines import texts_of

COLOURED, MONO, PLAIN = Terminal(UNICODE), Terminal(UNICODE, colours=False), Terminal(ASCII, colours=True)

CLASSIC = {
    "CartPole-v1": (4, 2, True),
    "Pendulum-v1": (3, 1, False),
    "Acrobot-v1": (6, 3, True),
    "MountainCarContinuous-v0": (2, 1, False),
}


def pairs(
    states: Sequence[Sequence[float]],
    actions: Sequence[Sequence[float]],
    *,
    shape: tuple[int, ...] = (),
    discrete: bool = True,
    names: tuple[str, ...] = (),
    action_names: tuple[str, ...] = (),
    normalisation: str = "none",
) -> DatasetSnapshot:
    flat = [v for state in states for v in state]
    return DatasetSnapshot(
        generation=7,
        states=float_array((len(states), *(shape or (len(states[0]),))), flat),
        actions=float_array((len(actions), len(actions[0])), [v for action in actions for v in action]),
        discrete=discrete,
        normalisation=normalisation,
        observation_names=names,
        action_names=action_names,
    )


def cart(x: float, angle: float, right: float = 0.93) -> DatasetSnapshot:
    return pairs([[x, 0.0, angle, 0.0]], [[1 - right, right]], action_names=("left", "right"))


def columns_of(lines: Sequence[Line], hue: str) -> list[int]:
    """The columns in which something of a hue stands."""
    found = []
    for line in lines:
        at = 0
        for text, mine in line:
            found += [at + i for i, c in enumerate(text) if mine == hue and c not in " ⠀"]
            at += len(text)
    return found


def rows_of(lines: Sequence[Line], hue: str) -> list[int]:
    return [y for y, line in enumerate(lines) if any(mine == hue and text.strip() for text, mine in line)]


@settings(max_examples=50)
@given(x=st.floats(-2.3, 2.3), other=st.floats(-2.3, 2.3))
def test_a_cart_further_right_stands_further_right_on_the_strip(x: float, other: float) -> None:
    drawn = [cartpole.lines(cart(v, 0.0), 0, 76, 20, COLOURED) for v in (x, other)]
    [[first], [second]] = [columns_of(lines[-1:], "ember") for lines in drawn]
    if abs(x - other) > 0.2:
        assert (first < second) == (x < other)
    assert drawn[0][2:-1] == drawn[1][2:-1], "cart and pole are in the middle wherever they are"


def test_cart_arrow_and_probability_are_whole_at_every_size() -> None:
    for width, height in ((30, 9), (60, 10), (76, 14), (120, 40)):
        for x in (-40.0, 0.0, 2.4):
            for right, tip in ((0.999, "→"), (0.001, "←")):
                lines = texts_of(cartpole.lines(cart(x, 1.4, right), 0, width, height, COLOURED))
                assert len(lines) == height
                assert any("100%" in line and tip in line for line in lines[2:-1]), (width, x, right)


@settings(max_examples=50)
@given(angle=st.floats(-1.4, 1.4))
def test_the_pole_leans_to_the_side_of_its_angle(angle: float) -> None:
    lines = cartpole.lines(cart(0.0, angle), 0, 76, 20, COLOURED)[2:]
    pole, body = columns_of(lines, "gold"), columns_of(lines, "ember")
    middle = (min(body) + max(body)) / 2
    if angle > 0.3:
        assert max(pole) > middle + 2
        assert min(pole) >= middle - 2
    if angle < -0.3:
        assert min(pole) < middle - 2
        assert max(pole) <= middle + 2


def test_a_pole_that_hangs_is_below_the_cart() -> None:
    up = cartpole.lines(cart(0.0, 0.0), 0, 76, 24, COLOURED)[2:-1]
    down = cartpole.lines(cart(0.0, math.pi), 0, 76, 24, COLOURED)[2:-1]
    assert min(rows_of(up, "gold")) < min(rows_of(up, "ember"))
    assert max(rows_of(down, "gold")) > max(rows_of(down, "ember"))


def test_the_push_has_a_direction_and_a_probability() -> None:
    for right, arrow, text in ((0.93, "→ 93%", "right 93%"), (0.1, "90% ←", "left 90%"), (0.5, "", "50%")):
        lines = texts_of(cartpole.lines(cart(0.0, 0.1, right), 0, 76, 20, COLOURED))
        assert text in lines[0]
        assert any(arrow in line for line in lines[2:])
        if not arrow:
            assert not any("→" in line or "←" in line for line in lines)


def test_what_is_beyond_the_track_is_said() -> None:
    far = texts_of(cartpole.lines(cart(40.0, 0.1), 0, 76, 20, COLOURED))
    assert "beyond the track" in far[0]
    assert "─→ 2.4 m" in far[-1]
    assert "beyond" not in texts_of(cartpole.lines(cart(2.0, 0.1), 0, 76, 20, COLOURED))[0]


def test_bodies_are_drawn_in_natural_units_alone() -> None:
    for env, (size, acts, discrete) in CLASSIC.items():
        natural = pairs([[0.5] * size], [[0.5] * acts], discrete=discrete)
        normalised = pairs([[0.5] * size], [[0.5] * acts], discrete=discrete, normalisation="running")
        assert drawing_of(env, natural) not in (None, bars.lines), env
        assert drawing_of(env, normalised) is bars.lines, env
        drawn = texts_of(bars.lines(normalised, 0, 76, 12, COLOURED))
        assert "normalised units" in drawn[0], env


def test_each_family_has_its_drawing() -> None:
    cases: list[tuple[str, tuple[int, ...], object]] = [
        ("Breakout-MinAtar", (10, 10, 4), frames.lines),
        ("Pong-misc", (30, 40, 3), frames.lines),
        ("mnist", (28, 28, 1), images.lines),
        ("ant", (27,), bars.lines),
        ("CartPole-v1", (5,), bars.lines),
        ("something", (2, 2), None),
    ]
    for env, shape, expected in cases:
        dataset = pairs([[0.0] * math.prod(shape)], [[1.0, 0.0]], shape=shape)
        assert drawing_of(env, dataset) is expected, env


def test_no_pairs_no_drawing() -> None:
    empty = DatasetSnapshot(
        generation=1, states=float_array((0, 4), []), actions=float_array((0, 2), []), discrete=True, normalisation=""
    )
    assert drawing_of("CartPole-v1", empty) is None


any_number = st.one_of(st.floats(-1e6, 1e6, width=32), st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))


@settings(max_examples=100)
@given(
    data=st.data(),
    env=st.sampled_from([*CLASSIC, "ant", "Breakout-MinAtar", "mnist", "digits"]),
    width=st.integers(1, 120),
    height=st.integers(0, 40),
    terminal=st.sampled_from([COLOURED, MONO, PLAIN]),
)
def test_any_numbers_fit_into_any_size(
    data: st.DataObject, env: str, width: int, height: int, terminal: Terminal
) -> None:
    shapes = {"Breakout-MinAtar": (10, 10, 4), "mnist": (28, 28, 1), "digits": (8, 8, 1), "ant": (27,)}
    size, acts, discrete = CLASSIC.get(env, (math.prod(shapes.get(env, (1,))), 8, env != "ant"))
    few = data.draw(st.lists(any_number, min_size=7, max_size=7))
    state = [few[i % 7] for i in range(size)]
    action = data.draw(st.lists(any_number, min_size=acts, max_size=acts))
    dataset = pairs([state], [action], shape=shapes.get(env, (size,)), discrete=discrete)
    draw = drawing_of(env, dataset)
    assert draw is not None
    lines = draw(dataset, 0, width, height, terminal)
    assert len(lines) <= height
    if not terminal.glyphs.braille:
        assert all(text.isascii() for text in texts_of(lines))


def test_a_frame_shows_an_object_in_its_channels_colour_and_place() -> None:
    state = [0.0] * 400
    state[(3 * 10 + 6) * 4 + 1] = 1.0  # the ball in row 3, column 6
    dataset = pairs([state], [[0.0, 1.0]], shape=(10, 10, 4), names=("paddle", "ball", "trail", "brick"))
    plain = texts_of(frames.lines(dataset, 0, 76, 14, PLAIN))
    assert plain[1 + 3][2 * 6] == "2"
    assert sum(line[:20].count("2") for line in plain[1:11]) == 1
    assert any(line[20:].split()[:2] == ["2", "ball"] for line in plain[1:])
    coloured = frames.lines(dataset, 0, 30, 6, COLOURED)
    ball = [(text, hue) for text, hue in cropped(coloured[1 + 1], 10) if frames.CHANNELS[1] in hue]
    assert ball == [("▄", f"px:{frames.CHANNELS[1]}:000000")] or ball == [("▀", f"px:000000:{frames.CHANNELS[1]}")]


def test_beside_a_frame_stands_the_mean_of_its_action_in_natural_units() -> None:
    """Normalised values become natural ones; an entry that never varied has its only value, here 1: a wall."""
    ball, other, wall = 36 * 4 + 1, 55 * 4 + 1, 0
    states = [[0.0] * 400 for _ in range(3)]
    states[0][ball], states[1][other], states[2][wall] = 2.0, 2.0, 9.0
    mean, variance = [0.0] * 400, [0.25] * 400
    mean[wall], variance[wall] = 1.0, 1.0
    dataset = pairs(states, [[0, 1.0], [0, 1.0], [1.0, 0]], shape=(10, 10, 4), normalisation="fixed")
    dataset = msgspec.structs.replace(
        dataset,
        obs_mean=float_array((10, 10, 4), mean),
        obs_var=float_array((10, 10, 4), variance),
        action_names=("left", "right"),
    )
    plain = texts_of(frames.lines(dataset, 0, 100, 14, PLAIN))
    assert "normalised" not in plain[0]
    assert "mean of 2 pairs for right" in plain[1]
    frame, common = [[line[at : at + 20 : 2] for line in plain[2:12]] for at in (0, 23)]
    assert frame[3][6] == "2", "2 x 0.5 is 1: as bright as in the game"
    assert (common[3][6], common[5][5]) == ("2", "2")
    assert (frame[0][0], frame[5][5]) == ("1", ".")
    alone = texts_of(frames.lines(dataset, 2, 100, 14, PLAIN))
    assert not any("mean of" in line for line in alone), "no other pair has its action"


def test_small_values_are_not_a_black_frame() -> None:
    """At the begin of a run none is near a deviation; every pair has the same scale."""
    states = [[0.0] * 400, [0.0] * 400]
    states[0][(3 * 10 + 6) * 4 + 1] = 0.1
    states[1][0] = 0.05
    dataset = pairs(states, [[0.0, 1.0], [1.0, 0.0]], shape=(10, 10, 4), normalisation="running")
    first, second = (frames.lines(dataset, pair, 76, 14, COLOURED) for pair in (0, 1))
    hues = [" ".join(hue for line in lines for text, hue in line if text != "■") for lines in (first, second)]
    assert frames.CHANNELS[1] in hues[0]
    assert frames.CHANNELS[0] not in hues[1], "half as bright"
    for lines in (first, second):
        assert "brightest: 0.1 deviations above the usual and more" in " ".join(texts_of(lines))


def test_a_frame_that_does_not_fit_says_what_it_needs() -> None:
    dataset = pairs([[0.0] * 400], [[1.0]], shape=(10, 10, 4))
    assert "needs 5 lines" in texts_of(frames.lines(dataset, 0, 76, 4, COLOURED))[1]
    assert "needs 10 lines" in texts_of(frames.lines(dataset, 0, 76, 9, PLAIN))[1]


def test_normalised_frames_say_so() -> None:
    dataset = pairs([[3.0] * 400], [[1.0]], shape=(10, 10, 4), normalisation="fixed")
    drawn = " ".join(texts_of(frames.lines(dataset, 0, 76, 14, COLOURED)))
    assert "normalised units" in drawn
    assert "deviations above the usual" in drawn


def test_an_image_takes_what_it_is_given() -> None:
    image = [x / 27 for _ in range(28) for x in range(28)]
    for height, rows, columns in ((15, 14, 28), (29, 28, 56), (8, 7, 14)):
        lines = images.lines(pairs([image], [[1.0] * 10], shape=(28, 28, 1)), 0, 76, height, COLOURED)
        assert len(lines) == 1 + rows
        assert {length(line) for line in lines[1:]} == {columns}
        first = "".join(hue.split(":")[1] * len(text) for text, hue in lines[1])
        assert first.startswith("000000")
        assert first.endswith("ffffff")


def test_an_image_in_characters_is_dark_left_and_bright_right() -> None:
    image = [x / 7 for _ in range(8) for x in range(8)]
    lines = texts_of(images.lines(pairs([image], [[1.0] * 10], shape=(8, 8, 1)), 0, 76, 9, PLAIN))
    assert lines[1].startswith("  ")
    assert lines[1].endswith("@@")


def test_bars_lie_on_the_side_of_their_sign() -> None:
    dataset = pairs(
        [[0.1, -2.0, 1.0]],
        [[-1.0, 0.5, 2.0]],
        discrete=False,
        action_names=("hip", "knee", "toe"),
        names=("a", "b", "c"),
    )
    lines = texts_of(bars.lines(dataset, 0, 60, 12, COLOURED))
    hip, knee, toe = (next(line for line in lines if line.startswith(name)) for name in ("hip", "knee", "toe"))
    middle = hip.index("│")
    assert knee.index("│") == middle
    assert "█" in hip[:middle]
    assert "█" not in hip[middle:]
    assert abs(hip.count("█") - 2 * knee.count("█")) <= 1
    assert "→" in toe  # beyond what acts
    entries = [line.split()[0] for line in lines if line[:2] in ("a ", "b ", "c ")]
    assert entries == ["b", "c", "a"]


def test_what_is_left_out_is_counted() -> None:
    dataset = pairs([[float(i) for i in range(27)]], [[0.1] * 8], discrete=False)
    lines = texts_of(bars.lines(dataset, 0, 76, 5, COLOURED))
    assert "3 of 8" in lines[1]
    assert "3 of 27" in lines[1]


@given(st.floats(-1, 1), st.floats(-1, 1), st.booleans())
def test_a_larger_value_is_never_nearer_to_the_ground(a: float, b: float, dark: bool) -> None:
    smaller, larger = sorted((a, b), key=abs)
    if a * b >= 0:
        brighter = sum(rgb(diverging(larger, dark))) - sum(rgb(diverging(smaller, dark)))
        assert brighter >= 0 if dark else brighter <= 0


def test_half_blocks_hold_every_pixel() -> None:
    assert half_blocks([["ff0000", "", "00ff00"], ["ff0000", "0000ff", ""]]) == [
        [("█", "px:ff0000:"), ("▄", "px:0000ff:"), ("▀", "px:00ff00:")]
    ]
    assert half_blocks([["ff0000", "ff0000"]]) == [[("▀▀", "px:ff0000:")]]
    assert len(set(GREYS)) == 26
