"""Views of the pairs: order, differences, heat map."""

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.messages import DatasetSnapshot
from hades_protocol.run_state import ENDED, RunState
from hades_tui.pairs import view_state
from hades_tui.pairs.heatmap import Spot, heat_lines
from hades_tui.pairs.table import PairTable, change_number, incomparable
from hades_tui.pairs.units import units_of
from hades_tui.pairs.view_state import DRAWING, HEAT, TABLE, PairsView
from hades_tui.state.model import Model
from hades_tui.text.fit import length
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.theme.terminal import Terminal
from tests.helpers.protocol.protocol_server import a_dataset, a_run, float_array
from tests.helpers.screen.lines import texts_of

NUMBERS = st.one_of(st.floats(-10, 10, width=32), st.sampled_from([math.nan, math.inf, -math.inf]))


def flat(states: list[list[float]], generation: int = 1, normalisation: str = "none") -> DatasetSnapshot:
    return DatasetSnapshot(
        generation=generation,
        states=float_array((len(states), len(states[0])), [v for state in states for v in state]),
        actions=float_array((len(states), 1), [0.5] * len(states)),
        discrete=False,
        normalisation=normalisation,
        observation_names=tuple("abcdefgh"[: len(states[0])]),
        action_names=("push",),
    )


@settings(max_examples=200)
@given(values=st.lists(st.sampled_from([*(float(i) for i in range(4)), math.nan]), min_size=1, max_size=20))
def test_sorting_is_stable_both_ways_and_ends_with_what_is_no_number(values: list[float]) -> None:
    table = PairTable(flat([[v] for v in values]))
    column = table.observations[0]
    for reverse in (False, True):
        order = table.order(column, reverse)
        assert sorted(order) == list(range(len(values)))
        for a, b in pairwise(order):
            x, y = values[a], values[b]
            assert math.isnan(y) or ((x >= y) if reverse else (x <= y))
            if x == y or (math.isnan(x) and math.isnan(y)):
                assert a < b


def test_s_goes_through_the_columns_and_returns() -> None:
    table = PairTable(flat([[3.0, 1.0], [2.0, 2.0]]))
    view, seen = PairsView(), []
    for _ in table.columns:
        view = view_state.next_sort(view, table)
        seen.append(view_state.sort_column(view, table).title)
    assert seen == ["push", "a", "b", "#"]
    by_a = PairsView(sort=("observation", 0))
    assert view_state.order(by_a, table) == [1, 0]
    assert view_state.sorted_text(by_a, table, UNICODE) == "table · by state a ↑"


def test_labels_sort_by_action_and_then_by_probability() -> None:
    dataset = DatasetSnapshot(
        generation=1,
        states=float_array((4, 1), [0.0] * 4),
        actions=float_array((4, 2), [0.4, 0.6, 0.9, 0.1, 0.2, 0.8, 0.7, 0.3]),
        discrete=True,
        normalisation="none",
    )
    table = PairTable(dataset)
    assert table.order(table.columns[1]) == [1, 3, 2, 0]


@settings(max_examples=100)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_a_difference_is_the_later_less_the_earlier(values: list[tuple[float, float]]) -> None:
    now, was = flat([[a] for a, _ in values], 9), flat([[b] for _, b in values], 3)
    table = PairTable(now, was)
    for pair, (a, b) in enumerate(values):
        value = table.value(pair, table.observations[0])
        assert value == a - b or math.isnan(a - b)
        text, hue = table.cell(pair, table.observations[0])
        if a - b < 0:
            assert text.startswith("-")
            assert hue.startswith("heat-")
        if a - b > 0:
            assert text.startswith("+")
            assert hue.startswith("heat+")


def test_a_label_that_changed_says_what_it_was() -> None:
    table = PairTable(a_dataset(9), a_dataset(3))
    assert table.cell(0, table.columns[1])[0].split() == ["left", "+0%"]
    other = DatasetSnapshot(
        generation=3,
        states=a_dataset(3).states,
        actions=float_array((2, 2), [0.2, 0.8, 0.0, 1.0]),
        discrete=True,
        normalisation="none",
        action_names=("left", "right"),
    )
    changed = PairTable(a_dataset(9), other)
    assert changed.cell(0, changed.columns[1])[0] == "right→left"
    assert changed.cell(0, changed.columns[-1])[0] == "-80%"


def test_a_small_change_is_no_zero() -> None:
    texts = [change_number(value) for value in (0.0, 3e-5, -4.2e-7, 0.25, math.nan)]
    assert texts == ["0", "+3e-5", "-4e-7", "+0.250", "nan"]
    assert max(map(len, texts)) <= 7


def test_shapes_that_differ_cannot_be_compared() -> None:
    assert incomparable(a_dataset(2), a_dataset(1)) == ""
    assert "3 pairs and generation 2 has 2" in incomparable(a_dataset(2, 2), a_dataset(1, 3))


