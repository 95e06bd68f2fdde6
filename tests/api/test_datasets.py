"""Datasets in a program: files, names, natural units."""

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hadesd
from hadesd.analysis.datasets import formats

META: dict[str, Any] = {
    "schema": 1,
    "environment": "CartPole-v1",
    "generation": 7,
    "normalisation": "fixed",
    "units": "normalised",
    "observation_names": ["x", "vx", "angle", "w"],
    "action_names": ["left", "right"],
}
MEAN, VAR = np.array([0, 1, 2, 3], np.float32), np.array([1, 4, 9, 0.25], np.float32)


def two(meta: dict[str, Any] | None = None, **arrays: Any) -> hadesd.Dataset:
    return hadesd.Dataset(np.ones((2, 4)), np.eye(2), meta=META if meta is None else meta, **arrays)


def test_a_dataset_says_what_it_is() -> None:
    dataset = two(obs_mean=MEAN, obs_var=VAR)
    assert (len(dataset), dataset.env, dataset.units, dataset.normalisation) == (
        2,
        "CartPole-v1",
        "normalised",
        "fixed",
    )
    assert (dataset.observation_names, dataset.action_names) == (("x", "vx", "angle", "w"), ("left", "right"))
    assert (dataset.states.dtype, dataset.actions.dtype) == (np.float32, np.float32)
    assert repr(dataset) == "<Dataset: 2 pairs of CartPole-v1, generation 7>"
    assert repr(hadesd.Dataset(np.ones((1, 4)), np.ones((1, 1)))) == "<Dataset: 1 pair of an unknown environment>"
    assert [action.tolist() for _, action in dataset] == [[1, 0], [0, 1]]
    plain = two({})
    assert (plain.env, plain.units, plain.observation_names[1]) == (None, "unknown", "s1")
    assert two({"environment": "CartPole-v1"}).observation_names[1] == "vx"


@pytest.mark.parametrize("suffix", formats.WRITERS)
def test_what_is_saved_is_loaded_again(tmp_path: Path, suffix: str) -> None:
    before = two(obs_mean=MEAN, obs_var=VAR)
    before.save(tmp_path / f"two{suffix}")
    after = hadesd.load(tmp_path / f"two{suffix}")
    for name in formats.ARRAYS:
        assert np.array_equal(getattr(after, name), getattr(before, name)), name
    assert {name: after.meta[name] for name in META} == META


def test_titles_of_a_plain_table_are_its_names(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("speed,state_ground_state_x,action_push,action_reaction_wheel\n1,2,0.5,1\n")
    dataset = hadesd.load(tmp_path / "plain.csv")
    assert (dataset.observation_names, dataset.action_names) == (
        ("speed", "ground_state_x"),
        ("push", "reaction_wheel"),
    )


numbers = st.floats(-100, 100, width=32)


@given(states=arrays.arrays(np.float32, (3, 4), elements=numbers), mean=arrays.arrays(np.float32, 4, elements=numbers))
def test_natural_units_are_those_that_normalisation_takes_back(states: np.ndarray, mean: np.ndarray) -> None:
    natural = hadesd.Dataset(states, np.ones((3, 1)), mean, VAR, META).un_normalised()
    assert natural.units == "natural"
    assert natural.obs_mean is None
    assert np.allclose((natural.states - mean) / np.sqrt(VAR + 1e-8), states, atol=1e-3)
    assert natural.un_normalised() is natural


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        (META | {"normalisation": "running"}, "evaluation.normalisation='fixed'"),
        (META, "no obs_mean and obs_var"),
        ({}, "does not say how it is normalised"),
    ],
)
def test_without_constants_there_is_no_way_back(meta: dict[str, Any], says: str) -> None:
    with pytest.raises(hadesd.UsageError, match=says):
        two(meta).un_normalised()


def test_bad_datasets_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "torn.npz").write_bytes(b"PK")
    merged = two({"parts": [], "units": "normalised"}, obs_mean=np.zeros((2, 4)), obs_var=np.ones((2, 4)))
    for make, error in (
        (lambda: hadesd.Dataset(np.ones((2, 4)), np.ones((3, 1))), hadesd.UsageError),
        (lambda: two(obs_mean=np.zeros(3)), hadesd.UsageError),
        (lambda: merged.un_normalised(), hadesd.UsageError),
        (lambda: hadesd.Dataset(np.full((2, 4), np.nan), np.ones((2, 1))), hadesd.UsageError),
        (lambda: hadesd.load(tmp_path / "none.npz"), hadesd.NotFoundError),
        (lambda: hadesd.load(str(tmp_path / "torn.npz")), hadesd.UsageError),
        (lambda: two().save(tmp_path / "two.txt"), hadesd.UsageError),
        (lambda: two().save(tmp_path / "nowhere" / "two.npz"), hadesd.UsageError),
        (lambda: hadesd.settings("CartPol-v1"), hadesd.UsageError),
        (lambda: hadesd.settings("hopper", {"dataset": {"pares": 2}}), hadesd.UsageError),
        (lambda: hadesd.settings("hopper", {3: 2}), hadesd.UsageError),  # type: ignore[dict-item]
        (lambda: hadesd.distil({"dataset.pairs": 2}), hadesd.UsageError),
        (lambda: hadesd.distil(hadesd.settings("hopper", method="es")), hadesd.UsageError),
        (lambda: hadesd.train("two.npz"), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.train(two(), inits=0), hadesd.UsageError),
        (lambda: hadesd.train(two(META | {"parts": []})), hadesd.UsageError),
        (lambda: hadesd.train(two(), env="hoper"), hadesd.UsageError),
        (lambda: hadesd.train(two(META), settings=3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.train(3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.evaluate(None), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.load(3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: two().save(3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.Dataset(None, None), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: two(3), hadesd.UsageError),
        (lambda: hadesd.settings("hopper", 3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.distil(3), hadesd.UsageError),  # type: ignore[arg-type]
        (lambda: hadesd.distil({"env": "hopper"}, callback=3), hadesd.UsageError),  # type: ignore[arg-type]
    ):
        with pytest.raises(error) as found:
            make()
        assert len(str(found.value).splitlines()) == 1


def test_settings_are_taken_by_dotted_name_and_nested() -> None:
    spec = hadesd.settings("cartpole-v1", {"dataset": {"pairs": 4}, "dataset.labels": "learned"}, preset="cpu", seed=5)
    assert (spec.env, spec.dataset.pairs, spec.dataset.labels, spec.seed) == ("CartPole-v1", 4, "learned", 5)
    assert hadesd.settings("CartPole-v1", preset="published").policy.width == 512
    numbers = {"evolution.sigma": np.linspace(0.05, 1.0, 3)[0], "dataset": {"pairs": np.int64(3)}}
    spec = hadesd.settings("hopper", numbers)
    assert (spec.evolution.sigma, spec.dataset.pairs) == (0.05, 3)
