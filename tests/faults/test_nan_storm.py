"""Generations in which no candidate has a finite fitness: the run goes on, and people are told once."""

import json

import numpy as np

from hades_protocol import commands
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState
from tests.helpers.daemon import Home
from tests.helpers.specs import tiny

STORM = {
    "env": "Pendulum-v1",  # its reward is computed from the action, so a policy of NaN weights gives NaN
    "cloning": {"learning_rate": 100.0, "epochs": 200},
    "evolution": {"generations": 6, "sigma": 100.0},
    "evaluation": {"mean_every": 2},
}


def test_a_run_survives_generations_of_nothing_but_nan(real_home: Home) -> None:
    real_home.daemon()
    run = real_home.ask(commands.Start, spec=spec_to_dict(tiny(**STORM))).id
    done = real_home.reaches(run, RunState.FINISHED)
    directory = real_home.paths.runs / run
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [(line["generation"], line["nan"], line["fitness_mean"]) for line in lines] == [
        (generation, 8, None) for generation in range(1, 7)
    ]
    assert (done.fitness_mean, done.reason) == (None, "every fitness is NaN since generation 1")
    told = [line["text"] for line in real_home.log() if line["event"] == "worker says" and "NaN" in line["text"]]
    assert len(told) == 1, "once, not with every generation"
    assert told[0].startswith("generation 1: all 8 candidates gave NaN; smaller steps may help")

    status = real_home.hadesd("status", run)
    assert status.returncode == 0
    assert "every fitness is NaN since generation 1" in status.stdout
    with np.load(directory / "dataset.npz") as dataset:
        assert np.isfinite(dataset["states"]).all(), "the mean dataset is not what became NaN"
    assert not (directory / "best.npz").exists(), "no evaluation of NaN is the best"


def test_a_history_of_nan_survives_a_restart_of_the_daemon(real_home: Home) -> None:
    first = real_home.daemon()
    spec = tiny(**{**STORM, "evolution": {"generations": 3, "sigma": 100.0}})
    run = real_home.ask(commands.Start, spec=spec_to_dict(spec)).id
    real_home.reaches(run, RunState.FINISHED)
    first.terminate()
    assert first.wait(30) == 0
    real_home.daemon()
    history = real_home.ask(commands.History, run=run)
    assert [(m.generation, m.fitness_mean, m.best_so_far) for m in history.metrics] == [
        (generation, None, None) for generation in (1, 2, 3)
    ]
