"""The mean over seeds: every generation of every run, whatever was thinned and whoever has ended."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_tui.curve.averaged import MOST_POINTS, averaged
from hades_tui.state.history import RunHistory
from tests.helpers.protocol.protocol_server import a_generation


def a_history(means: dict[int, float | None], begin: float = 1000.0) -> RunHistory:
    """A run that commits every ten seconds and takes 100 steps a generation. means: fitness by generation."""
    return RunHistory(
        metrics=tuple(a_generation(g, 0.0, fitness_mean=mean) for g, mean in means.items()),
        loaded=True,
        env_steps=tuple(100 * g for g in means),
        committed_at=tuple(begin + 10.0 * g for g in means),
    )


def test_the_mean_and_its_standard_error_over_those_that_are_left() -> None:
    one, other, third = a_history({1: 1.0, 2: 2.0, 3: 3.0}), a_history({1: 3.0, 2: 4.0}, 9e9), a_history({1: 5.0})
    found = averaged([one, other, third])
    assert [(m.generation, m.fitness_mean) for m in found.history.metrics] == [(1, 3.0), (2, 3.0), (3, 3.0)]
    assert found.counts == (3, 2, 1)
    errors = [m.fitness_std for m in found.history.metrics]
    assert errors == [pytest.approx(2.0 / math.sqrt(3)), pytest.approx(1.0), None]
    assert found.history.env_steps == (100, 200, 300)
    times = found.history.committed_at
    assert [time - times[0] for time in times] == [0.0, 10.0, 20.0], "each run's time begins with its first commit"


def test_a_run_is_interpolated_where_it_was_thinned_and_a_gap_stays_one() -> None:
    found = averaged([a_history({1: 0.0, 5: 8.0}), a_history({1: 0.0, 2: 0.0, 3: None, 5: 0.0})])
    means = {m.generation: m.fitness_mean for m in found.history.metrics}
    assert means == {1: 0.0, 2: 1.0, 3: 4.0, 5: 4.0}
    assert found.counts == (2, 2, 2, 2)


def test_nothing_is_the_mean_of_nothing() -> None:
    assert averaged([]).history.metrics == ()
    assert averaged([RunHistory(), RunHistory()]).counts == ()


@st.composite
def seeds(draw: st.DrawFn) -> list[dict[int, float | None]]:
    """Runs of different lengths, each with some generations left out, but for its first and its newest."""
    out = []
    for _ in range(draw(st.integers(1, 4))):
        last = draw(st.integers(1, 2000))
        kept = draw(st.sets(st.integers(1, last), max_size=30)) | {1, last}
        out.append({g: draw(st.floats(-1e6, 1e6)) for g in sorted(kept)})
    return out


@given(seeds())
def test_every_run_counts_up_to_its_end_and_the_mean_lies_between_them(runs: list[dict[int, float | None]]) -> None:
    found = averaged([a_history(run) for run in runs])
    lows, highs = ([pick(v for v in run.values() if v is not None) for run in runs] for pick in (min, max))
    generations = [m.generation for m in found.history.metrics]
    assert generations == sorted(set(generations))
    assert {max(run) for run in runs} <= set(generations), "where a run ends is seen"
    assert len(generations) <= MOST_POINTS + 2 * len(runs)
    for metrics, count in zip(found.history.metrics, found.counts, strict=True):
        assert count == sum(metrics.generation <= max(run) for run in runs)
        assert metrics.fitness_mean is not None
        assert min(lows) - 1e-3 <= metrics.fitness_mean <= max(highs) + 1e-3
        assert (metrics.fitness_std is None) == (count == 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_mean_of_equal_runs_is_the_run(values: list[float]) -> None:
    run = a_history(dict(enumerate(values, 1)))
    found = averaged([run, run])
    assert [m.fitness_mean for m in found.history.metrics] == pytest.approx(values)
    assert all(m.fitness_std == pytest.approx(0.0) for m in found.history.metrics)
