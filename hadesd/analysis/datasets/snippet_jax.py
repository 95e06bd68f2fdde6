"""The lines of plain JAX and optax that train a policy on a dataset file: the same network, loss and optimiser."""

from hadesd.analysis.datasets.snippet import Program

ACTIVATIONS = {"tanh": "jnp.tanh", "relu": "jax.nn.relu"}


def training_code(program: Program) -> str:
    """A program that trains one fresh policy on the file and defines how it acts."""
    blocks = [
        program.loading("import jax\nimport jax.numpy as jnp\nimport optax\n"),
        f'states = jnp.asarray(data["states"], jnp.float32).reshape(-1, {program.shape})  # {program.units}',
        f'actions = jnp.asarray(data["actions"], jnp.float32)  # {program.about_actions}',
        "",
        _init(program),
        _head(program),
        _loss(program),
        _training(program),
        _act(program),
    ]
    return "\n".join(blocks) + "\n"


def _init(program: Program) -> str:
    lines = ["def init(key):", "    orthogonal = jax.nn.initializers.orthogonal"]
    if program.convolves:
        channels, features = program.observation[2], program.features
        lines += [
            "    key, key_conv = jax.random.split(key)",
            f"    kernel = orthogonal(2**0.5)(key_conv, ({9 * channels}, {features}))"
            f".reshape(3, 3, {channels}, {features})",
            f"    conv = [(kernel, jnp.zeros({features}))]",
        ]
    lines += [
        f"    sizes = [{', '.join(map(str, program.sizes))}]",
        "    gains = [2**0.5] * (len(sizes) - 2) + [0.01]",
        "    keys = jax.random.split(key, len(gains))",
        "    dense = [(orthogonal(g)(k, (i, o)), jnp.zeros(o)) for k, g, i, o in zip(keys, gains, sizes, sizes[1:])]",
    ]
    layers = "conv + dense" if program.convolves else "dense"
    log_std = "" if program.discrete else f", jnp.zeros({program.actions})  # log std"
    lines.append(f"    return {layers}{log_std}")
    return "\n".join(lines) + "\n"


def _head(program: Program) -> str:
    activation = ACTIVATIONS[program.activation]
    lines = ["def head(layers, x):"]
    if program.convolves:
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


def _loss(program: Program) -> str:
    if program.discrete:
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


def _training(program: Program) -> str:
    cloning = program.cloning
    rate, clip, decay = cloning["learning_rate"], cloning["clip_norm"], cloning.get("weight_decay")
    parts = [f"optax.clip_by_global_norm({clip:g})"] if clip else []
    mask = "" if program.discrete else ", mask=(True, False)"  # log_std keeps what it learns
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
