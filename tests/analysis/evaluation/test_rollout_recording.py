"""Recording a rollout of a freshly trained policy."""

import base64
from pathlib import Path

import numpy as np
import pytest

from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.rollout_recording import record
from hadesd.analysis.pictures import rollout
from hadesd.spec.environments import find
from tests.helpers.runs.specs import tiny

pytestmark = pytest.mark.environment

LEAN = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)


def dataset() -> DatasetFile:
    """Two pairs that a person can write, and that balance the pole for a while."""
    return DatasetFile(Path("hand.npz"), LEAN, np.eye(2, dtype=np.float32))


def spec(**evaluation):
    return tiny(
        policy={"width": 16},
        cloning={"epochs": 60},
        evaluation={"action": "greedy", "normalisation": "none"} | evaluation,
    )


def test_a_recording_is_one_whole_episode_of_a_trained_policy():
    recording = record(dataset(), spec(), seed=1)
    steps = len(recording.rewards)
    assert recording.ended
    assert recording.observations.shape == (steps, 4)
    assert recording.episode_return == steps, "CartPole pays 1 a step"
    assert steps > 60, "random policies last 20 steps: this one was not trained"
    leans = recording.observations[:, 2] + 0.5 * recording.observations[:, 3]
    far = np.abs(leans) > 0.5
    assert np.array_equal(recording.actions[far], (leans[far] > 0).astype(int)), "it pushes towards the lean"
    np.testing.assert_allclose(
        recording.states.theta, recording.observations[:, 2], err_msg="states and observations part"
    )


def test_the_seed_decides_everything_and_steps_limit_it():
    first, again, other = (record(dataset(), spec(), seed=seed, steps=12) for seed in (1, 1, 2))
    assert len(first.rewards) == 12
    assert not first.ended
    np.testing.assert_array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations, other.observations)


def test_running_statistics_are_those_of_the_environments_side_by_side():
    recording = record(dataset(), spec(normalisation="running", environments=3), seed=1, steps=24)
    assert recording.environments == 3
    assert np.all(recording.variance > 0)
    assert np.all(recording.variance < 2), "they began at 1 and were updated with small numbers"
    assert not np.allclose(recording.mean, 0)


def test_hades_f_starts_from_its_own_initialisation():
    one = tiny(policy={"init_seed": 7, "width": 8}, cloning={"epochs": 1}, evaluation={"normalisation": "none"})
    assert record(dataset(), one, seed=1, steps=2).loss == record(dataset(), one, seed=2, steps=2).loss
    fresh = tiny(policy={"width": 8}, cloning={"epochs": 1}, evaluation={"normalisation": "none"})
    assert record(dataset(), fresh, seed=1, steps=2).loss != record(dataset(), fresh, seed=2, steps=2).loss


def test_a_film_of_sticks_keeps_what_was_recorded():
    recording = record(dataset(), spec(), seed=1)
    shot = rollout.film(recording, find("CartPole-v1"), "auto")
    data = rollout.player(shot)
    assert data["kind"] == "sticks"
    frames, sticks = len(data["steps"]), len(data["radii"])
    ends = np.frombuffer(base64.b64decode(data["ends"]), "<f4").reshape(frames, sticks, 2, 3)
    np.testing.assert_allclose(ends[:, 4, 0, 0], recording.observations[data["steps"], 0], rtol=1e-6)
    assert data["returns"][:3] == [0.0, 1.0, 2.0]
    assert data["seconds"] == pytest.approx(0.02)
    strip = rollout.strip(shot)
    assert strip.axes[0].get_title(loc="left") == "step 0: 0"


def test_a_film_of_a_game_is_made_of_its_cells():
    entry = find("Breakout-MinAtar")
    random = np.random.default_rng(0)
    file = DatasetFile(Path("b.npz"), random.normal(size=(3, 400)).astype(np.float32), np.eye(3, dtype=np.float32))
    recording = record(file, tiny(env="Breakout-MinAtar", dataset={"pairs": 3}), seed=0, steps=6)
    data = rollout.player(rollout.film(recording, entry, "auto"))
    cells = np.frombuffer(base64.b64decode(data["cells"]), np.uint8).reshape(-1, 10, 10)
    assert data["kind"] == "cells"
    assert np.all((cells > 0) == (recording.observations[data["steps"]].max(axis=-1) > 0.5))
    assert len(data["colours"]) == 5, "empty, and one for each channel"
