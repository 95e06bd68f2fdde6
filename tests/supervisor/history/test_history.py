"""Metrics in memory: complete, in order, and thinned without losing a spike."""

import statistics
import time
from pathlib import Path

import msgspec
import pytest

from hades_protocol.downsample import MIN_POINTS
from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.storage.layout import CURVE_CACHE, RunPaths
from hadesd.storage.resume_records import ResumeKind, append_resume_record
from hadesd.supervisor.history import curve_cache, metric_columns
from hadesd.supervisor.history import history as histories
from hadesd.supervisor.history.history import IDLE_SECONDS, History


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
    assert known(history, 0, 100) == (2, (metrics(1, None), metrics(2)))
    assert known(history, 1, 100) == (2, (metrics(2),))
    assert history.seconds_per_generation == 4.0


def test_a_curve_that_nobody_looks_at_leaves_the_memory_and_comes_back(tmp_path: Path) -> None:
    write(tmp_path, range(1, 101))
    history = History(tmp_path)
    before = history.select(0, 50)
    history.rest(time.monotonic() + IDLE_SECONDS - 60)
    assert len(history._columns) == 100, "somebody has just looked"
    history.rest(time.monotonic() + IDLE_SECONDS + 60)
    assert len(history._columns) == 0
    assert (history.generation, history.seconds_per_generation) == (100, 90.5)
    assert history.select(0, 50) == before
    history.rest(time.monotonic() + IDLE_SECONDS + 60)
    assert history.add(metrics(101), timing(101))
    assert [m.generation for m in known(history, 98, 100)[1]] == [99, 100, 101]


def test_pages_together_are_everything(tmp_path: Path) -> None:
    write(tmp_path, range(1, 101))
    history = History(tmp_path)
    pages = [known(history, after, 8, after + 8)[1] for after in range(0, 112, 8)]
    assert [m.generation for page in pages for m in page] == list(range(1, 101))
    assert len(known(history, 0, 8, 90)[1]) <= 8
    assert known(history, 0, 8, 90)[1][-1].generation == 90
    assert history.select(50, 8, 20) == (100, ())


def test_a_workers_first_generation_compiles_and_says_nothing_about_the_next(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.resync(0)
    history.add(metrics(1), timing(1, 60.0))
    assert (history.seconds_per_generation, history.is_steady) == (60.0, False)
    history.add(metrics(2), timing(2, 0.5))
    assert (history.seconds_per_generation, history.is_steady) == (0.5, True)


def test_after_a_restart_of_the_daemon_it_is_still_known_which_generations_were_a_workers_first(tmp_path: Path) -> None:
    write(tmp_path, range(1, 8))
    append_resume_record(tmp_path, 4, ResumeKind.RESUME, "on the same device", bit_exact=True)
    assert History(tmp_path).seconds_per_generation == statistics.median((2.0, 3.0, 4.0, 6.0, 7.0))
    write(tmp_path, range(1, 2))
    history = History(tmp_path)
    assert (history.seconds_per_generation, history.is_steady) == (1.0, False)


def test_the_file_is_read_and_a_line_cut_short_is_not(tmp_path: Path) -> None:
    write(tmp_path, range(1, 31), b'{"generation": 31, "fitness_me')
    history = History(tmp_path)
    assert (history.generation, history.last.fitness_mean) == (30, 30.0)
    assert history.seconds_per_generation == 20.5  # of the newest twenty: 11 to 30
    history.add(metrics(31), timing(31))
    total, found = known(history, 0, 100)
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
    assert history.seconds_per_generation == 2.0, "the first is a worker's first"


def test_resync_ignores_lines_beyond_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6))
    history = History(tmp_path)
    history.resync(4)
    assert history.generation == 4


def known(
    history: History, after: int, points: int, upto: int | None = None
) -> tuple[int, tuple[GenerationMetrics, ...]]:
    total, found = history.select(after, points, upto)
    return total, tuple(point[0] for point in found)


def test_evaluations_survive_in_memory_and_when_thinned(tmp_path: Path) -> None:
    history = History(tmp_path)
    for g in range(1, 501):
        line = metrics(g, float(g))
        if g % 50 == 0:
            line = msgspec.structs.replace(line, evaluated_mean=g / 2, evaluated_sem=0.25)
        history.add(line, timing(g))
    total, found = known(history, 0, 60)
    assert (total, len(found) <= 60) == (500, True)
    seen = {m.generation: (m.evaluated_mean, m.evaluated_sem) for m in found if m.evaluated_mean is not None}
    assert seen.keys() >= {50, 500}, "the lowest and the newest evaluation are gone"
    assert seen[500] == (250.0, 0.25)
    assert known(history, 0, MIN_POINTS)[1][-1].evaluated_mean == 250.0


# Runs that are longer than what is kept in memory ----------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little memory and a cache that is written soon, so that a thousand generations are many."""
    monkeypatch.setattr(metric_columns, "LIMIT", 128)
    monkeypatch.setattr(histories, "CACHE_EVERY", 200)
    monkeypatch.setattr(histories, "FINE_ENOUGH", 16)


SPIKES = {137: 1e6, 444: -1e6, 901: 2e6}


def long_run(directory: Path, upto: int = 1000) -> None:
    lines = [metrics(g, SPIKES.get(g, float(g % 10))) for g in range(1, upto + 1)]
    (directory / "metrics.jsonl").write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in lines))
    times = [msgspec.structs.replace(timing(g), committed_at=1e9 + g) for g in range(1, upto + 1)]
    (directory / "timings.jsonl").write_bytes(b"".join(msgspec.json.encode(t) + b"\n" for t in times))


