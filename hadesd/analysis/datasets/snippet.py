"""The lines of plain JAX and optax that train a policy on a dataset file: the code in a dataset card.

The same network, loss and optimiser as hadesd.distill; a test runs what is printed here and compares.
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from hadesd.analysis.datasets.minari_format import PROBABILITIES
from hadesd.analysis.datasets.reader import DatasetFile

LOADING = {
    ".npz": ("", "with np.load({name}) as file:\n    data = dict(file)"),
    ".csv": (
        "import csv\n\n",
        'with open({name}, newline="") as file:\n'
        "    titles, *rows = csv.reader(file)\n"
        "values = np.array(rows, float)\n"
        'data = {{kind: values[:, [title.startswith(kind[:-1] + "_") for title in titles]]\n'
        '        for kind in ("states", "actions")}}',
    ),
    ".json": (
        "import json\nfrom pathlib import Path\n\n",
        "data = {{name: np.array(value) for name, value in json.loads(Path({name}).read_text()).items()}}",
    ),
    ".safetensors": ("", "data = safetensors.numpy.load_file({name})"),
    ".hdf5": (
        "",
        "with h5py.File({name}) as file:\n"
        '    episodes = [file[f"episode_{{i}}"] for i in range(len(file))]\n'
        '    data = {{"states": np.stack([e["observations"][0] for e in episodes]),\n'
        '            "actions": np.stack([e["{actions}"][0] for e in episodes])}}',
    ),
}
"""Suffix -> import before, line that loads. (CSV: the constants are beside it, in FILE.csv.json.)"""

ACTIVATIONS = {"tanh": "jnp.tanh", "relu": "jax.nn.relu"}


@dataclass(frozen=True)
class Program:
    """What a program needs to know, whatever library it is written for.

    sizes: of the dense layers, from what goes into the first. shape: of one observation, for reshape. The methods give
    pieces of code. file: as the program names it.
    """

    dataset: DatasetFile
    file: Path

    @property
    def meta(self) -> dict[str, Any]:
        """What the file says of itself."""
        return self.dataset.meta

    @property
    def cloning(self) -> dict[str, Any]:
        """Settings of the training."""
        found: dict[str, Any] = self.meta["cloning"]
        return found

    @property
    def observation(self) -> tuple[int, ...]:
        """Shape of an observation."""
        return self.dataset.states.shape[1:]

    @property
    def actions(self) -> int:
        """How many actions, or entries of one."""
        return int(self.dataset.actions.shape[1])

    @property
    def discrete(self) -> bool:
        """Whether an action is one of several."""
        return bool(self.meta["discrete"])

    @property
    def greedy(self) -> bool:
        """Whether the likeliest action is taken."""
        return bool(self.meta.get("evaluation", {}).get("action", "sample") == "greedy")

    @property
    def temperature(self) -> float:
        """Discrete actions are drawn from softmax(logits / temperature)."""
        return float(self.meta.get("evaluation", {}).get("temperature", 1.0))

    @property
    def convolves(self) -> bool:
        """Whether a convolution comes before the dense layers."""
        return bool(self.meta["policy"].get("kind", "mlp") == "cnn")

    @property
    def features(self) -> int:
        """Of the convolution."""
        return int(self.meta["policy"]["features"])

    @property
    def activation(self) -> str:
        """Of the hidden layers."""
        return str(self.meta["policy"]["activation"])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the dense layers, from what goes into the first to the head."""
        policy, first = self.meta["policy"], prod(self.observation)
        if self.convolves:
            height, across, _ = self.observation
            first = (height - 2) * (across - 2) * self.features
        return first, *[int(policy["width"])] * int(policy["depth"]), self.actions

    @property
    def shape(self) -> str:
        """Of an observation as the network takes it."""
        return ", ".join(map(str, self.observation)) if self.convolves else str(prod(self.observation))

    @property
    def units(self) -> str:
        """Of the states."""
        return _units(self.meta)

    @property
    def about_actions(self) -> str:
        """Shape and range of the actions."""
        kind = "label probabilities" if self.discrete else "-1 to 1 and a little beyond"
        return f"[{len(self.dataset.actions)}, {self.actions}], {kind}"

    @property
    def told(self) -> str:
        """A comment on what acting takes."""
        running = self.meta["normalisation"] == "running"
        return "  # mean and variance have seen this observation already" if running else ""

    def loading(self, more: str) -> str:
        """Imports, and the lines that load the file. more: further imports."""
        suffix = self.file.suffix.lower()
        before, load = LOADING[suffix]
        imports = _sorted("import numpy as np\n" + MODULES.get(suffix, "") + more)
        return before + imports + "\n" + load.format(name=literal(self.file), actions=_actions_in(self.meta))

    def seen(self, library: str) -> str:
        """An observation as the network takes it. library: np or jnp."""
        if self.meta["normalisation"] == "none":
            return "observation"
        return f"(observation - obs_mean) / {library}.sqrt(obs_var + 1e-8)"

    def arguments(self, more: str) -> str:
        """What acting takes. more: after the observation, with a comma before it."""
        return f"observation{more}" + ("" if self.meta["normalisation"] == "none" else ", obs_mean, obs_var")


