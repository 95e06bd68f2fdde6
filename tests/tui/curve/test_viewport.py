"""What of a curve is in sight: every transition stays within the data, and none loses the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hades_tui.canvas.braille import column_of
from hades_tui.curve import viewport
from hades_tui.curve.viewport import Axis, Extent, Viewport

EXTENT = Extent(1.0, 1001.0, 4.0)
POINTS = [float(x) for x in range(1, 1002)]

EXTENTS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 100)).map(
    lambda e: Extent(float(e[0]), float(e[0] + e[1]), e[1] * e[2] / 1000.0)
)
FACTORS = st.sampled_from([0.5, 0.8, 1.25, 2.0])
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), FACTORS),
        st.tuples(st.just("pan"), st.sampled_from([-1.0, -0.25, 0.25, 1.0])),
        st.tuples(st.just("step"), st.sampled_from([-1.0, 1.0])),
        st.tuples(st.just("point"), st.sampled_from([-1.0, 1.0])),
        st.tuples(st.just("read"), st.floats(0.0, 1.0)),
        st.tuples(st.just("grow"), st.floats(0.5, 2.0)),
    ),
    max_size=30,
)


def moved(view: Viewport, extent: Extent, points: list[float], move: tuple[str, float]) -> Viewport:
    kind, by = move
    match kind:
        case "zoom":
            return viewport.zoom(view, extent, by)
        case "pan":
            return viewport.pan(view, extent, by)
        case "step" | "point":
            return viewport.step(view, extent, points, int(by), 60 if kind == "step" else 0)
    return viewport.read(view, points, extent.low + by * extent.width)


@given(EXTENTS, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50), MOVES)
def test_whatever_is_pressed_the_sight_lies_within_the_data(
    extent: Extent, places: list[float], moves: list[tuple[str, float]]
) -> None:
    view = Viewport()
    points = sorted({extent.low, extent.high, *(extent.low + p * extent.width for p in places)})
    for move in moves:
        if move[0] == "grow":  # data come, or are cut
            extent = Extent(extent.low, extent.low + extent.width * move[1], extent.least)
            points = sorted({extent.low, extent.high, *(p for p in points if p <= extent.high)})
        else:
            view = moved(view, extent, points, move)
            assert view.cursor is None or move[0] not in ("step", "point", "read") or view.cursor in points
        low, high = viewport.visible_range(view, extent)
        slack = 1e-6 * max(1.0, extent.high)
        assert extent.low - slack <= low < high <= extent.high + slack
        assert high - low >= min(extent.least, extent.width) - slack
        if move[0] in ("step", "point") and view.cursor is not None:
            assert low - slack <= view.cursor <= high + slack, "the cursor is never moved out of sight"


@given(EXTENTS, FACTORS, st.floats(0.0, 1.0), MOVES)
def test_clamping_twice_changes_nothing(
    extent: Extent, factor: float, at: float, moves: list[tuple[str, float]]
) -> None:
    view = viewport.zoom(Viewport(), extent, factor, extent.low + at * extent.width)
    once = viewport.clamp(view, extent)
    twice = viewport.clamp(once, extent)
    assert viewport.visible_range(once, extent) == pytest.approx(viewport.visible_range(twice, extent))
    assert once.following == twice.following


@given(st.floats(100.0, 900.0), st.floats(0.1, 0.9))
def test_what_is_zoomed_about_stays_where_it_is(about: float, factor: float) -> None:
    low, high = viewport.visible_range(viewport.zoom(Viewport(), EXTENT, factor, about), EXTENT)
    assert (about - low) / (high - low) == pytest.approx((about - EXTENT.low) / EXTENT.width)


def test_zoom_is_about_the_cursor_or_the_middle() -> None:
    assert viewport.visible_range(viewport.zoom(Viewport(), EXTENT, 0.5), EXTENT) == (251.0, 751.0)
    low, high = viewport.visible_range(viewport.zoom(Viewport(cursor=101.0), EXTENT, 0.5), EXTENT)
    assert (low, high) == (51.0, 551.0)
    beside = Viewport(reach=(500.0, 600.0), cursor=3.0)
    assert viewport.visible_range(viewport.zoom(beside, EXTENT, 0.5), EXTENT) == (525.0, 575.0), (
        "a cursor out of sight counts not"
    )


def test_zooming_out_ends_with_everything_and_follows_again() -> None:
    view = Viewport(reach=(500.0, 600.0))
    for _ in range(5):
        view = viewport.zoom(view, EXTENT, 2.0)
    assert view.reach is None
    assert viewport.visible_range(view, Extent(1.0, 5000.0)) == (1.0, 5000.0)


def test_there_is_a_narrowest_range_and_it_can_be_left() -> None:
    view = Viewport()
    for _ in range(40):
        view = viewport.zoom(view, EXTENT, 0.5)
    low, high = viewport.visible_range(view, EXTENT)
    assert high - low == pytest.approx(EXTENT.least)
    low, high = viewport.visible_range(viewport.zoom(view, EXTENT, 2.0), EXTENT)
    assert high - low == pytest.approx(2 * EXTENT.least)


@given(st.floats(-3.0, 3.0))
def test_panning_keeps_the_width(by: float) -> None:
    low, high = viewport.visible_range(viewport.pan(Viewport(reach=(400.0, 500.0)), EXTENT, by), EXTENT)
    assert high - low == pytest.approx(100.0)
    assert low == pytest.approx(min(901.0, max(1.0, 400.0 + 100.0 * by)))


def test_all_of_it_cannot_be_panned() -> None:
    assert viewport.pan(Viewport(), EXTENT, 0.5) == Viewport()


def test_at_the_right_end_the_view_follows_and_elsewhere_it_stays() -> None:
    more = Extent(1.0, 1101.0, 4.0)
    at_end = viewport.pan(Viewport(reach=(700.0, 900.0)), EXTENT, 1.0)
    assert at_end.following
    assert viewport.visible_range(at_end, more) == (901.0, 1101.0)
    back = viewport.pan(at_end, EXTENT, -0.5)
    assert not back.following
    assert viewport.visible_range(back, more) == (701.0, 901.0)


def test_a_cut_moves_the_view_back_with_its_width() -> None:
    cut = Extent(1.0, 401.0, 4.0)
    assert viewport.visible_range(Viewport(reach=(600.0, 700.0)), cut) == (301.0, 401.0)
    assert viewport.visible_range(Viewport(reach=(100.0, 700.0)), cut) == (1.0, 401.0)


@given(st.integers(2, 200), st.sampled_from([-1, 1]), st.integers(0, 1000))
def test_a_step_is_one_column_or_one_point_where_these_are_further_apart(columns: int, by: int, at: int) -> None:
    before = Viewport(cursor=POINTS[at])
    after = viewport.step(before, EXTENT, POINTS, by, columns)
    assert before.cursor is not None
    assert after.cursor is not None
    here, there = (column_of(x, EXTENT.low, EXTENT.high, columns) for x in (before.cursor, after.cursor))
    assert there - here == by or after.cursor in (POINTS[0], POINTS[-1])
    single = viewport.step(before, EXTENT, POINTS, by)
    assert single.cursor == POINTS[min(1000, max(0, at + by))]
    sparse = [1.0, 500.0, 1001.0]
    assert viewport.step(Viewport(cursor=500.0), EXTENT, sparse, by, columns).cursor == (1001.0 if by > 0 else 1.0)


def test_a_cursor_begins_at_the_edge_in_sight() -> None:
    view = Viewport(reach=(200.0, 300.0))
    assert viewport.step(view, EXTENT, POINTS, 1, 50).cursor == 200.0
    assert viewport.step(view, EXTENT, POINTS, -1, 50).cursor == 300.0
    assert viewport.step(view, EXTENT, [], 1, 50).cursor is None


def test_the_view_moves_along_with_the_cursor() -> None:
    view = viewport.step(Viewport(reach=(200.0, 300.0), cursor=300.0), EXTENT, POINTS, 1)
    assert viewport.visible_range(view, EXTENT) == (201.0, 301.0)
    view = viewport.shown(replace(view, cursor=1.0), EXTENT)
    assert viewport.visible_range(view, EXTENT) == (1.0, 101.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(-1e6, 2e6))
def test_the_nearest_point_is_the_nearest(places: list[float], x: float) -> None:
    places.sort()
    at = viewport.nearest(places, x)
    assert at is not None
    assert abs(places[at] - x) == min(abs(p - x) for p in places)


@given(st.lists(st.floats(0.1, 1e3), min_size=2, max_size=60), st.data())
def test_another_axis_shows_the_same_points(gaps: list[float], data: st.DataObject) -> None:
    before = [float(i) for i in range(len(gaps))]
    after = [sum(gaps[:i]) for i in range(len(gaps))]
    left = data.draw(st.integers(0, len(gaps) - 2))
    right = data.draw(st.integers(left + 1, len(gaps) - 1))
    cursor = data.draw(st.integers(0, len(gaps) - 1))
    view = Viewport(reach=(before[left], before[right]), cursor=before[cursor])
    there = viewport.on_axis(view, Axis.TIME, before, after)
    assert there.axis is Axis.TIME
    assert there.reach == pytest.approx((after[left], after[right]))
    assert there.cursor == after[cursor]
    back = viewport.on_axis(there, Axis.GENERATION, after, before)
    assert back.reach == pytest.approx(view.reach)
    assert back.cursor == view.cursor


def test_an_axis_of_which_nothing_is_known_shows_everything_that_comes() -> None:
    view = Viewport(reach=(1.0, 2.0), following=True, cursor=1.0, smoothing=1)
    assert viewport.on_axis(view, Axis.STEPS, [1.0, 2.0], []) == Viewport(axis=Axis.STEPS, smoothing=1)
    still = viewport.on_axis(Viewport(reach=(1.0, 2.0)), Axis.STEPS, [1.0, 2.0, 3.0], [7.0, 7.0, 9.0])
    assert still.reach is None, "no steps were made there: there is nothing to zoom into"
