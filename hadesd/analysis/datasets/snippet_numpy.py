"""The lines of NumPy alone that train a policy on a dataset file: the same network, loss and optimiser, written out."""

from typing import Any

from hadesd.analysis.datasets.snippet import Program


def training_code(program: Program) -> str:
    """A program that trains one fresh policy on the file and defines how it acts."""
    blocks = [
        program.loading(""),
        f'states = np.asarray(data["states"], np.float64).reshape(-1, {program.shape})  # {program.units}',
        f'actions = np.asarray(data["actions"], np.float64)  # {program.about_actions}',
        "rng = np.random.default_rng(0)",
        "",
        _network(program),
        _gradient(program),
        _training(program),
        _act(program),
    ]
    return "\n".join(blocks) + "\n"


def _network(program: Program) -> str:
    shapes = [(first, second) for first, second in zip(program.sizes, program.sizes[1:], strict=False)]
    seen = "x"
    lines = [
        "def orthogonal(shape, gain):",
        "    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))",
        "    q = gain * q * np.sign(np.diag(r))",
        "    return q if shape[0] >= shape[1] else q.T",
        "",
    ]
    if program.convolves:
        height, width, channels = program.observation
        shapes.insert(0, (9 * channels, program.features))
        seen = "patches(x)"
        lines += [
            f"def patches(x):  # all 3x3 patches: [D, {height - 2} * {width - 2}, {9 * channels}]",
            f"    cut = [x[:, y : y + {height - 2}, c : c + {width - 2}] for y in range(3) for c in range(3)]",
            "    return np.concatenate(cut, axis=-1).reshape(len(x), -1, x.shape[-1] * 9)",
            "",
        ]
    lines += [
        f"shapes = {shapes}",
        "gains = [2**0.5] * (len(shapes) - 1) + [0.01]",
        "kernels = [orthogonal(shape, gain) for shape, gain in zip(shapes, gains)]",
        "biases = [np.zeros(shape[1]) for shape in shapes]",
    ]
    if not program.discrete:
        lines.append(f"log_std = np.zeros({program.actions})")
    activation = "np.tanh(x)" if program.activation == "tanh" else "np.maximum(x, 0)"
    lines += [
        "",
        "def layers(x):  # what goes into each layer, and what comes out of the last",
        f"    out = [{seen}]",
        "    for i, (kernel, bias) in enumerate(zip(kernels, biases)):",
        "        x = out[-1] @ kernel + bias",
        "        x = x.reshape(len(x), -1)",
        f"        out.append({activation} if i < len(kernels) - 1 else x)",
        "    return out",
    ]
    return "\n".join(lines) + "\n"


def _gradient(program: Program) -> str:
    slope = "1 - seen[i] ** 2" if program.activation == "tanh" else "seen[i] > 0"
    lines = ["def gradients():", "    seen = layers(states)", "    head = seen[-1]"]
    if program.discrete:
        lines += [
            "    odds = np.exp(head - head.max(1, keepdims=True))",
            "    chances = odds / odds.sum(1, keepdims=True)",
            "    g = (chances * actions.sum(1, keepdims=True) - actions) / actions.size  # of the mean cross-entropy",
        ]
    else:
        lines += [
            "    precision = np.exp(-2 * log_std)",
            "    g = (head - actions) * precision / len(actions)  # of a diagonal Gaussian's negative log-likelihood",
            "    g_log_std = np.mean(1 - (head - actions) ** 2 * precision, axis=0)",
        ]
    lines += [
        "    of_kernels, of_biases = [], []",
        "    for i in reversed(range(len(kernels))):",
        "        rows, columns = kernels[i].shape",
        "        x, flat = seen[i].reshape(-1, rows), g.reshape(-1, columns)",
        "        of_kernels.insert(0, x.T @ flat)",
        "        of_biases.insert(0, flat.sum(0))",
        "        if i > 0:",
        f"            g = (flat @ kernels[i].T).reshape(seen[i].shape) * ({slope})",
        f"    return of_kernels + of_biases{'' if program.discrete else ' + [g_log_std]'}",
    ]
    return "\n".join(lines) + "\n"


def _training(program: Program) -> str:
    cloning: dict[str, Any] = program.cloning
    rate, clip = cloning["learning_rate"], cloning["clip_norm"]
    lines = [f"params = kernels + biases{'' if program.discrete else ' + [log_std]'}  # changed in place"]
    adam = cloning["optimizer"] == "adam"
    if adam:
        lines.append("first, second = [[np.zeros_like(p) for p in params] for _ in range(2)]")
    lines += [f"for step in range(1, {int(cloning['epochs'])} + 1):", "    grads = gradients()"]
    if clip:
        lines += [
            "    norm = np.sqrt(sum(np.sum(g**2) for g in grads))",
            f"    grads = [g * min(1.0, {clip:g} / norm) for g in grads]",
        ]
    if decay := cloning.get("weight_decay"):
        lines += ["    for p in kernels + biases:", f"        p *= 1 - {rate:g} * {decay:g}  # weight decay"]
    if adam:
        lines += [
            "    for p, g, m, v in zip(params, grads, first, second):",
            "        m += 0.1 * (g - m)",
            "        v += 0.001 * (g**2 - v)",
            f"        p -= {rate:g} * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-5)",
        ]
    else:
        lines += ["    for p, g in zip(params, grads):", f"        p -= {rate:g} * g"]
    return "\n".join(lines) + "\n"


def _act(program: Program) -> str:
    lines = [f"def act({program.arguments('')}):{program.told}"]
    lines += [f"    x = np.asarray({program.seen('np')}).reshape(-1, {program.shape})", "    head = layers(x)[-1][0]"]
    if program.discrete:
        logits = "head" if program.temperature == 1.0 else f"head / {program.temperature:g}"
        drawn = f"    return int(np.argmax({logits} + rng.gumbel(size=head.shape)))  # drawn from their softmax"
        lines.append("    return int(np.argmax(head))" if program.greedy else drawn)
    else:
        noise = "" if program.greedy else " + np.exp(log_std) * rng.standard_normal(log_std.shape)"
        lines.append(f"    return np.clip(head{noise}, -1, 1)  # -1 and 1: the environment's bounds")
    return "\n".join(lines)