def test_views_that_make_sense() -> None:
    table = PairTable(a_dataset(3))
    assert view_state.modes(table, "CartPole-v1") == [TABLE, HEAT, DRAWING]
    assert view_state.modes(PairTable(a_dataset(3), a_dataset(1)), "CartPole-v1") == [TABLE, HEAT]
    view = PairsView()
    seen = []
    for _ in range(3):
        view = view_state.next_mode(view, [TABLE, HEAT, DRAWING])
        seen.append(view.mode)
    assert seen == [HEAT, DRAWING, TABLE]


def test_a_view_is_put_right_for_fewer_pairs() -> None:
    view = PairsView(mode=DRAWING, sort=("probability", 7), spot=Spot(30, 3))
    fitted = view_state.fitting(view, PairTable(a_dataset(3)), [TABLE, HEAT])
    assert fitted == PairsView(mode=TABLE, spot=Spot(1, 3))


def test_the_cursor_follows_the_order_and_stops_at_the_ends() -> None:
    view = PairsView()
    order = [2, 0, 1]
    assert view_state.moved(view, order, 1).spot.pair == 1
    assert view_state.moved(view, order, -5).spot.pair == 2
    assert view_state.moved(view, order, 99).spot.pair == 1


def test_natural_units() -> None:
    cases = [
        ("CartPole-v1", "x vx angle w", "m m/s rad rad/s"),
        ("Acrobot-v1", "cos_1 sin_1 cos_2 sin_2 w_1 w_2", ". . . . rad/s rad/s"),
        ("hopper", "z pitch thigh leg foot vx vz w_pitch", "m rad rad rad rad m/s m/s rad/s"),
        ("reacher", "cos_1 target_x w_1 dx dz", ". m rad/s m m"),
        ("ant", "z quat_w quat_x hip_1 ankle_4 vx wx w_hip_1", "m . . rad rad m/s rad/s rad/s"),
        ("halfcheetah", "bthigh bshin ffoot w_bshin", "rad rad rad rad/s"),
    ]
    for env, names, units in cases:
        count = len(names.split())
        natural = DatasetSnapshot(
            generation=1,
            states=float_array((1, count), [0.0] * count),
            actions=float_array((1, 1), [0.0]),
            discrete=False,
            normalisation="none",
            observation_names=tuple(names.split()),
        )
        assert units_of(env, natural) == tuple("" if unit == "." else unit for unit in units.split()), env
        assert units_of("MountainCarContinuous-v0", natural) == ()


def test_normalised_units_have_no_names_of_units() -> None:
    assert units_of("CartPole-v1", flat([[1.0]], normalisation="running")) == ()


def test_the_heat_map_names_the_cell_under_the_cursor() -> None:
    table = PairTable(flat([[1.0, -4.0], [0.5, 2.0]]))
    lines = texts_of(heat_lines(table, [1, 0], Spot(0, 1), 76, 4, Terminal()))
    assert "↓b" in lines[0]
    assert lines[1].startswith(" 1")
    assert lines[2].startswith(" 0▌")
    assert lines[3].startswith("pair 0  state b -4.000")
    assert "-4.000" in lines[3]
    assert "+4.000" in lines[3]


def test_the_heat_map_without_pixels_has_signs_and_sizes() -> None:
    table = PairTable(flat([[1.0, -4.0], [0.5, 2.0], [math.nan, 0.0]]))
    lines = texts_of(heat_lines(table, [0, 1, 2], Spot(0, 0), 40, 6, Terminal(ASCII)))
    assert lines[1].split() == ["0>", "+9", "-9"]
    assert lines[2].split() == ["1", "+5", "+5"]
    assert lines[3].split() == ["2", "?", "0"]
    assert all(line.isascii() for line in lines)


@settings(max_examples=100)
@given(data=st.data(), pairs=st.integers(1, 40), entries=st.integers(1, 8), width=st.integers(12, 90))
def test_the_heat_map_fits_and_shows_the_cursor(data: st.DataObject, pairs: int, entries: int, width: int) -> None:
    few = data.draw(st.lists(NUMBERS, min_size=5, max_size=5))
    table = PairTable(flat([[few[(p * entries + e) % 5] for e in range(entries)] for p in range(pairs)]))
    height = data.draw(st.integers(0, 25))
    spot = Spot(data.draw(st.integers(0, pairs - 1)), data.draw(st.integers(0, entries - 1)))
    terminal = data.draw(st.sampled_from([Terminal(), Terminal(ASCII), Terminal(UNICODE, colours=False)]))
    order = table.order(table.observations[0], data.draw(st.booleans()))
    lines = heat_lines(table, order, spot, width, height, terminal)
    assert len(lines) <= height
    if height < 3:
        assert lines == []
        return
    assert all(length(line) == width for line in lines)
    shown = texts_of(lines)
    mark = terminal.glyphs.selected
    assert [line.split(mark)[0].strip() for line in shown[1:-1] if mark in line] == [str(spot.pair)]
    assert terminal.glyphs.down in shown[0]


def test_an_ended_run_without_a_commit_promises_no_pairs() -> None:
    for state in RunState:
        model = Model(selected="one", runs=(a_run("one", state, generation=0),))
        told = view_state.absence(model)
        assert ("appear with the first commit" in told) == (state not in ENDED), state
        assert ("there are no pairs" in told) == (state in ENDED), state
