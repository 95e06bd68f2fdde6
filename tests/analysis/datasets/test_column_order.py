"""Entries of states and actions are found by their names: another order gives the same arrays, or an error."""

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import build_spec
from hadesd.analysis.datasets import column_order, formats, importing, merging, reader, shapes
from hadesd.analysis.datasets.column_order import EntryNames
from hadesd.distill.images import ImageTask
from hadesd.spec import environments
from hadesd.spec.environments import ENVIRONMENTS, EnvironmentInfo

CARTPOLE = environments.find("CartPole-v1")
ACROBOT = environments.find("Acrobot-v1")
PUSHER = environments.find("pusher")
PENDULUM = environments.find("Pendulum-v1")


def arrays_of(entry: EnvironmentInfo) -> formats.Arrays:
    """Three pairs whose entries all differ, with constants."""
    size = prod(entry.observation)
    rows = np.arange(3 * size, dtype=np.float32).reshape(3, *entry.observation)
    labels = np.random.default_rng(0).dirichlet(np.ones(entry.actions), 3).astype(np.float32)
    return {"states": rows, "actions": labels, "obs_mean": -rows[0], "obs_var": rows[1]}


def meta_of(entry: EnvironmentInfo) -> dict[str, Any]:
    names = {"observation_names": list(entry.observation_names), "action_names": list(entry.action_names)}
    return {"environment": entry.name, **names}


def assert_same(found: reader.DatasetFile, arrays: formats.Arrays, why: str) -> None:
    for name, array in arrays.items():
        assert np.array_equal(getattr(found, name), array), f"{why}: {name}"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_columns_of_a_csv_in_another_order_are_the_same_dataset(tmp_path: Path, env: str) -> None:
    entry, path = environments.find(env), tmp_path / "d.csv"
    arrays = arrays_of(entry)
    formats.write(path, arrays, json.dumps(meta_of(entry)))
    assert_same(reader.load(path), arrays, "as it was written")
    lines = [line.split(",") for line in path.read_text().splitlines()]
    order = np.random.default_rng(1).permutation(len(lines[0]))
    path.write_text("\n".join(",".join(line[i] for i in order) for line in lines))
    assert_same(reader.load(path), arrays, "reordered")
    plain = importing.fit(path, formats.read(path), entry)
    assert np.array_equal(plain.arrays["actions"], arrays["actions"])


@pytest.mark.parametrize("suffix", [".npz", ".json", ".safetensors"])
def test_names_of_a_meta_in_another_order_are_the_same_dataset(tmp_path: Path, suffix: str) -> None:
    for entry in (CARTPOLE, environments.find("Breakout-MinAtar"), environments.find("hopper")):
        arrays, said = arrays_of(entry), meta_of(entry)
        states, actions = (np.random.default_rng(2).permutation(len(said[key])) for key in list(said)[1:])
        shuffled = {name: array[..., states] for name, array in arrays.items() if name != "actions"}
        shuffled["actions"] = arrays["actions"][:, actions]
        names = {
            "observation_names": [said["observation_names"][i] for i in states],
            "action_names": [said["action_names"][i] for i in actions],
        }
        formats.write(tmp_path / f"d{suffix}", shuffled, json.dumps(said | names))
        found = reader.load(tmp_path / f"d{suffix}")
        assert_same(found, arrays, entry.name)
        assert found.meta == said, "its names are those of the arrays now"
        fitted = importing.fit(tmp_path / f"d{suffix}", formats.read(tmp_path / f"d{suffix}"), entry)
        for name, array in arrays.items():
            assert np.array_equal(fitted.arrays[name], array), (entry.name, name)


def order_of(entry: EnvironmentInfo, states: str = "", actions: str = "") -> list[float]:
    """Where the entries of one row of titles, separated by commas, end up."""
    names = EntryNames(*(tuple(text.split(",")) if text else () for text in (states, actions)))
    row = np.arange(len(names.state_columns or names.action_columns))[None]
    ordered = column_order.order_states if states else column_order.order_actions
    return ordered(Path("f.csv"), names, row, entry)[0].tolist()


def test_titles_that_mean_the_same() -> None:
    for titles in ("w,angle,vx,x", "state_w,state_angle,state_vx,state_x", "Obs_W,obs_ANGLE,obs vx,observation.x"):
        assert order_of(CARTPOLE, states=titles) == [3, 2, 1, 0], titles
    for titles in ("s3,s0,s1,s2", "state_3,state_0,state_1,state_2", "obs4,obs1,obs2,obs3"):
        assert order_of(CARTPOLE, states=titles) == [1, 2, 3, 0], titles
    digits = environments.find("digits")
    assert order_of(digits, states=",".join(f"pixel{63 - i}" for i in range(64))) == list(range(63, -1, -1))
    for titles in ("action_+1,action_-1,action_0", "action_2,action_0,action_1"):
        assert order_of(ACROBOT, actions=titles) == ([1, 2, 0]), titles
    assert order_of(PUSHER, actions=",".join(f"action_a{6 - i}" for i in range(7))) == [6, 5, 4, 3, 2, 1, 0]
    for one in ("label", "Actions", "class", "action_0"):
        assert order_of(CARTPOLE, actions=one) == [0]
    assert order_of(PENDULUM, actions="action_u") == [0], "one entry has no order"
    named = EntryNames(action_names=("action",))  # what the library makes of such a column
    assert column_order.order_actions(Path("f.csv"), named, np.ones((2, 1)), PENDULUM).tolist() == [[1.0], [1.0]]


