"""The lines of plain JAX and optax that train a policy on a dataset file: the code in a dataset card.

The same network, loss and optimiser as hadesd.distill; a test runs what is printed here and compares.
"""

import json
from math import prod
from pathlib import Path
from typing import Any

from hadesd.analysis.datasets.reader import DatasetFile

LOADING = {
    ".npz": ("", "data = np.load({name})"),
    ".csv": (
        "",
        'table = np.atleast_1d(np.genfromtxt({name}, delimiter=",", names=True))\n'
        'data = {{kind: np.stack([table[n] for n in table.dtype.names if n.startswith(kind[:-1] + "_")], 1)\n'
        '        for kind in ("states", "actions")}}',
    ),
    ".json": (
        "import json\nfrom pathlib import Path\n\n",
        "data = {{name: np.array(value) for name, value in json.loads(Path({name}).read_text()).items()}}",
    ),
    ".safetensors": ("", "data = safetensors.numpy.load_file({name})"),
}
"""Suffix -> import before, line that loads. (CSV: the constants are beside it, in FILE.csv.json.)"""

ACTIVATIONS = {"tanh": "jnp.tanh", "relu": "jax.nn.relu"}


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
    name = json.dumps(file.name, ensure_ascii=not file.name.isprintable())  # which is a literal of Python too
    shape = ", ".join(map(str, observation)) if convolves else str(prod(observation))
    blocks = [
        _imports(before, file.suffix.lower()),
        load.format(name=name),
        f'states = jnp.asarray(data["states"], jnp.float32).reshape(-1, {shape})  # {_units(meta)}',
        f'actions = jnp.asarray(data["actions"], jnp.float32)  # [{len(dataset.actions)}, {actions}], '
        + ("label probabilities" if discrete else "in [-1, 1]"),
        "",
        _init(policy, observation, actions, discrete, convolves),
        _head(policy, convolves),
        _loss(discrete),
        _optimiser(cloning),
        _act(meta, shape, discrete),
    ]
    return "\n".join(blocks) + "\n"


def _imports(before: str, suffix: str) -> str:
    more = "import safetensors.numpy\n" if suffix == ".safetensors" else ""
    return before + "import jax\nimport jax.numpy as jnp\nimport numpy as np\nimport optax\n" + more


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


def _optimiser(cloning: dict[str, Any]) -> str:
    rate, clip = cloning["learning_rate"], cloning["clip_norm"]
    step = f"optax.adam({rate:g}, eps=1e-5)" if cloning["optimizer"] == "adam" else f"optax.sgd({rate:g})"
    chained = f"optax.chain(optax.clip_by_global_norm({clip:g}), {step})" if clip else step
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


def _act(meta: dict[str, Any], shape: str, discrete: bool) -> str:
    seen = {
        "none": "observation",
        "fixed": "(observation - obs_mean) / jnp.sqrt(obs_var + 1e-8)",
        "running": "(observation - obs_mean) / jnp.sqrt(obs_var + 1e-8)",
    }[meta["normalisation"]]
    arguments = "observation, key" if meta["normalisation"] == "none" else "observation, key, obs_mean, obs_var"
    layers = "params" if discrete else "params[0]"
    told = "  # mean and variance have seen this observation already" if meta["normalisation"] == "running" else ""
    lines = [f"def act({arguments}):{told}", f"    x = jnp.asarray({seen}).reshape(-1, {shape})"]
    greedy = meta.get("evaluation", {}).get("action", "sample") == "greedy"
    if discrete:
        out = f"head({layers}, x)[0]"
        lines.append(f"    return jnp.argmax({out})" if greedy else f"    return jax.random.categorical(key, {out})")
    else:
        noise = "" if greedy else " + jnp.exp(params[1]) * jax.random.normal(key, params[1].shape)"
        lines.append(f"    return jnp.clip(head({layers}, x)[0]{noise}, -1, 1)  # -1 and 1: the environment's bounds")
    return "\n".join(lines)