MODULES = {".safetensors": "import safetensors.numpy\n", ".hdf5": "import h5py\n"}
"""Suffix -> the module that loads it, where NumPy does not."""


def _sorted(lines: str) -> str:
    return "".join(sorted(lines.splitlines(keepends=True)))


def literal(file: Path) -> str:
    """A file's path as a text of Python."""
    text = str(file)
    return json.dumps(text, ensure_ascii=not text.isprintable())  # which is a literal of Python too


def _actions_in(meta: dict[str, Any]) -> str:
    return f"infos/{PROBABILITIES}" if meta["discrete"] else "actions"


def training_code(dataset: DatasetFile, file: Path) -> str:
    """A program that trains one fresh policy on the file and defines how it acts.

    dataset: with the meta that exports have. file: its name in the program; the suffix decides how it is loaded.
    """
    meta = dataset.meta
    policy, cloning = meta["policy"], meta["cloning"]
    observation = dataset.states.shape[1:]
    actions = dataset.actions.shape[1]
    discrete = bool(meta["discrete"])
    convolves = policy.get("kind", "mlp") == "cnn"
    before, load = LOADING[file.suffix.lower()]
    name = literal(file)
    shape = ", ".join(map(str, observation)) if convolves else str(prod(observation))
    blocks = [
        _imports(before, file.suffix.lower()),
        load.format(name=name, actions=_actions_in(meta)),
        f'states = jnp.asarray(data["states"], jnp.float32).reshape(-1, {shape})  # {_units(meta)}',
        f'actions = jnp.asarray(data["actions"], jnp.float32)  # [{len(dataset.actions)}, {actions}], '
        + ("label probabilities" if discrete else "-1 to 1 and a little beyond"),
        "",
        _init(policy, observation, actions, discrete, convolves),
        _head(policy, convolves),
        _loss(discrete),
        _optimiser(cloning, discrete),
        _act(Program(dataset, file)),
    ]
    return "\n".join(blocks) + "\n"


def _imports(before: str, suffix: str) -> str:
    lines = "import jax\nimport jax.numpy as jnp\nimport numpy as np\nimport optax\n" + MODULES.get(suffix, "")
    return before + _sorted(lines)


def _units(meta: dict[str, Any]) -> str:
    return "natural units" if meta["normalisation"] == "none" else "normalised units"


def _init(policy: dict[str, Any], observation: tuple[int, ...], actions: int, discrete: bool, convolves: bool) -> str:
    width, depth = int(policy["width"]), int(policy["depth"])
    first = prod(observation)
    lines = ["def init(key):", "    orthogonal = jax.nn.initializers.orthogonal"]
    sizes = ", ".join(map(str, [*[width] * depth, actions]))
    if convolves:
        height, across, channels = observation
        features = int(policy["features"])
        first = (height - 2) * (across - 2) * features
        lines += [
            "    key, key_conv = jax.random.split(key)",
            f"    kernel = orthogonal(2**0.5)(key_conv, ({9 * channels}, {features}))"
            f".reshape(3, 3, {channels}, {features})",
            f"    conv = [(kernel, jnp.zeros({features}))]",
        ]
    lines += [
        f"    sizes = [{first}, {sizes}]",
        "    gains = [2**0.5] * (len(sizes) - 2) + [0.01]",
        "    keys = jax.random.split(key, len(gains))",
        "    dense = [(orthogonal(g)(k, (i, o)), jnp.zeros(o)) for k, g, i, o in zip(keys, gains, sizes, sizes[1:])]",
    ]
    layers = "conv + dense" if convolves else "dense"
    lines.append(f"    return {layers}" if discrete else f"    return {layers}, jnp.zeros({actions})  # log std")
    return "\n".join(lines) + "\n"


