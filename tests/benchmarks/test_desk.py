"""The table of what two cores distil: its arithmetic, its file, and the measuring of CPU time."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.desk import table
from benchmarks.desk.distil import MOST_POINTS, cpu_seconds, thin
from benchmarks.desk.published import Curve, curves
from benchmarks.desk.results import Measured, Row, add, kept, read, summarise

ONE = Measured(
    row=Row("hopper", "hades-r", 0),
    seconds=60.0,
    value=1500.0,
    sem=10.0,
    best=1600.0,
    generations=100,
    env_steps=10_000_000,
    cloning_steps=1_000_000,
    core_seconds=120.0,
    wall_seconds=61.0,
    commit="c0ffee",
    machine="a CPU",
    at="2026-11-28T12:00:00+00:00",
    curve=[(100_000, 90.0), (10_000_000, 1500.0)],
    evaluations=[(1_000_000, 700.0), (10_000_000, 1600.0)],
)


def of_seed(seed: int, value: float) -> Measured:
    return dataclasses.replace(ONE, row=dataclasses.replace(ONE.row, seed=seed), value=value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert read(file) == []
    rows = [ONE, dataclasses.replace(ONE, row=Row("ant", "es", 1, "published", ("evolution.population=8",)))]
    for row in rows:
        add(row, file)
    assert read(file) == rows


def test_a_summary_is_over_seeds_and_takes_a_row_as_it_was_measured_last() -> None:
    other = dataclasses.replace(ONE, row=dataclasses.replace(ONE.row, sets=("policy.width=8",)))
    (found,) = summarise([of_seed(0, 0.0), of_seed(1, 1600.0), of_seed(2, 1700.0), of_seed(0, 1500.0), other])
    assert found.seeds == (0, 1, 2)
    assert found.value == pytest.approx(1600.0)
    assert found.sem == pytest.approx(100.0 / 3**0.5)
    assert found.kept == pytest.approx(1.0)


def test_one_seed_has_no_standard_error() -> None:
    (found,) = summarise([ONE])
    assert found.sem is None
    assert found.kept == pytest.approx(1500 / 1600)
    assert "1500 |" in table.markdown([found])


def test_the_best_is_evaluated_again_in_all_seeds_or_says_nothing() -> None:
    evaluated = [
        dataclasses.replace(of_seed(seed, 1500.0), best_again=again) for seed, again in ((0, 1500.0), (1, 2e3))
    ]
    (found,) = summarise(evaluated)
    assert found.kept_again == pytest.approx(0.875)
    assert "| 88% |" in table.markdown([found])
    (found,) = summarise([*evaluated, of_seed(2, 1500.0)])
    assert found.kept_again is None
    assert "| 94% | - |" in table.markdown([found])


def test_a_longer_row_stands_beside_what_it_had_before() -> None:
    longer = dataclasses.replace(ONE, seconds=600.0, value=1700.0)
    short, long = summarise([ONE, longer])
    (row,) = table.longer_markdown([long], [short]).splitlines()[2:]
    assert "| 10 | 1700 |" in row
    assert "| 1500 |" in row
    (alone,) = table.longer_markdown([long], []).splitlines()[2:]
    assert "1500" not in alone


def test_heats_are_a_row_of_their_own_and_not_of_the_first_table() -> None:
    heats = dataclasses.replace(ONE, row=dataclasses.replace(ONE.row, heats=4), value=1700.0)
    alone, of_four = summarise([ONE, heats])
    assert (alone.told, of_four.told) == ("", "best of 4")
    assert "| 1, best of 4 | 1700 |" in table.longer_markdown([of_four], [alone])


def test_a_run_that_comes_first_is_told_of() -> None:
    row = dataclasses.replace(ONE.row, first="es", first_seconds=120.0, then=("dataset.pairs=32",))
    other = dataclasses.replace(row, then=("dataset.pairs=64",))
    measured = [ONE, *(dataclasses.replace(ONE, row=one, seconds=600.0) for one in (row, other))]
    alone, after, another = summarise(measured)
    assert (alone.told, after.told, another.told) == ("", "es for 2", "es for 2")
    assert "| 10, es for 2 |" in table.longer_markdown([after], [alone])


def test_half_of_the_best_is_half_of_a_return_and_twice_a_cost() -> None:
    assert kept(50.0, 100.0) == 0.5
    assert kept(-100.0, -50.0) == 0.5
    assert kept(100.0, 100.0) == kept(-7.0, -7.0) == kept(0.0, 0.0) == 1.0
    assert kept(-1.0, 0.0) == 0.0


CURVE = Curve(pairs=64, env_steps=(100, 200, 400), mean=(10.0, 30.0, 20.0), sem=(0.0, 0.0, 0.0))


@pytest.mark.parametrize(("target", "steps"), [(5.0, 100.0), (10.0, 100.0), (20.0, 150.0), (30.0, 200.0)])
def test_steps_to_a_return_are_between_the_points(target: float, steps: float) -> None:
    assert CURVE.steps_to(target) == pytest.approx(steps)


def test_a_return_that_was_never_published_bounds_the_ratio() -> None:
    assert CURVE.steps_to(31.0) is None
    (found,) = summarise([dataclasses.replace(ONE, value=31.0, env_steps=4)])
    assert table.efficiency(found, CURVE) == "> 100"
    assert table.efficiency(dataclasses.replace(found, value=20.0, env_steps=3), CURVE) == "50"
    assert table.efficiency(found, None) == "-"


def test_every_published_curve_ascends_in_steps_and_has_an_error_for_each_mean() -> None:
    found = [(env, method, curve) for env, methods in curves().items() for method, curve in methods.items()]
    assert len(found) == 30
    for env, method, curve in found:
        assert list(curve.env_steps) == sorted(set(curve.env_steps)), (env, method)
        assert len(curve.env_steps) == len(curve.mean) == len(curve.sem), (env, method)


@given(st.integers(1, 5000))
def test_thinning_keeps_the_first_and_the_last(count: int) -> None:
    kept = thin(list(range(count)))
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert kept == sorted(set(kept))
    assert len(kept) <= MOST_POINTS + 1


def test_the_picture_has_a_panel_for_each_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PICTURE", tmp_path / "desk.svg")
    other = dataclasses.replace(ONE, row=Row("Pendulum-v1", "hades-f", 0))
    drawn = table.draw(summarise([ONE, other])).read_text()
    assert all(name in drawn for name in ("hopper", "Pendulum-v1"))


@pytest.mark.process
def test_cpu_time_is_that_of_a_process_and_of_its_children() -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass\n"
    script = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {spin!r}])\n{spin}\nprint(flush=True)\ninput()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        spent = cpu_seconds(process.pid)
        assert spent >= 0.55, spent
        time.sleep(0.05)
        assert cpu_seconds(process.pid) == pytest.approx(spent, abs=0.05)
        process.communicate(b"\n")
    assert cpu_seconds(process.pid) == 0.0
