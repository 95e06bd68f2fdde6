"""Down-sampling: bounded, in order, and no spike lost."""

import math

from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.downsample import MIN_POINTS, downsample, downsample_metrics, extremes
from tests.helpers.protocol.protocol_server import a_generation

VALUES = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan))


@st.composite
def curves(draw: st.DrawFn) -> tuple[list[int], list[float], list[float]]:
    """Positions with gaps, and two curves on them."""
    steps = draw(st.lists(st.integers(1, 50), max_size=400))
    positions = [sum(steps[: i + 1]) for i in range(len(steps))]
    values = st.lists(VALUES, min_size=len(steps), max_size=len(steps))
    return positions, draw(values), draw(values)


@given(curves(), st.integers(MIN_POINTS, 60))
def test_every_extreme_stays(data: tuple[list[int], list[float], list[float]], points: int) -> None:
    positions, mean, best = data
    kept = downsample(positions, [mean, best], points)
    assert len(kept) <= points
    assert kept == sorted(set(kept))
    if positions:
        assert {0, len(positions) - 1} <= set(kept)
    for curve in (mean, best):
        shown = [curve[i] for i in kept]
        for extreme in (min, max):
            filled = [v for v in curve if not math.isnan(v)]
            if filled:
                assert extreme(filled) in shown


@given(spike=st.integers(0, 999), height=st.sampled_from([-1.0, 1.0]), curve=st.integers(0, 1))
def test_a_spike_of_one_generation_survives(spike: int, height: float, curve: int) -> None:
    data = [[0.0] * 1000, [0.0] * 1000]
    data[curve][spike] = height
    assert spike in downsample(range(1000), data, 50)


def test_a_local_spike_survives_beside_a_higher_one() -> None:
    curve = [0.0] * 1000
    curve[100], curve[900] = 1.0, 50.0
    assert {100, 900} <= set(downsample(range(1000), [curve, curve], 40))


def test_a_part_that_was_thinned_before_keeps_its_share() -> None:
    positions = [*range(0, 100_000, 100), *range(100_000, 101_000)]  # 1000 old points, 1000 new ones
    curve = [float(p % 7) for p in positions]
    kept = [positions[i] for i in downsample(positions, [curve, curve], 200)]
    assert sum(p < 100_000 for p in kept) > 0.9 * len(kept)


@given(curves(), st.integers(1, 100), st.integers(1, 4))
def test_extremes_of_extremes_are_extremes(
    data: tuple[list[int], list[float], list[float]], width: int, times: int
) -> None:
    positions, mean, _ = data
    once = sorted(extremes(positions, [mean], width))
    fewer = extremes([positions[i] for i in once], [[mean[i] for i in once]], width * times)
    direct = extremes(positions, [mean], width * times)
    assert [mean[once[i]] for i in sorted(fewer)] == [mean[i] for i in sorted(direct)] or {
        mean[once[i]] for i in fewer
    } == {mean[i] for i in direct}


@given(st.integers(1, 3000), st.integers(1, 400), st.integers(MIN_POINTS, 60))
def test_the_newest_evaluation_is_never_thinned_away(total: int, every: int, points: int) -> None:
    metrics = [a_generation(i, float(i % 7), evaluated_mean=float(i) if i % every == 0 else None) for i in range(total)]
    kept = downsample_metrics(metrics, points)
    assert (total - 1) // every * every in kept
    assert len(kept) <= points


def test_what_fits_is_not_thinned() -> None:
    assert downsample(range(10), [[0.0] * 10, [0.0] * 10], 10) == list(range(10))
    assert downsample([], [[], []], 10) == []