def _head(policy: dict[str, Any], convolves: bool) -> str:
    activation = ACTIVATIONS[policy["activation"]]
    lines = ["def head(layers, x):"]
    if convolves:
        lines += [
            "    (kernel, bias), *layers = layers",
            '    order = ("NHWC", "HWIO", "NHWC")',
            '    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=order)',
            f"    x = {activation}(x + bias).reshape(len(x), -1)",
        ]
    lines += [
        "    for kernel, bias in layers[:-1]:",
        f"        x = {activation}(x @ kernel + bias)",
        "    return x @ layers[-1][0] + layers[-1][1]",
    ]
    return "\n".join(lines) + "\n"


def _loss(discrete: bool) -> str:
    if discrete:
        return (
            "def loss(params):  # cross-entropy, averaged over all entries\n"
            "    return -jnp.mean(actions * jax.nn.log_softmax(head(params, states)))\n"
        )
    return (
        "def loss(params):  # negative log-likelihood of a diagonal Gaussian\n"
        "    layers, log_std = params\n"
        "    z = (actions - head(layers, states)) * jnp.exp(-log_std)\n"
        "    return jnp.mean(jnp.sum(0.5 * z**2 + log_std + 0.5 * jnp.log(2 * jnp.pi), axis=1))\n"
    )


def _optimiser(cloning: dict[str, Any], discrete: bool) -> str:
    rate, clip, decay = cloning["learning_rate"], cloning["clip_norm"], cloning.get("weight_decay")
    parts = [f"optax.clip_by_global_norm({clip:g})"] if clip else []
    mask = "" if discrete else ", mask=(True, False)"  # log_std keeps what it learns
    if cloning["optimizer"] == "adam":
        name, more = ("adamw", f", weight_decay={decay:g}{mask}") if decay else ("adam", "")
        parts.append(f"optax.{name}({rate:g}, eps=1e-5{more})")
    else:
        parts += [f"optax.add_decayed_weights({decay:g}{mask})"] if decay else []
        parts.append(f"optax.sgd({rate:g})")
    chained = parts[0] if len(parts) == 1 else f"optax.chain({', '.join(parts)})"
    return (
        f"optimizer = {chained}\n\n"
        "@jax.jit\n"
        "def step(params, state):\n"
        "    updates, state = optimizer.update(jax.grad(loss)(params), state, params)\n"
        "    return optax.apply_updates(params, updates), state\n"
        "\n"
        "params = init(jax.random.key(0))\n"
        "state = optimizer.init(params)\n"
        f"for _ in range({int(cloning['epochs'])}):\n"
        "    params, state = step(params, state)\n"
    )


def _act(program: Program) -> str:
    layers = "params" if program.discrete else "params[0]"
    lines = [f"def act({program.arguments(', key')}):{program.told}"]
    lines.append(f"    x = jnp.asarray({program.seen('jnp')}).reshape(-1, {program.shape})")
    out = f"head({layers}, x)[0]"
    if program.discrete:
        logits = out if program.temperature == 1.0 else f"{out} / {program.temperature:g}"
        drawn = f"jax.random.categorical(key, {logits})"
        lines.append(f"    return {f'jnp.argmax({out})' if program.greedy else drawn}")
    else:
        noise = "" if program.greedy else " + jnp.exp(params[1]) * jax.random.normal(key, params[1].shape)"
        lines.append(f"    return jnp.clip({out}{noise}, -1, 1)  # -1 and 1: the environment's bounds")
    return "\n".join(lines)