def check_whole(history: History, upto: int = 1000) -> None:
    """The curve as a whole has every spike, and each of its points the right steps and time."""
    total, points = history.select(0, 100)
    assert total == upto
    assert len(points) <= 100
    assert {m.generation for m, _, _ in points} >= {1, upto, *(g for g in SPIKES if g <= upto)}
    for m, steps, committed_at in points:
        assert steps == 1000 * m.generation
        assert committed_at in (1e9 + m.generation, 0.0)


@pytest.mark.usefixtures("small")
def test_a_long_run_is_thinned_and_looked_at_closely(tmp_path: Path) -> None:
    long_run(tmp_path)
    history = History(tmp_path)
    check_whole(history)
    assert len(history._columns) <= metric_columns.LIMIT
    total, points = history.select(500, 40, 530)
    assert (total, [m.generation for m, _, _ in points]) == (1000, list(range(501, 531)))
    assert [steps for _, steps, _ in points] == [1000 * g for g in range(501, 531)]
    pages = [history.select(after, 50, after + 50)[1] for after in range(0, 1000, 50)]
    assert [m.generation for page in pages for m, _, _ in page] == list(range(1, 1001))


@pytest.mark.usefixtures("small")
def test_a_run_that_is_followed_is_the_same_as_one_that_is_read(tmp_path: Path) -> None:
    followed = History(tmp_path)
    long_run(tmp_path)
    for g in range(1, 1001):
        followed.add(metrics(g, SPIKES.get(g, float(g % 10))), timing(g))
    check_whole(followed)
    assert len(followed._columns) <= metric_columns.LIMIT


@pytest.mark.usefixtures("small")
def test_the_cache_spares_the_reading(tmp_path: Path) -> None:
    long_run(tmp_path)
    check_whole(History(tmp_path))
    assert curve_cache.read(tmp_path) is not None
    text = (tmp_path / "metrics.jsonl").read_bytes()
    first_half = text[: len(text) // 2]
    (tmp_path / "metrics.jsonl").write_bytes(b" " * len(first_half) + text[len(first_half) :])
    check_whole(History(tmp_path))  # what the cache has is not read again


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"{}"])
def test_a_cache_that_is_none_is_not_believed(tmp_path: Path, content: bytes) -> None:
    long_run(tmp_path)
    (RunPaths(tmp_path).curve_cache).write_bytes(content)
    check_whole(History(tmp_path))


@pytest.mark.usefixtures("small")
def test_a_cache_in_which_a_bit_has_flipped_is_not_believed(tmp_path: Path) -> None:
    long_run(tmp_path)
    History(tmp_path).select(0, 100)
    file = RunPaths(tmp_path).curve_cache
    whole = file.read_bytes()
    for bit in range(0, 8 * len(whole), 101):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        assert curve_cache.read(tmp_path) is None, bit


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("newest", [930, 996])
def test_the_newest_evaluation_of_a_long_run_stays_though_it_is_no_extreme(tmp_path: Path, newest: int) -> None:
    lines = []
    for g in range(1, 1001):
        worth = float(g * 37 % 101) if g % 3 == 0 and g < newest else 50.5 if g == newest else None
        lines.append(msgspec.structs.replace(metrics(g, float(g % 10)), evaluated_mean=worth))
    RunPaths(tmp_path).metrics.write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in lines))
    followed = History(tmp_path / "other")
    for line in lines:
        followed.add(line, timing(line.generation))
    for history in (followed, History(tmp_path)):
        seen = [m.evaluated_mean for m in known(history, 0, 100)[1] if m.evaluated_mean is not None]
        assert seen[-1] == 50.5


@pytest.mark.usefixtures("small")
def test_a_cache_of_another_past_is_not_believed(tmp_path: Path) -> None:
    long_run(tmp_path)
    History(tmp_path).select(0, 100)
    lines = [metrics(g, -5.0) for g in range(1, 1001)]
    (tmp_path / "metrics.jsonl").write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in lines))
    _, points = History(tmp_path).select(0, 100)
    assert {m.fitness_mean for m, _, _ in points} == {-5.0}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("back_to", [0, 3, 500, 901, 999])
def test_a_long_run_that_went_back(tmp_path: Path, back_to: int) -> None:
    long_run(tmp_path)
    history = History(tmp_path)
    history.select(0, 100)
    long_run(tmp_path, back_to)
    assert history.resync(back_to) == (True, [])
    assert history.generation == back_to
    long_run(tmp_path)
    assert [m.generation for m, _ in history.resync(1000)[1]] == list(range(back_to + 1, 1001))
    check_whole(history)
    check_whole(History(tmp_path))


def test_a_disk_without_room_for_the_cache_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    long_run(tmp_path)
    (tmp_path / f".{CURVE_CACHE}.tmp").mkdir()  # cannot be opened as a file
    check_whole(History(tmp_path))
    assert curve_cache.read(tmp_path) is None


def test_a_sigma_that_overflowed_does_not_hide_the_curve(tmp_path: Path) -> None:
    line = msgspec.json.encode(msgspec.structs.replace(metrics(1), sigma=float("inf")))
    assert b'"sigma":null' in line
    (tmp_path / "metrics.jsonl").write_bytes(line + b"\n")
    _, found = known(History(tmp_path), 0, 100)
    assert [m.sigma for m in found] == [None]
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(found[0]), type=GenerationMetrics)
    assert restored == found[0]
