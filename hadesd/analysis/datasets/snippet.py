"""What the programs of a dataset card have in common, whatever library they are written for: JAX, PyTorch, NumPy.

The same network, loss and optimiser as hadesd.distill; tests run what is printed and compare.
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
        return "natural units" if self.meta["normalisation"] == "none" else "normalised units"

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
        imports = "import numpy as np\n" + MODULES.get(suffix, "") + more
        actions = f"infos/{PROBABILITIES}" if self.discrete else "actions"
        lines = load.format(name=literal(self.file), actions=actions)
        return before + "".join(sorted(imports.splitlines(keepends=True))) + "\n" + lines

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


def literal(file: Path) -> str:
    """A file's path as a text of Python."""
    text = str(file)
    return json.dumps(text, ensure_ascii=not text.isprintable())  # which is a literal of Python too