def test_entries_of_nobody_knows_which_order_are_refused() -> None:
    refused = [
        (CARTPOLE, "a,b,c,d", "", r"'a' is none of CartPole-v1's: they are state_x, .* in any order, or state_0"),
        (CARTPOLE, "x,vx,angle,rate", "", "'rate' is none"),
        (CARTPOLE, "index,x,vx,angle,w", "", "'index' is none"),
        (CARTPOLE, "x,vx,angle,x", "", "'x' is there twice"),
        (CARTPOLE, "x,vx,angle,state_x", "", "'x' is there twice"),
        (CARTPOLE, "w,vx,x", "", "'state_angle' is not there"),
        (CARTPOLE, "s0,s1,s2,s4", "", "'s0' is none"),
        (CARTPOLE, "s0,s1,s2,s2", "", "'s0' is none"),
        (CARTPOLE, "", "action_left,action_up", "'action_up' is none of CartPole-v1's: they are action_left, "),
        (CARTPOLE, "", "action_right", "'action_left' is not there"),
        (CARTPOLE, "", "action,label", "'action' is none"),
        (PUSHER, ",".join(f"joint_{i}_angle" for i in range(23)), "", r"none of pusher's: .*state_s7, … \(23\)"),
    ]
    for entry, states, actions, says in refused:
        with pytest.raises(UsageError, match=says):
            order_of(entry, states, actions)


def test_a_meta_with_other_names_is_refused(tmp_path: Path) -> None:
    for key, names, says in (
        ("observation_names", ["x", "vx", "angle", "rate"], "observation name 'rate' is none"),
        ("action_names", ["left", "left"], "action name 'left' is there twice"),
        ("observation_names", [1, 2, 3, 4], "'observation_names' in its meta is no list of names"),
        ("action_names", "left", "'action_names' in its meta is no list of names"),
    ):
        formats.write(tmp_path / "d.json", arrays_of(CARTPOLE), json.dumps(meta_of(CARTPOLE) | {key: names}))
        with pytest.raises(UsageError, match=says):
            reader.load(tmp_path / "d.json")


def test_a_plain_file_is_brought_into_the_order_of_the_environment_that_it_is_used_in(tmp_path: Path) -> None:
    digits = ImageTask("digits", (8, 8, 1), 10, 0)
    titles = [f"pixel{63 - i}" for i in range(64)] + [f"action_{9 - i}" for i in range(10)]
    (tmp_path / "d.csv").write_text(",".join(titles) + "\n" + ",".join(map(str, range(74))) + "\n")
    states, actions = shapes.fit(reader.load(tmp_path / "d.csv"), build_spec({"env": "digits"}), digits)
    assert states.ravel().tolist() == list(range(63, -1, -1))
    assert actions.ravel().tolist() == list(range(73, 63, -1))


def test_another_environment_is_told_by_its_sizes_first() -> None:
    for titles in ("x,vx,angle,w", "a,b,c"):
        assert order_of(environments.find("hopper"), states=titles) == list(range(titles.count(",") + 1))
    pendulum = environments.find("inverted_pendulum")
    assert order_of(pendulum, states="x,vx,angle,w") == [0, 2, 1, 3], "names tell, not places"


def test_a_merged_file_whose_part_is_in_another_order_is_refused() -> None:
    part = {"pairs": 3, "observation": [4], "actions": 2}
    metas = [meta_of(CARTPOLE), meta_of(CARTPOLE) | {"observation_names": ["w", "angle", "vx", "x"]}]
    arrays = {key: np.concatenate([array, array]) for key, array in arrays_of(CARTPOLE).items()}
    merged = reader.DatasetFile(
        Path("both.npz"), arrays["states"], arrays["actions"], meta={"parts": [part | {"meta": meta} for meta in metas]}
    )
    with pytest.raises(UsageError, match="entries of part 2 are not in the order of its environment"):
        merging.parts_of(merged)


def test_of_two_arrays_that_may_be_the_states_none_is_guessed() -> None:
    arrays = {"obs": np.zeros((1, 4)), "x": np.zeros((1, 4)), "actions": np.zeros(1)}
    with pytest.raises(UsageError, match="'obs' and 'x': call the states 'states'"):
        importing.fit(Path("f.npz"), formats.Content(arrays), CARTPOLE)


def test_values_beyond_float32_are_refused_by_import_too() -> None:
    arrays = {"states": np.array([[0, 1e300, 0, 0]]), "actions": np.array([1])}
    with pytest.raises(UsageError, match=r"'states' holds 1e\+300, which is beyond float32"):
        importing.fit(Path("f.npz"), formats.Content(arrays), CARTPOLE)
