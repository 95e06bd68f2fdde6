"""The plot: no spike is lost, nothing is drawn outside, axes are round."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_tui.canvas.braille import Canvas, Columns, Scale, band, buckets, columns, nice_step, scale_for, ticks
from tests.helpers.protocol.protocol_server import a_generation
from tests.helpers.screen.curves import draw_metrics

VALUES = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3))
POINTS = st.lists(
    st.tuples(st.integers(1, 5000).map(float), VALUES), min_size=1, max_size=200, unique_by=lambda p: p[0]
)


def drawn(points: list[tuple[float, float]], low: float, high: float, count: int) -> Columns:
    return columns([y for _, y in points], buckets([x for x, _ in points], low, high, count), count)


@settings(max_examples=200)
@given(POINTS, st.integers(2, 60), st.integers(1, 20), st.booleans())
def test_every_point_has_its_dot(points: list[tuple[float, float]], width: int, height: int, logarithmic: bool) -> None:
    """However many points share a column of dots, each of them, so every spike, lies on the drawn line."""
    points.sort()
    low, high = points[0][0], points[-1][0]
    scale = scale_for((y for _, y in points), logarithmic)
    canvas = Canvas(width, height)
    canvas.trace(drawn(points, low, high, 2 * width), lambda v: scale.row(v, 4 * height))
    for x, y in points:
        at = round((x - low) / ((high - low) or 1.0) * (2 * width - 1))
        assert canvas.has(at, scale.row(y, 4 * height))


def test_a_single_spike_among_thousands_reaches_the_top() -> None:
    metrics = [a_generation(g, 500.0 if g == 1234 else 10.0, fitness_std=0.0) for g in range(1, 4001)]
    picture = draw_metrics(metrics, 80, 20)
    top = "".join(text for text, _ in picture[0])
    bottom = "".join(text for text, _ in picture[17])
    assert sum("⠀" < c <= "⣿" for c in top) in (1, 2)
    assert sum("⠀" < c <= "⣿" for c in bottom) > 60


@settings(max_examples=100)
@given(st.lists(VALUES, min_size=2, max_size=50))
def test_a_line_has_no_gaps(values: list[float]) -> None:
    scale = scale_for(values)
    canvas = Canvas(30, 10)
    points = [(float(x), y) for x, y in enumerate(values)]
    canvas.trace(drawn(points, 0, len(values) - 1, 60), lambda v: scale.row(v, 40))
    rows = [[y for y in range(40) if canvas.has(x, y)] for x in range(60)]
    assert all(rows)
    for left, right in itertools.pairwise(rows):
        assert min(right) - 1 <= max(left)
        assert min(left) - 1 <= max(right)


def test_dots_outside_are_ignored() -> None:
    canvas = Canvas(2, 1)
    for x, y in ((-1, 0), (4, 0), (0, -1), (0, 4)):
        canvas.set(x, y)
    assert [canvas.bits(c, 0) for c in (0, 1)] == [0, 0]


def test_bits_are_brailles() -> None:
    canvas = Canvas(1, 1)
    for y in range(4):
        canvas.set(0, y)
    assert chr(0x2800 + canvas.bits(0, 0)) == "⡇"


@settings(max_examples=200)
@given(VALUES, VALUES, st.integers(3, 60), st.booleans())
def test_ticks_lie_on_the_scale_and_apart(a: float, b: float, rows: int, logarithmic: bool) -> None:
    scale = scale_for([a, b], logarithmic)
    found = ticks(scale, rows)
    assert all(scale.low <= value <= scale.high for value in found)
    at = sorted(scale.cell(value, rows) for value in found)
    assert all(right - left >= 3 for left, right in itertools.pairwise(at))


def test_ticks_of_a_common_range_are_round() -> None:
    assert ticks(Scale(0.0, 500.0), 20) == [0, 100, 200, 300, 400, 500]
    assert ticks(scale_for([-1600.0, -120.0]), 16) == [-1500, -1000, -500]


@given(st.floats(1e-9, 1e9))
def test_a_nice_step_is_one_two_or_five(least: float) -> None:
    step = nice_step(least)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert step >= least * 0.999
    assert any(mantissa == pytest.approx(m) for m in (1, 2, 5, 10))


@given(st.lists(VALUES, min_size=2, max_size=20), st.booleans())
def test_a_scale_keeps_the_order(values: list[float], logarithmic: bool) -> None:
    scale = scale_for(values, logarithmic)
    fractions = [scale.fraction(v) for v in sorted(values)]
    assert fractions == sorted(fractions)
    assert all(-1e-9 <= f <= 1 + 1e-9 for f in fractions)


def test_a_scale_of_nothing_and_of_one_value() -> None:
    assert (scale_for([]).low, scale_for([]).high) == (0.0, 1.0)
    assert scale_for([500.0, 500.0]).low < 500.0 < scale_for([500.0, 500.0]).high
    assert scale_for([math.nan, 3.0, 5.0, math.inf]) == scale_for([3.0, 5.0])


def test_the_band_closes_gaps_between_points() -> None:
    lower, upper = drawn([(0.0, 0.0), (4.0, 4.0)], 0, 4, 5), drawn([(0.0, 8.0), (4.0, 8.0)], 0, 4, 5)
    assert band(lower, upper, Scale(0.0, 8.0), 1) == [(0, 8), (1, 8), (2, 8), (3, 8), (4, 8)]


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.none(), VALUES), min_size=1, max_size=40),
    st.integers(1, 120),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
)
def test_a_curve_fits_its_panel(
    means: list[float | None], width: int, height: int, logarithmic: bool, colours: bool
) -> None:
    metrics = [
        a_generation(g, mean or 0.0, **({"fitness_mean": None, "fitness_best": None} if mean is None else {}))
        for g, mean in enumerate(means, start=1)
    ]
    lines = draw_metrics(metrics, width, height, logarithmic=logarithmic, colours=colours)
    if lines:
        assert len(lines) == height
        assert {len("".join(text for text, _ in line)) for line in lines} == {width}
    else:
        assert width < 24 or height < 4 or all(mean is None for mean in means)
