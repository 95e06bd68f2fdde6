"""The lines of PyTorch that train a policy on a dataset file: the same network, loss and optimiser."""

from hadesd.analysis.datasets.snippet import Program

ACTIVATIONS = {"tanh": "Tanh", "relu": "ReLU"}


def training_code(program: Program) -> str:
    """A program that trains one fresh policy on the file and defines how it acts."""
    blocks = [
        program.loading("import torch\n"),
        f'states = torch.tensor(np.asarray(data["states"]), dtype=torch.float32).reshape(-1, {program.shape})'
        f"  # {program.units}",
        f'actions = torch.tensor(np.asarray(data["actions"]), dtype=torch.float32)  # {program.about_actions}',
        "torch.manual_seed(0)",
        "",
        _network(program),
        _training(program),
        _act(program),
    ]
    return "\n".join(blocks) + "\n"


def _network(program: Program) -> str:
    activation = f"torch.nn.{ACTIVATIONS[program.activation]}()"
    lines = [
        "def orthogonal(layer, gain):",
        "    torch.nn.init.orthogonal_(layer.weight.flatten(1), gain)  # a view: the weights themselves",
        "    torch.nn.init.zeros_(layer.bias)",
        "    return layer",
        "",
        f"sizes = [{', '.join(map(str, program.sizes))}]",
        "parts = []",
    ]
    if program.convolves:
        lines += [
            f"conv = torch.nn.Conv2d({program.observation[2]}, {program.features}, 3)",
            f"parts += [orthogonal(conv, 2**0.5), {activation}, torch.nn.Flatten()]",
        ]
    lines += [
        "for before, after in zip(sizes[:-1], sizes[1:-1]):",
        f"    parts += [orthogonal(torch.nn.Linear(before, after), 2**0.5), {activation}]",
        "head = torch.nn.Sequential(*parts, orthogonal(torch.nn.Linear(*sizes[-2:]), 0.01))",
    ]
    if program.convolves:
        lines.append("states = states.permute(0, 3, 1, 2)  # channels first, as torch has them")
    if not program.discrete:
        lines.append(f"log_std = torch.nn.Parameter(torch.zeros({program.actions}))")
    return "\n".join(lines) + "\n"


def _training(program: Program) -> str:
    cloning = program.cloning
    rate, clip = cloning["learning_rate"], cloning["clip_norm"]
    if program.discrete:
        loss = [
            "def loss():  # cross-entropy, averaged over all entries",
            "    return -(actions * torch.log_softmax(head(states), 1)).mean()",
        ]
    else:
        loss = [
            "def loss():  # negative log-likelihood of a diagonal Gaussian",
            "    return -torch.distributions.Normal(head(states), log_std.exp()).log_prob(actions).sum(1).mean()",
        ]
    adam, decay = cloning["optimizer"] == "adam", cloning.get("weight_decay")
    groups = "params"
    if decay:
        rest = "" if program.discrete else ', {"params": [log_std], "weight_decay": 0}'
        groups = f'[{{"params": head.parameters(), "weight_decay": {decay:g}}}{rest}]'
    name = ("AdamW" if decay else "Adam") if adam else "SGD"
    lines = [
        *loss,
        "",
        f"params = [*head.parameters(){'' if program.discrete else ', log_std'}]",
        f"optimizer = torch.optim.{name}({groups}, lr={rate:g}{', eps=1e-5' if adam else ''})",
        f"for _ in range({int(cloning['epochs'])}):",
        "    optimizer.zero_grad()",
        "    loss().backward()",
    ]
    if clip:
        lines.append(f"    torch.nn.utils.clip_grad_norm_(params, {clip:g})")
    return "\n".join([*lines, "    optimizer.step()"]) + "\n"


def _act(program: Program) -> str:
    lines = ["@torch.no_grad()", f"def act({program.arguments('')}):{program.told}"]
    lines.append(
        f"    x = torch.tensor(np.asarray({program.seen('np')}), dtype=torch.float32).reshape(-1, {program.shape})"
    )
    if program.convolves:
        lines.append("    x = x.permute(0, 3, 1, 2)")
    if program.discrete:
        logits = "head(x)[0]" if program.temperature == 1.0 else f"head(x)[0] / {program.temperature:g}"
        drawn = f"torch.distributions.Categorical(logits={logits}).sample()"
        lines.append(f"    return int({'head(x)[0].argmax()' if program.greedy else drawn})")
    else:
        noise = "" if program.greedy else " + log_std.exp() * torch.randn_like(log_std)"
        lines.append(f"    return (head(x)[0]{noise}).clamp(-1, 1).numpy()  # -1 and 1: the environment's bounds")
    return "\n".join(lines)
