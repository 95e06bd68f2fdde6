"""Dataset cards: the program in them is run, and computes what hadesd computes."""

import ast
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hades_protocol.messages import Lineage
from hadesd.analysis.datasets import formats
from hadesd.analysis.datasets.card import Origin, card_path, card_text
from hadesd.analysis.datasets.reader import DatasetFile, load
from hadesd.compute.results import dataset_meta
from hadesd.distill import policies
from tests.helpers.specs import tiny

FAST = {"cloning": {"epochs": 150, "learning_rate": 0.02}}
CONSTANTS = {"obs_mean": np.array([0.5, 0, 0, 0], np.float32), "obs_var": np.array([4, 1, 1, 1], np.float32)}


def a_file(path: Path, arrays: formats.Arrays, meta: dict[str, Any] | None = None, **sections: Any) -> DatasetFile:
    """A dataset as our exports have it."""
    said = json.loads(dataset_meta(tiny(**(FAST | sections)), 7)) | (meta or {})
    formats.write(path, arrays, json.dumps(said))
    return load(path)


def pole() -> formats.Arrays:
    lean = np.array([[0.0, 0.5, -0.4, -2.0], [0.0, -0.5, 0.4, 2.0]], np.float32)
    return {"states": lean, "actions": np.eye(2, dtype=np.float32)}


