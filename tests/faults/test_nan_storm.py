"""Generations in which no candidate has a finite fitness: the run goes on, and people are told once."""

import json

import numpy as np

from hades_protocol import commands
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.specs import tiny

STORM = {
    "env": "Pendulum-v1",  # its reward is computed from the action, so a policy of NaN weights gives NaN
    "cloning": {"learning_rate": 100.0, "epochs": 200},
    "evolution": {"generations": 4, "sigma": 100.0},
    "evaluation": {"mean_every": 2},
}


def test_a_run_survives_generations_of_nothing_but_nan(home: Home) -> None:
    first = home.daemon()
    run = home.ask(commands.Start, spec=spec_to_dict(tiny(**STORM))).id
    done = home.reaches(run, RunState.FINISHED)
    directory = home.paths.runs / run
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [(line["generation"], line["nan"], line["fitness_mean"]) for line in lines] == [
        (generation, 8, None) for generation in range(1, 5)
    ]
    assert (done.fitness_mean, done.reason) == (None, "every fitness is NaN since generation 1")
    told = [line["text"] for line in home.log() if line["event"] == "worker says" and "NaN" in line["text"]]
    assert len(told) == 1, "once, not with every generation"
    assert told[0].startswith("generation 1: all 8 candidates gave NaN; smaller steps may help")

    status = home.hadesd("status", run)
    assert status.returncode == 0
    assert "every fitness is NaN since generation 1" in status.stdout
    with np.load(directory / "dataset.npz") as dataset:
        assert np.isfinite(dataset["states"]).all(), "the mean dataset is not what became NaN"
    assert not (directory / "best.npz").exists(), "no evaluation of NaN is the best"

    first.terminate()
    assert first.wait(60) == 0
    home.daemon()
    history = home.ask(commands.History, run=run)
    assert [(m.generation, m.fitness_mean, m.best_so_far) for m in history.metrics] == [
        (generation, None, None) for generation in range(1, 5)
    ], "a daemon that is started anew reads them"
