"""Dataset cards: the program in them is run, and computes what hadesd computes."""

import ast
import importlib.util
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
import yaml

from hades_protocol.messages import Lineage
from hadesd.analysis.datasets import formats
from hadesd.analysis.datasets.card import Origin, card_path, card_text, front_matter
from hadesd.analysis.datasets.reader import DatasetFile, load
from hadesd.cli.datasets.export import DIRECTORIES
from hadesd.compute.results import dataset_meta
from hadesd.distill import policies
from tests.helpers.runs.specs import tiny

HAS_TORCH = importlib.util.find_spec("torch") is not None

FAST = {"cloning": {"epochs": 150, "learning_rate": 0.02}}
CONSTANTS = {"obs_mean": np.array([0.5, 0, 0, 0], np.float32), "obs_var": np.array([4, 1, 1, 1], np.float32)}


def a_file(path: Path, arrays: formats.Arrays, meta: dict[str, Any] | None = None, **sections: Any) -> DatasetFile:
    """A dataset as our exports have it."""
    said = json.loads(dataset_meta(tiny(**(FAST | sections)), 7)) | (meta or {})
    formats.write(path, arrays, json.dumps(said), path.name if path.name in DIRECTORIES else "")
    return load(path)


def pole() -> formats.Arrays:
    lean = np.array([[0.0, 0.5, -0.4, -2.0], [0.0, -0.5, 0.4, 2.0]], np.float32)
    return {"states": lean, "actions": np.eye(2, dtype=np.float32)}


