"""Metrics in memory: complete, in order, and thinned without losing a spike."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.supervisor.history import EVALUATED_FROM, History
from hadesd.supervisor.thinning import MIN_POINTS, thin


def metrics(generation: int, mean: float | None = 1.0) -> GenerationMetrics:
    return GenerationMetrics(
        generation=generation,
        fitness_mean=mean,
        fitness_best=2.5,
        fitness_worst=None,
        fitness_std=0.5,
        best_so_far=2.5,
        sigma=0.1,
        episodes=3,
        unfinished=1,
        nan=0,
        env_steps=1000,
    )


def timing(generation: int, seconds: float = 1.0) -> GenerationTiming:
    return GenerationTiming(generation=generation, seconds=seconds, committed_at=0.0)


def write(directory: Path, generations: range, rest: bytes = b"") -> None:
    lines = [msgspec.json.encode(metrics(g, float(g))) for g in generations]
    (directory / "metrics.jsonl").write_bytes(b"".join(line + b"\n" for line in lines) + rest)
    times = [msgspec.json.encode(timing(g, float(g))) for g in generations]
    (directory / "timings.jsonl").write_bytes(b"".join(line + b"\n" for line in times))


def test_an_empty_run(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert (history.generation, history.seconds_per_generation, history.select(0, 100)) == (0, None, (0, ()))


def test_what_a_worker_commits_is_there_once(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.add(metrics(1, None), timing(1, 3.0))
    assert not history.add(metrics(1, 7.0), timing(1, 9.0))
    assert history.add(metrics(2), timing(2, 5.0))
    assert history.select(0, 100) == (2, (metrics(1, None), metrics(2)))
    assert history.select(1, 100) == (2, (metrics(2),))
    assert history.seconds_per_generation == 4.0


def test_pages_together_are_everything(tmp_path: Path) -> None:
    write(tmp_path, range(1, 101))
    history = History(tmp_path)
    pages = [history.select(after, 8, after + 8)[1] for after in range(0, 112, 8)]
    assert [m.generation for page in pages for m in page] == list(range(1, 101))
    assert len(history.select(0, 8, 90)[1]) <= 8
    assert history.select(0, 8, 90)[1][-1].generation == 90
    assert history.select(50, 8, 20) == (100, ())


def test_a_workers_first_generation_compiles_and_says_nothing_about_the_next(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.resync(0)
    history.add(metrics(1), timing(1, 60.0))
    assert (history.seconds_per_generation, history.is_steady) == (60.0, False)
    history.add(metrics(2), timing(2, 0.5))
    assert (history.seconds_per_generation, history.is_steady) == (0.5, True)


def test_the_file_is_read_and_a_line_cut_short_is_not(tmp_path: Path) -> None:
    write(tmp_path, range(1, 31), b'{"generation": 31, "fitness_me')
    history = History(tmp_path)
    assert (history.generation, history.last.fitness_mean) == (30, 30.0)
    assert history.seconds_per_generation == 20.5  # of the newest twenty: 11 to 30
    history.add(metrics(31), timing(31))
    total, found = history.select(0, 100)
    assert (total, [m.generation for m in found]) == (31, list(range(1, 32)))


def test_a_worker_that_went_back_voids_what_came_after(tmp_path: Path) -> None:
    history = History(tmp_path)
    for g in range(1, 6):
        history.add(metrics(g), timing(g))
    write(tmp_path, range(1, 4))
    assert history.resync(3) == (True, [])
    assert (history.generation, history.select(0, 100)[0]) == (3, 3)
    history.add(metrics(4, 44.0), timing(4))
    assert history.last.fitness_mean == 44.0


def test_a_generation_that_was_committed_unsaid_is_found_on_disk(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(metrics(1, 1.0), timing(1))
    write(tmp_path, range(1, 3))
    void, missed = history.resync(2)
    assert (void, missed) == (False, [(metrics(2, 2.0), timing(2, 2.0))])
    assert history.seconds_per_generation == 1.5


def test_resync_ignores_lines_beyond_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6))
    history = History(tmp_path)
    history.resync(4)
    assert history.generation == 4


VALUES = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan))


@given(
    curves=st.lists(st.tuples(VALUES, VALUES), max_size=400),
    start=st.integers(0, 100),
    points=st.integers(MIN_POINTS, 60),
)
def test_thinning_keeps_every_extreme(curves: list[tuple[float, float]], start: int, points: int) -> None:
    mean, best = [c[0] for c in curves], [c[1] for c in curves]
    start = min(start, len(mean))
    kept = thin([mean, best], start, points)
    assert len(kept) <= points
    assert kept == sorted(set(kept))
    assert all(start <= i < len(mean) for i in kept)
    if start < len(mean):
        assert {start, len(mean) - 1} <= set(kept)
    for curve in (mean, best):
        shown, known = [curve[i] for i in kept], curve[start:]
        for extreme in (min, max):
            filled = [v for v in known if not math.isnan(v)]
            if filled:
                assert extreme(filled) in shown


@given(spike=st.integers(0, 999), height=st.sampled_from([-1.0, 1.0]), curve=st.integers(0, 1))
def test_a_spike_of_one_generation_survives(spike: int, height: float, curve: int) -> None:
    curves = [[0.0] * 1000, [0.0] * 1000]
    curves[curve][spike] = height
    assert spike in thin(curves, 0, 50)


def test_a_local_spike_survives_beside_a_higher_one() -> None:
    curve = [0.0] * 1000
    curve[100], curve[900] = 1.0, 50.0
    assert {100, 900} <= set(thin([curve, curve], 0, 40))


@given(
    total=st.integers(1, 3000), every=st.integers(1, 400), points=st.integers(MIN_POINTS, 60), start=st.integers(0, 40)
)
def test_the_newest_evaluation_of_the_mean_dataset_is_never_thinned_away(
    total: int, every: int, points: int, start: int
) -> None:
    mean = [float(i % 7) for i in range(total)]
    evaluated = [float(i) if i % every == 0 else math.nan for i in range(total)]
    newest = (total - 1) // every * every
    start = min(start, newest)
    curves = [mean, mean, evaluated] if points >= EVALUATED_FROM else [mean, mean]
    kept = thin(curves, start, points, (newest,))
    assert newest in kept
    assert len(kept) <= points


def test_evaluations_survive_in_memory_and_when_thinned(tmp_path: Path) -> None:
    history = History(tmp_path)
    for g in range(1, 501):
        line = metrics(g, float(g))
        if g % 50 == 0:
            line = msgspec.structs.replace(line, evaluated_mean=g / 2, evaluated_sem=0.25)
        history.add(line, timing(g))
    total, found = history.select(0, 60)
    assert (total, len(found) <= 60) == (500, True)
    seen = {m.generation: (m.evaluated_mean, m.evaluated_sem) for m in found if m.evaluated_mean is not None}
    assert seen.keys() >= {50, 500}, "the lowest and the newest evaluation are gone"
    assert seen[500] == (250.0, 0.25)
    assert history.select(0, MIN_POINTS)[1][-1].evaluated_mean == 250.0


def test_what_fits_is_not_thinned() -> None:
    assert thin([[1.0] * 20, [1.0] * 20], 5, 15) == list(range(5, 20))


@pytest.mark.parametrize("points", [MIN_POINTS, 9, 10, 13])
def test_few_points_are_never_exceeded(points: int) -> None:
    assert len(thin([list(range(1000)), [float(-i) for i in range(1000)]], 0, points)) <= points
