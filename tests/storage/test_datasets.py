"""dataset.npz without numpy, against numpy."""

import json
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import InternalError, NotFoundError
from hadesd.storage.datasets import SCHEMA, read_dataset

META = {"generation": 7, "discrete": True, "normalisation": "none", "action_names": ["left", "right"], "more": {}}


def test_it_reads_what_numpy_wrote(tmp_path: Path) -> None:
    states = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    actions = np.eye(3, 2, dtype=np.float32)
    np.savez(tmp_path / "dataset.npz", states=states, actions=actions, meta=np.array(json.dumps(META)))
    found = read_dataset(tmp_path, "r")
    assert (found.generation, found.discrete, found.action_names) == (7, True, ("left", "right"))
    assert found.states.shape == (3, 2, 2)
    assert found.states.data == states.tobytes()
    assert list(found.actions.values()) == actions.ravel().tolist()


def test_a_file_of_a_newer_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    states, meta = np.zeros((2, 4), np.float32), json.dumps({"schema": SCHEMA + 1, "generation": 3})
    np.savez(tmp_path / "dataset.npz", states=states, actions=states, meta=np.array(meta))
    with pytest.raises(InternalError, match=r"has schema 2, newer than this version's 1$"):
        read_dataset(tmp_path, "one")


def test_none_yet(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no dataset yet"):
        read_dataset(tmp_path, "r")


@pytest.mark.parametrize("damage", ["text", "cut", "dtype", "pickle", "no meta"])
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "dataset.npz"
    arrays = {"states": np.zeros((1, 1), np.float32), "actions": np.zeros((1, 1), np.float32)}
    if damage == "dtype":
        arrays["states"] = np.zeros((1, 1), np.float64)
    if damage == "pickle":
        arrays["states"] = np.array([{}], dtype=object)
    if damage != "no meta":
        arrays["meta"] = np.array(json.dumps(META))
    np.savez(path, **arrays)
    if damage == "text":
        path.write_text("no zip")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InternalError, match=r"dataset\.npz is damaged") as caught:
        read_dataset(tmp_path, "r")
    assert "\n" not in str(caught.value)
