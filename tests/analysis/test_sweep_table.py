"""Groups of runs as tables and pictures, from directories that say what a daemon and workers would have written."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hades_protocol.messages import GenerationMetrics
from hades_protocol.names import Labels
from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hadesd.analysis import members, sweep_table
from hadesd.analysis.pictures import style, sweep
from hadesd.cli.output import number
from hadesd.storage import records
from hadesd.storage.records import RunOutcome


def line(generation: int, mean: float | None, evaluated: float | None = None) -> bytes:
    metrics = GenerationMetrics(
        generation=generation,
        fitness_mean=mean,
        fitness_best=mean,
        fitness_worst=mean,
        fitness_std=0.0,
        best_so_far=None if mean is None else mean + 5.0,
        sigma=0.1,
        episodes=1,
        unfinished=0,
        nan=0,
        env_steps=1,
        evaluated_mean=evaluated,
        evaluated_sem=None if evaluated is None else 1.0,
    )
    return msgspec.json.encode(metrics) + b"\n"


def make(
    directory: Path, at: float, means: list[float | None], done: bool = True, rest: bytes = b"", **values: Any
) -> str:
    """A run in group g; its last generation's mean dataset is worth 100 more than its fitness."""
    values = {"env": "CartPole-v1", "evolution": {"generations": 3}} | values
    record = records.create(directory, build_spec(values), at, labels=Labels("g"))
    if done:
        record = msgspec.structs.replace(record, outcome=RunOutcome(kind=RunState.FINISHED, at=at))
        records.save(directory / record.id, record)
    lines = [line(i + 1, mean, mean + 100 if mean and i == len(means) - 1 else None) for i, mean in enumerate(means)]
    (directory / record.id / "metrics.jsonl").write_bytes(b"".join(lines) + rest)
    return record.id


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Pairs 16 (first) and 4, two seeds each; the last run is half done. A run of no group, and a damaged one."""
    make(tmp_path, 1.0, [1.0, 2.0, 10.0], seed=0, dataset={"pairs": 16})
    make(tmp_path, 2.0, [1.0, 2.0, 14.0], seed=1, dataset={"pairs": 16})
    make(tmp_path, 3.0, [0.0, 1.0, 4.0], seed=0, dataset={"pairs": 4})
    make(tmp_path, 4.0, [2.0, 3.0], done=False, rest=b'{"generation": 3, "fit', seed=1, dataset={"pairs": 4})
    records.create(tmp_path, build_spec({"env": "hopper"}), 5.0)
    (tmp_path / "broken").mkdir()
    return tmp_path


def test_a_row_for_each_combination_with_seeds_taken_together(directory: Path) -> None:
    table = sweep_table.tabulate("g", members.read_group(directory, "g"))
    assert (table.keys, table.numeric_keys) == (("dataset.pairs",), ["dataset.pairs"])
    small, large = table.rows
    assert (small.chosen, large.chosen) == ({"dataset.pairs": 4}, {"dataset.pairs": 16}), "numbers ascend"
    assert large.fitness == members.Average(12.0, pytest.approx(2.0)), "sem of 10 and 14 is 2"
    assert large.evaluated.mean == 112.0
    assert (large.best, large.finished, large.reach) == (19.0, 2, (3, 3))
    assert (small.finished, small.reach, small.generations) == (1, (2, 3), 3)
    assert small.states == {"queued": 1, "finished": 1}
    assert small.fitness.mean == 3.5, "of a run that is under way its newest generation counts"


def test_the_table_in_its_three_shapes(directory: Path) -> None:
    table = sweep_table.tabulate("g", members.read_group(directory, "g"))
    lines = sweep_table.text(table, number).splitlines()
    assert lines[0].split()[:4] == ["pairs", "SEEDS", "GENERATION", "MEAN"]
    assert lines[1].split()[:3] == ["4", "1/2", "2–3/3"]
    assert "12 ± 2" in lines[2]
    document = sweep_table.document(table)
    assert [row.seeds_total for row in document.rows] == [2, 2]
    assert all(math.isfinite(row.fitness_sem) for row in document.rows)
    rows = list(csv.DictReader(io.StringIO(sweep_table.csv_text(table))))
    assert [row["dataset.pairs"] for row in rows] == ["4", "16"]
    assert float(rows[1]["fitness_mean"]) == 12.0


def test_a_seed_that_diverged_is_in_no_mean_and_is_missed(tmp_path: Path) -> None:
    for seed, newest in ((0, 10.0), (1, 12.0), (2, None)):
        make(tmp_path, 1.0 + seed, [1.0, newest], seed=seed)
    table = sweep_table.tabulate("g", members.read_group(tmp_path, "g"))
    (row,) = table.rows
    assert (row.fitness.mean, row.diverged) == (11.0, 1)
    assert sweep_table.document(table).rows[0].diverged == 1
    assert next(csv.DictReader(io.StringIO(sweep_table.csv_text(table))))["diverged"] == "1"
    assert "11 ± 1 (2 of 3)" in sweep_table.text(table, number)


def test_one_seed_has_no_standard_error_and_no_generation_no_fitness(tmp_path: Path) -> None:
    make(tmp_path, 1.0, [], done=False)
    (row,) = sweep_table.tabulate("g", members.read_group(tmp_path, "g")).rows
    assert (row.fitness, row.best, row.evaluated, row.reach) == (None, None, None, (0, 0))
    make(tmp_path, 2.0, [None, 7.0], seed=1)
    (row,) = sweep_table.tabulate("g", members.read_group(tmp_path, "g")).rows
    assert row.fitness == members.Average(7.0, None)


def test_what_a_preset_brings_along_was_not_varied(tmp_path: Path) -> None:
    """Another method has other settings in its preset; only the method is a column."""
    for i, (method, sigma) in enumerate([("hades-r", 0.3), ("hades-f", 0.5)]):
        for pairs in (4, 8):
            make(tmp_path, i + pairs, [1.0], method=method, evolution={"sigma": sigma}, dataset={"pairs": pairs})
    table = sweep_table.tabulate("g", members.read_group(tmp_path, "g"))
    assert table.keys == ("method", "dataset.pairs")
    assert [row.chosen["method"] for row in table.rows] == ["hades-r", "hades-r", "hades-f", "hades-f"]
    make(tmp_path, 50.0, [1.0], method="hades-f", evolution={"sigma": 0.1}, dataset={"pairs": 4})
    again = sweep_table.tabulate("g", members.read_group(tmp_path, "g"))
    assert again.keys == ("method", "dataset.pairs", "evolution.sigma"), "now it was varied on its own account"


def test_states_come_from_the_disk(tmp_path: Path) -> None:
    run = make(tmp_path, 1.0, [], done=False)
    record, _ = records.load(tmp_path / run)
    for desired, state in (("pause", RunState.PAUSED), ("cancel", RunState.CANCELLED), ("run", RunState.QUEUED)):
        records.save(tmp_path / run, msgspec.structs.replace(record, desired=desired))
        assert members.read_group(tmp_path, "g")[0].state == state


def test_the_curve_averages_the_seeds_that_are_there(directory: Path) -> None:
    table = sweep_table.tabulate("g", members.read_group(directory, "g"))
    generations, averages = sweep.curve(table.rows[0])
    assert generations == [1, 2, 3]
    assert [value.mean for value in averages] == [1.0, 2.0, 4.0]
    assert averages[2].sem is None


def test_one_numeric_setting_gives_the_second_picture(directory: Path, tmp_path: Path) -> None:
    (next(directory.glob("cartpole-*")) / "references.json").write_text('[{"name": "PPO", "value": 20}]')
    table = sweep_table.tabulate("g", members.read_group(directory, "g"))
    figure = sweep.draw(table)
    left, right = figure.axes
    assert len([line for line in left.lines if line.get_label() in ("4", "16")]) == 2
    assert [text.get_text() for text in left.texts] == ["PPO"]
    assert right.get_xlabel() == "dataset.pairs"
    assert right.get_xscale() == "linear", "4 to 16 spans less than ten times"
    style.save(figure, tmp_path / "sweep.svg")
    style.save(figure, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_values_that_span_much_stand_on_a_logarithmic_axis(tmp_path: Path) -> None:
    for pairs in (4, 64, 256):
        make(tmp_path, float(pairs), [1.0, 2.0], dataset={"pairs": pairs})
    figure = sweep.draw(sweep_table.tabulate("g", members.read_group(tmp_path, "g")))
    assert figure.axes[1].get_xscale() == "log"
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["4", "64", "256"]


def test_without_a_number_there_is_one_picture(tmp_path: Path) -> None:
    make(tmp_path, 1.0, [1.0], method="hades-f")
    make(tmp_path, 2.0, [], done=False, method="es")
    figure = sweep.draw(sweep_table.tabulate("g", members.read_group(tmp_path, "g")))
    assert len(figure.axes) == 1
