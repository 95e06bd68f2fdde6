import numpy as np

from hades_protocol.messages import GenerationMetrics
from hadesd.worker import records, report
from hadesd.worker.best import Best


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


def test_only_an_evaluation_that_is_better_than_all_before_counts(tmp_path):
    best = Best(tmp_path)
    values = [None, 3.0, 2.0, 3.0, None, 3.5]
    assert [best.improved_by(line(g, v)) for g, v in enumerate(values, 1)] == [False, True, False, False, False, True]
    assert best.generation == 6


def test_after_a_restart_the_best_up_to_that_generation_is_known_again(tmp_path):
    for generation, value in ((1, 1.0), (2, 5.0), (3, None), (4, 9.0)):
        records.append(tmp_path / "metrics.jsonl", line(generation, value))
    best = Best(tmp_path)
    best.recall(3)
    assert best.generation == 2
    assert not best.improved_by(line(4, 4.0))
    assert best.improved_by(line(4, 9.0))


def test_the_file_is_a_dataset(tmp_path):
    Best(tmp_path).write(report.dataset_bytes({"states": np.zeros((2, 4)), "actions": np.eye(2)}, "{}"))
    with np.load(tmp_path / "best.npz") as archive:
        assert set(archive.files) == {"states", "actions", "meta"}