def program(card: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    return code


def execute(dataset: DatasetFile) -> dict[str, Any]:
    """Run a card's program where the file is; what it defines."""
    code = program(card_text(dataset, dataset.path, Origin()))
    defined: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(dataset.path.parent)
    try:
        exec(compile(code, "card", "exec"), defined)
    finally:
        os.chdir(before)
    return defined


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json", ".safetensors"])
@pytest.mark.slow
def test_the_program_trains_a_policy_on_every_format(tmp_path: Path, suffix: str) -> None:
    dataset = a_file(tmp_path / f"pole{suffix}", pole(), evaluation={"action": "greedy"})
    defined = execute(dataset)
    chosen = [int(defined["act"](state, jax.random.key(0))) for state in dataset.states]
    assert chosen == [0, 1], "the trained policy does not do what the pairs say"


HOSTILE = (
    *('a "quoted" one', "it's", "back\\slash", "{braces}", "`tick``s`", "a|b", "$(x) *y*", "-o"),
    *("new\nline", "\x1b[2J", "\udcff", "é"),
)


def test_whatever_the_file_is_called_the_program_is_one_and_the_page_too(tmp_path: Path) -> None:
    dataset = a_file(tmp_path / "pole.npz", pole())
    for stem in HOSTILE:
        for suffix in (".npz", ".csv", ".json", ".safetensors", ".CSV"):
            file = Path(stem + suffix)
            card = card_text(dataset, file, Origin())
            (code,) = re.findall(r"^```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
            texts = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
            assert file.name in texts, "the program reads another file"
            assert all(line.isprintable() for line in card.splitlines()), card
            (evaluate,) = re.findall(r"Measure it yourself: (`+) ?(.*?) ?\1\.$", card, re.MULTILINE)
            if "\n" not in stem and stem.isprintable():
                assert shlex.split(evaluate[1])[2].removeprefix("./") == file.name


def test_what_a_foreign_file_says_of_itself_is_text(tmp_path: Path) -> None:
    said = {
        "source": {"file": "<b>`x`</b>|\x1b[2J", "sha256": "0"},
        "versions": 5,
        "generation": "*",
        "method": "[m](u)",
    }
    dataset = a_file(tmp_path / "pole.npz", pole(), said)
    card = card_text(dataset, dataset.path, Origin())
    assert r"\<b\>\`x\`\</b\>\|" in card
    assert r"\[m\](u)" in card
    assert "\x1b" not in card


def test_its_loss_for_discrete_actions_is_ours(tmp_path: Path) -> None:
    defined = execute(a_file(tmp_path / "pole.npz", pole(), policy={"depth": 2, "activation": "relu"}))
    params = defined["init"](jax.random.key(3))
    policy = policies.MLP(actions=2, discrete=True, width=8, depth=2, activation="relu")
    ours = {"params": {f"Dense_{i}": {"kernel": k, "bias": b} for i, (k, b) in enumerate(params)}}
    expected = -policies.log_likelihood(policy, ours, defined["states"], defined["actions"])
    assert float(defined["loss"](params)) == pytest.approx(float(expected), rel=1e-6)
    shapes = jax.tree.map(jnp.shape, policies.init(policy, jax.random.key(0), (4,)))
    assert jax.tree.map(jnp.shape, ours) == shapes, "the network is another one"


def test_it_says_what_the_states_are_bound_to(tmp_path: Path) -> None:
    bound = {"deviations": 3.0, "mean": [0.0] * 4, "std": [1.0] * 4}
    bounded = a_file(tmp_path / "pole.npz", pole(), meta={"bound": bound})
    said = "within 3 standard deviations of the states that trained policies visit"
    assert said in card_text(bounded, bounded.path, Origin())
    for strange in ({}, {"deviations": "three"}, 3.0, {"deviations": -1}):
        other = a_file(tmp_path / "other.npz", pole(), meta={"bound": strange})
        assert "trained policies visit" not in card_text(other, other.path, Origin())


@pytest.mark.slow
def test_its_loss_for_continuous_actions_is_ours(tmp_path: Path) -> None:
    arrays = {"states": np.ones((3, 3), np.float32), "actions": np.array([[0.5], [-2.0], [0.1]], np.float32)}
    dataset = a_file(tmp_path / "pendulum.npz", arrays, env="Pendulum-v1", dataset={"pairs": 3})
    defined = execute(dataset)
    layers, log_std = defined["init"](jax.random.key(3))
    log_std = log_std + 0.3
    ours = {"params": {f"Dense_{i}": {"kernel": k, "bias": b} for i, (k, b) in enumerate(layers)}}
    ours["params"]["log_std"] = log_std
    policy = policies.MLP(actions=1, discrete=False, width=8, depth=1, activation="tanh")
    expected = -policies.log_likelihood(policy, ours, defined["states"], defined["actions"])
    assert float(defined["loss"]((layers, log_std))) == pytest.approx(float(expected), rel=1e-6)
    action = defined["act"](np.ones(3), jax.random.key(0))
    assert action.shape == (1,)
    assert -1 <= float(action[0]) <= 1


@pytest.mark.slow
def test_its_convolution_is_ours(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"states": rng.normal(size=(3, 10, 10, 4)).astype(np.float32), "actions": np.eye(3, dtype=np.float32)}
    sections = {"env": "Breakout-MinAtar", "dataset": {"pairs": 3}, "cloning": {"epochs": 2}}
    dataset = a_file(tmp_path / "breakout.npz", arrays, **sections, policy={"kind": "cnn", "features": 2})
    defined = execute(dataset)
    (kernel, bias), *dense = defined["init"](jax.random.key(3))
    ours = {"conv": {"kernel": kernel.reshape(-1, 2), "bias": bias}}
    ours |= {name: {"kernel": k, "bias": b} for name, (k, b) in zip(("dense_0", "head"), dense, strict=True)}
    policy = policies.CNN(actions=3, discrete=True, width=8, depth=1, activation="tanh", features=2)
    expected = -policies.log_likelihood(policy, {"params": ours}, defined["states"], defined["actions"])
    loss = defined["loss"]([(kernel, bias), *dense])
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_fixed_constants_are_named_printed_and_applied(tmp_path: Path) -> None:
    sections = {"evaluation": {"normalisation": "fixed", "action": "greedy"}}
    dataset = a_file(tmp_path / "pole.npz", pole() | CONSTANTS, **sections)
    card = card_text(dataset, dataset.path, Origin())
    assert "one that gets raw observations will fail" in card
    assert "| `x` | 0.5 | 4 |" in card
    defined = execute(dataset)
    raw = dataset.states * np.sqrt(CONSTANTS["obs_var"]) + CONSTANTS["obs_mean"]
    arguments = (jax.random.key(0), CONSTANTS["obs_mean"], CONSTANTS["obs_var"])
    assert [int(defined["act"](state, *arguments)) for state in raw] == [0, 1]


def test_running_statistics_are_explained(tmp_path: Path) -> None:
    dataset = a_file(tmp_path / "pole.npz", pole(), evaluation={"normalisation": "running", "environments": 3})
    card = card_text(dataset, dataset.path, Origin())
    assert "over the 3 environments" in card
    assert "updated before normalising" in card
    assert "def act(observation, key, obs_mean, obs_var):  # mean and variance have seen this observation" in card


def test_a_card_says_what_is_known_and_owns_up_to_what_is_not(tmp_path: Path) -> None:
    dataset = a_file(tmp_path / "pole.npz", pole())
    bare = card_text(dataset, dataset.path, Origin())
    assert "Its return was not measured yet" in bare
    assert "hadesd evaluate pole.npz" in bare
    assert str(tmp_path) not in bare, "a card is for others: no path of this machine"
    origin = Origin("cartpole-1", "sizes", Lineage(run="old-1", generation=3), (123.4, 5.6), 4)
    full = card_text(dataset, dataset.path, origin)
    assert "**123.4** ± 5.6 (standard error), of 4 fresh policies" in full
    for words in ("| run | cartpole-1 |", "| group | sizes |", "old-1, generation 3", "arxiv.org/abs/2406.15042"):
        assert words in full
    assert "| 0 | 0.000 | 0.500 | -0.400 | -2.000 | 1 | 0 |" in full
    assert card_path(Path("a/pole.npz")) == Path("a/pole.md")


def test_the_table_of_pairs_is_for_small_ones(tmp_path: Path) -> None:
    many = {"states": np.zeros((17, 4), np.float32), "actions": np.eye(17, 2, dtype=np.float32)}
    dataset = a_file(tmp_path / "many.npz", many, dataset={"pairs": 17})
    assert "## The pairs" not in card_text(dataset, dataset.path, Origin())


def test_hades_f_is_honest_about_its_initialisation(tmp_path: Path) -> None:
    dataset = a_file(tmp_path / "f.npz", pole(), method="hades-f", policy={"inits": 1, "init_seed": 420})
    card = card_text(dataset, dataset.path, Origin())
    assert "evolved for one initialisation (`init_seed` 420)" in card
    assert "will do worse" in card


def test_image_classes_have_no_return(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"states": rng.random((10, 8, 8, 1)).astype(np.float32), "actions": np.eye(10, dtype=np.float32)}
    dataset = a_file(tmp_path / "digits.npz", arrays, env="digits", dataset={"pairs": 10})
    card = card_text(dataset, dataset.path, Origin(evaluated=(0.5, 0.01), inits=4))
    assert card.startswith("# digits in 10 images")
    assert "Test accuracy **0.5**" in card