def program(card: str, library: str = "JAX") -> str:
    (code,) = re.findall(rf"^### {library}\n\n[^\n]*\n\n```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
    return str(code)


def execute(dataset: DatasetFile, library: str = "JAX") -> dict[str, Any]:
    """Run a card's program where the file is, or in the directory; what it defines."""
    code = program(card_text(dataset, dataset.path, Origin()), library)
    defined: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(dataset.path if dataset.path.is_dir() else dataset.path.parent)
    try:
        exec(compile(code, "card", "exec"), defined)
    finally:
        os.chdir(before)
    return defined


@pytest.mark.parametrize("name", ["pole.npz", "pole.csv", "pole.json", "pole.safetensors", *DIRECTORIES])
@pytest.mark.slow
def test_the_programs_train_a_policy_on_every_format(tmp_path: Path, name: str) -> None:
    dataset = a_file(tmp_path / name, pole(), evaluation={"action": "greedy"})
    for library, more in (("JAX", (jax.random.key(0),)), ("NumPy", ()), ("PyTorch", ())):
        if library == "PyTorch" and not HAS_TORCH:
            continue  # its own test says that it was skipped
        defined = execute(dataset, library)
        chosen = [int(defined["act"](state, *more)) for state in dataset.states]
        assert chosen == [0, 1], f"the policy trained by {library} does not do what the pairs say"


KINDS: dict[str, tuple[tuple[int, ...], bool, dict[str, Any]]] = {
    "discrete": ((4,), True, {"policy": {"depth": 2, "activation": "relu"}}),
    "continuous": ((3,), False, {"env": "Pendulum-v1", "dataset": {"pairs": 3}, "cloning": {"clip_norm": 0.01}}),
    "continuous, decayed": ((3,), False, {"env": "Pendulum-v1", "cloning": {"weight_decay": 4.0}}),
    "discrete, decayed": ((4,), True, {"cloning": {"weight_decay": 4.0, "optimizer": "sgd", "clip_norm": None}}),
    "images": ((8, 8, 1), True, {"env": "digits", "policy": {"kind": "cnn", "features": 3, "activation": "tanh"}}),
}


def of_a_kind(directory: Path, kind: str) -> DatasetFile:
    """Three random pairs, to be learned in a few steps of training without chance."""
    shape, discrete, sections = KINDS[kind]
    rng = np.random.default_rng(4)
    actions = np.eye(10 if kind == "images" else 2, dtype=np.float32)[[0, 1, 1]]
    arrays = {
        "states": rng.normal(size=(3, *shape)).astype(np.float32),
        "actions": actions if discrete else np.array([[0.5], [-2.0], [0.1]], np.float32),
    }
    cloning = {"epochs": 6, "learning_rate": 0.02} | sections.get("cloning", {})
    evaluation = {"normalisation": "none", "action": "greedy"}
    return a_file(directory / f"{kind}.npz", arrays, **sections | {"cloning": cloning, "evaluation": evaluation})


def parameters_of_jax(params: Any, discrete: bool) -> list[np.ndarray]:
    """Kernels with rows for what goes in, biases, and what there is besides."""
    layers, rest = (params, []) if discrete else (params[0], [np.asarray(params[1], np.float64)])
    kernels = [np.asarray(k, np.float64).reshape(-1, k.shape[-1]) for k, _ in layers]
    return [*kernels, *(np.asarray(b, np.float64) for _, b in layers), *rest]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_numpy_computes_the_gradients_and_the_steps_of_jax(tmp_path: Path, kind: str) -> None:
    dataset = of_a_kind(tmp_path, kind)
    ours, theirs = execute(dataset), execute(dataset, "NumPy")
    params, discrete = ours["init"](jax.random.key(3)), KINDS[kind][1]
    loss, gradient = jax.value_and_grad(ours["loss"])(params)
    for own, value in zip(theirs["params"], parameters_of_jax(params, discrete), strict=True):
        own[...] = value  # in place: its functions use the same arrays
    expected = parameters_of_jax(gradient, discrete)
    for found, wanted in zip(theirs["gradients"](), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)
    assert np.isfinite(float(loss))
    state, optimizer_step = ours["optimizer"].init(params), ours["step"]
    for _ in range(dataset.meta["cloning"]["epochs"]):
        params, state = optimizer_step(params, state)
    code = program(card_text(dataset, dataset.path, Origin()), "NumPy")
    exec(code[code.index("params = ") : code.index("def act(")], theirs)
    for found, wanted in zip(theirs["params"], parameters_of_jax(params, discrete), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5)


@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed: pip install torch, and the programs for it are run")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_torch_computes_the_loss_and_the_steps_of_jax(tmp_path: Path, kind: str) -> None:
    import torch

    dataset = of_a_kind(tmp_path, kind)
    ours, theirs = execute(dataset), execute(dataset, "PyTorch")
    params, discrete = ours["init"](jax.random.key(3)), KINDS[kind][1]

    def given(params: Any) -> list[np.ndarray]:
        """JAX's parameters as torch has them: out before in; of a convolution channels before places."""
        out = []
        for kernel, bias in params if discrete else params[0]:
            array = np.asarray(kernel)
            out += [array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T, np.asarray(bias)]
        if kind == "images":  # it flattens channels first
            features, places = 3, 36
            out[2] = out[2].reshape(-1, places, features).transpose(0, 2, 1).reshape(len(out[2]), -1)
        return out if discrete else [*out, np.asarray(params[1])]

    with torch.no_grad():
        for own, value in zip(theirs["params"], given(params), strict=True):
            own.copy_(torch.tensor(np.ascontiguousarray(value)))
    assert theirs["loss"]().item() == pytest.approx(float(ours["loss"](params)), rel=1e-5)
    state, optimizer_step = ours["optimizer"].init(params), ours["step"]
    for _ in range(dataset.meta["cloning"]["epochs"]):
        params, state = optimizer_step(params, state)
    code = program(card_text(dataset, dataset.path, Origin()), "PyTorch")
    exec(code[code.index("optimizer = ") : code.index("@torch.no_grad()")], theirs)
    for found, wanted in zip(theirs["params"], given(params), strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=5e-3, atol=5e-5)


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
            for library in ("JAX", "PyTorch", "NumPy"):
                tree = ast.parse(program(card, library))
                texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
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


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_its_programs_draw_at_the_temperature_of_the_run(tmp_path: Path, temperature: float) -> None:
    evaluation = {"action": "sample", "normalisation": "none", "temperature": temperature}
    dataset = a_file(tmp_path / "pole.npz", pole(), evaluation=evaluation)
    said = "drawn from the policy" + ("" if temperature == 1.0 else ", at a temperature of 0.25")
    assert said in card_text(dataset, dataset.path, Origin())
    ours, theirs = execute(dataset), execute(dataset, "NumPy")
    params, state = ours["init"](jax.random.key(3)), np.array([0.1, 0.4, -0.3, 0.2], np.float32)
    params = ours["params"] = [(kernel * 4.0, bias) for kernel, bias in params]
    for own, value in zip(theirs["params"], parameters_of_jax(params, True), strict=True):
        own[...] = value
    expected = jax.nn.softmax(ours["head"](params, state[None])[0] / temperature)
    keys = jax.random.split(jax.random.key(4), 5000)
    drawn = jax.vmap(lambda key: ours["act"](state, key))(keys)
    found = [theirs["act"](state) for _ in range(5000)]
    assert 0.02 < float(expected[0]) < 0.98
    assert float(jnp.mean(drawn == 0)) == pytest.approx(float(expected[0]), abs=0.04)
    assert found.count(0) / 5000 == pytest.approx(float(expected[0]), abs=0.04)


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


def test_a_card_for_the_hub_begins_with_what_the_hub_reads(tmp_path: Path) -> None:
    dataset = a_file(tmp_path / "huggingface", pole())
    head = yaml.safe_load(front_matter(dataset).removeprefix("---\n").partition("---\n")[0])
    assert head["pretty_name"] == "CartPole-v1 in 2 pairs"
    assert (head["size_categories"], head["task_categories"]) == (["n<1K"], ["reinforcement-learning"])
    assert (dataset.path / head["configs"][0]["data_files"]).read_text().startswith("state_x,")
    many = {name: np.repeat(array, 600, axis=0) for name, array in pole().items()}
    assert "[1K<n<10K]" in front_matter(a_file(tmp_path / "many.npz", many))


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
    assert "## The pairs\n\n17 pairs, each of 4 + 2 entries" in card_text(dataset, dataset.path, Origin())
    alike = {"states": np.zeros((2, 2), np.float32), "actions": np.zeros((2, 1), np.float32)}
    said = {"discrete": False, "observation_names": ["thigh", "leg"], "action_names": ["thigh"], "environment": "mine"}
    card = card_text(a_file(tmp_path / "alike.npz", alike, said), tmp_path / "alike.npz", Origin())
    assert "| pair | state `thigh` | state `leg` | action `thigh` |" in card, "a joint is in both"


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
