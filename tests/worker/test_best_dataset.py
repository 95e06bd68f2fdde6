import numpy as np
import pytest

from hades_protocol.messages import GenerationMetrics
from hadesd.compute import results
from hadesd.storage import metric_lines
from hadesd.worker.best_dataset import Best


def line(generation, evaluated):
    return GenerationMetrics(
        generation=generation,
        fitness_mean=1.0,
        fitness_best=2.0,
        fitness_worst=0.0,
        fitness_std=0.5,
        best_so_far=2.0,
        sigma=0.1,
        episodes=1,
        unfinished=0,
        nan=0,
        env_steps=10,
        evaluated_mean=evaluated,
    )


def recalled(directory, generation, values, written) -> Best:
    """What is known after a start from the checkpoint of a generation; `written`: of which best.npz is, if it is."""
    for at, value in values.items():
        metric_lines.append(directory / "metrics.jsonl", line(at, value))
    if written is not None:
        pairs = {"states": np.zeros((2, 4)), "actions": np.eye(2)}
        Best(directory).write(results.dataset_bytes(pairs, f'{{"generation": {written}}}'))
    best = Best(directory)
    best.recall(generation)
    return best


def test_an_evaluation_counts_that_none_before_surpasses(tmp_path):
    best = Best(tmp_path)
    values = [None, 3.0, 2.0, 3.0, None, 3.5]
    assert [best.improved_by(line(g, v)) for g, v in enumerate(values, 1)] == [False, True, False, True, False, True]
    assert best.generation == 6


@pytest.mark.parametrize("written", [0, 2, 4, 5, 7])
@pytest.mark.parametrize("generation", [4, 5, 6])
def test_of_equal_evaluations_the_newest_is_the_best_also_after_a_restart(tmp_path, generation, written):
    """Whatever the worker before had written last, the file at the end is that of an undisturbed run."""
    values = {1: 1.0, 2: 5.0, 3: 4.0, 4: 5.0, 5: 5.0, 6: 4.0, 7: 5.0, 8: 3.0}
    best = recalled(tmp_path, generation, values, written=written or None)
    file = generation if best.generation == generation else written
    for at in range(generation + 1, 9):
        file = at if best.improved_by(line(at, values[at])) else file
    assert (file, best.generation) == (7, 7)


def test_after_a_restart_the_best_up_to_that_generation_is_known_again(tmp_path):
    best = recalled(tmp_path, 3, {1: 1.0, 2: 5.0, 3: None, 4: 9.0}, written=2)
    assert best.generation == 2
    assert not best.improved_by(line(4, 4.0))
    assert best.improved_by(line(4, 9.0))


def test_a_crash_before_the_file_was_written_is_noticed(tmp_path):
    assert recalled(tmp_path, 3, {1: 1.0, 2: 5.0, 3: 6.0}, written=2).generation == 3


def test_also_the_first_of_all(tmp_path):
    assert recalled(tmp_path, 1, {1: 1.0}, written=None).generation == 1


def test_after_a_fallback_the_file_is_ahead_and_is_not_replaced_by_worse_ones(tmp_path):
    best = recalled(tmp_path, 3, {1: 1.0, 2: 5.0, 3: None}, written=4)
    assert not best.improved_by(line(4, 4.0))
    assert best.improved_by(line(4, 9.0))


def test_a_fork_without_its_parents_best_begins_with_the_next_evaluation(tmp_path):
    """Its curve knows a return that no file of it reaches."""
    best = recalled(tmp_path, 3, {1: 1.0, 2: 5.0, 3: None}, written=None)
    assert best.generation == 0
    assert best.improved_by(line(4, 0.5))
    assert not best.improved_by(line(5, 0.4))


def test_a_fork_that_has_written_its_own_goes_on_from_that(tmp_path):
    best = recalled(tmp_path, 5, {1: 1.0, 2: 5.0, 3: None, 4: 0.5, 5: None}, written=4)
    assert (best.generation, best.improved_by(line(6, 0.6))) == (4, True)


def test_the_file_is_on_the_disk_before_it_takes_the_place_of_another(tmp_path, synced):
    Best(tmp_path).write(b"pairs")
    assert [path.suffix for path in synced] == [".tmp", ""], "the new file, then its directory"
    assert synced[1] == tmp_path


def test_the_file_is_a_dataset(tmp_path):
    Best(tmp_path).write(results.dataset_bytes({"states": np.zeros((2, 4)), "actions": np.eye(2)}, "{}"))
    with np.load(tmp_path / "best.npz") as archive:
        assert set(archive.files) == {"states", "actions", "meta"}
