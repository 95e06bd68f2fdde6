"""A dataset card: one page of Markdown that says what a dataset file is and how to use it.

Written for people who never saw hades.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

from hades_protocol.formatting import count_of
from hades_protocol.messages import Lineage
from hades_protocol.names import action_names, state_names
from hades_protocol.terminal import printable
from hadesd.analysis.datasets import formats, snippet_jax, snippet_numpy, snippet_torch
from hadesd.analysis.datasets.reader import DatasetFile, bound_of
from hadesd.analysis.datasets.snippet import Program
from hadesd.spec.own_code import evaluate_command, is_code
from hadesd.spec.user_files import as_argument

MOST_PAIRS, MOST_COLUMNS = 16, 32
"""A dataset of at most so many pairs, and entries of state and action, is printed whole."""

SIZES = (("1K", "10K", 10_000), ("10K", "100K", 100_000), ("100K", "1M", 1_000_000))
"""The Hub's classes of size, above the smallest: from, to, and the number at which the next begins."""

METHODS = {
    "hades-r": "HaDES-R: evaluated on fresh policy initialisations every generation, so it trains any initialisation",
    "hades-f": "HaDES-F: evolved for one policy initialisation; others learn less from it",
    "imported": "imported: made elsewhere",
}

CITATION = """\
@inproceedings{lupu2024behaviour,
  title     = {Behaviour Distillation},
  author    = {Lupu, Andrei and Lu, Chris and Liesen, Jarek and Lange, Robert Tjarko and Foerster, Jakob},
  booktitle = {International Conference on Learning Representations},
  year      = {2024},
  url       = {https://arxiv.org/abs/2406.15042}
}"""


@dataclass(frozen=True)
class Origin:
    """What a run knows of its dataset and the file does not say.

    evaluated: mean return of fresh policies trained on these very pairs, its standard error, and their number.
    """

    run: str = ""
    group: str = ""
    parent: Lineage | None = None
    evaluated: tuple[float, float | None] | None = None
    inits: int = 0


def card_path(file: Path) -> Path:
    """Where a file's card stands: FILE.md, with .md for the suffix; of a directory README.md in it."""
    return file / "README.md" if file.is_dir() else file.with_suffix(".md")


def front_matter(dataset: DatasetFile) -> str:
    """What the Hugging Face Hub reads at the head of a card (YAML): kind, size, and what its viewer shows.

    There is no license in it: that is for whoever publishes the dataset to say.
    """
    count = len(dataset.states)
    size = next((f"{low}<n<{high}" for low, high, most in SIZES if count < most), "n>1M") if count >= 1000 else "n<1K"
    kind = "image-classification" if _is_images(dataset.meta) else "reinforcement-learning"
    name = json.dumps(f"{dataset.meta['environment']} in {count} pairs", ensure_ascii=True)
    lines = [
        f"pretty_name: {name}",
        f"task_categories: [{kind}]",
        f"size_categories: [{size}]",
        "tags: [hades, dataset-distillation, behaviour-distillation, behaviour-cloning, synthetic]",
        "configs:",
        "- config_name: default",
        f"  data_files: {formats.HUB_TABLE}",
    ]
    return "\n".join(["---", *lines, "---"]) + "\n\n"


def card_text(dataset: DatasetFile, file: Path, origin: Origin) -> str:
    """The page.

    dataset: with the meta that exports and imports have. file: the dataset's file; only its name is printed.
    """
    meta = dataset.meta
    count, actions = dataset.actions.shape
    size = prod(dataset.states.shape[1:])
    shown = count_of(count, "image" if _is_images(meta) else "pair")
    sections = [
        f"# {meta['environment']} in {shown}",
        _summary(meta, count),
        "## What is in it",
        _table(_facts(dataset, file, origin)),
        "## Units",
        _units(dataset),
        "## Train on it",
        *_programs(dataset, file),
        "## What it is worth",
        _worth(meta, file, origin),
    ]
    small = count <= MOST_PAIRS and size + actions <= MOST_COLUMNS
    sections += ["## The pairs", _pairs(dataset) if small else _too_large(count, size, actions, file)]
    sections += [
        "## Where it comes from",
        _table(_lineage(meta, origin)),
        "## Cite",
        f"```bibtex\n{CITATION}\n```",
        f"Written by hades {version('hades-distil')}.",
    ]
    return "\n\n".join(sections) + "\n"


def _programs(dataset: DatasetFile, file: Path) -> list[str]:
    """The same training for three libraries."""
    kind = str(dataset.meta["policy"].get("kind", "mlp"))
    if is_code(kind):
        return [f"The policy is code of its own, {_code(kind)}, which `hadesd evaluate` trains where it is installed."]
    inside = formats.data_file(file).relative_to(file) if file.is_dir() else Path(file.name)
    program = Program(dataset, inside)
    more = {".safetensors": ", `safetensors`", ".hdf5": ", `h5py`"}.get(inside.suffix.lower(), "")
    return [
        f"Three programs for the same training; each needs `numpy`{more}. {_advice(dataset.meta)}",
        "### JAX",
        f"With `jax` and `optax`:\n\n```python\n{snippet_jax.training_code(program)}```",
        "### PyTorch",
        f"With `torch`:\n\n```python\n{snippet_torch.training_code(program)}```",
        "### NumPy",
        f"With nothing but these:\n\n```python\n{snippet_numpy.training_code(program)}```",
    ]


def _summary(meta: dict[str, Any], count: int) -> str:
    origin = "" if meta["method"] == "imported" else "synthetic "
    if _is_images(meta):
        return (
            f"{count} {origin}labelled images for **{meta['environment']}**. A classifier that is trained on them, and "
            "on nothing else, learns to classify the real ones. This is *dataset distillation* by evolution (Lupu et "
            "al., ICLR 2024, section 5.4)."
        )
    return (
        f"{count} {origin}state-action pairs for **{meta['environment']}**. A policy that is trained on them by plain "
        "supervised learning (behaviour cloning) learns to act there: the training needs no reward, no demonstrations "
        "and no environment. This is *behaviour distillation* (Lupu et al., ICLR 2024)."
    )


def _is_images(meta: dict[str, Any]) -> bool:
    from hadesd.spec.environments import of_meta

    entry = of_meta(meta)
    return entry is not None and entry.family == "images"


def _facts(dataset: DatasetFile, file: Path, origin: Origin) -> list[tuple[str, str]]:
    meta = dataset.meta
    policy, cloning = meta["policy"], meta["cloning"]
    count, actions = dataset.actions.shape
    shape = " x ".join(map(str, dataset.states.shape[1:]))
    kind = (
        "probability of each action (one-hot labels or softer)"
        if meta["discrete"]
        else "continuous: -1 to 1 is what the environment takes; acting clips"
    )
    clip = f", gradient clipped to norm {cloning['clip_norm']:g}" if cloning["clip_norm"] else ""
    decay = f", weight decay {cloning['weight_decay']:g}" if cloning.get("weight_decay") else ""
    network = f"{policy['depth']} x {policy['width']} {policy['activation']}"
    if policy.get("kind", "mlp") == "cnn":
        network = f"3x3 convolution of {policy['features']} features, then {network}"
    inside = f", a directory with {_code(str(formats.data_file(file).relative_to(file)))}" if file.is_dir() else ""
    is_csv = file.suffix.lower() == ".csv"
    facts = [
        ("file", _code(file.name) + (f" with {_code(f'{file.name}.json')} beside it" if is_csv else inside)),
        ("environment", f"{meta['environment']}" + (f", backend {meta['backend']}" if _has_backend(meta) else "")),
        ("method", METHODS.get(str(meta["method"]), _text(meta["method"]))),
        ("`states`", f"float32 [{count}, {shape}]"),
        ("`actions`", f"float32 [{count}, {actions}]: {kind}"),
    ]
    if (deviations := bound_of(meta)) is not None:
        facts.append(("bound", f"within {deviations:g} standard deviations of the states that trained policies visit"))
    if meta.get("observation_names"):
        facts.append(("state entries" if len(dataset.states.shape) == 2 else "channels", _listed(meta, "observation")))
    if meta.get("action_names"):
        facts.append(("action entries", _listed(meta, "action")))
    return [
        *facts,
        ("policy it was made for", network + ", orthogonal initialisation"),
        (
            "training it was made for",
            f"{cloning['epochs']} full-batch steps of {cloning['optimizer']}, learning rate "
            f"{cloning['learning_rate']:g}{clip}{decay}",
        ),
        ("acting", _acting(meta.get("evaluation", {}))),
    ]


def _acting(evaluation: dict[str, Any]) -> str:
    if evaluation.get("action") == "greedy":
        return "greedily"
    temperature = evaluation.get("temperature", 1.0)
    return "drawn from the policy" + ("" if temperature == 1.0 else f", at a temperature of {temperature:g}")


def _has_backend(meta: dict[str, Any]) -> bool:
    return meta.get("backend") not in (None, "auto")


def _listed(meta: dict[str, Any], kind: str) -> str:
    return ", ".join(_code(name) for name in meta[f"{kind}_names"])


def _units(dataset: DatasetFile) -> str:
    meta = dataset.meta
    if meta["normalisation"] == "none":
        return "`states` are in the environment's natural units: give observations to the policy as they come."
    if meta["normalisation"] == "running":
        environments = meta.get("evaluation", {}).get("environments", 4)
        return (
            "`states` are in **normalised units**: `(observation - mean) / sqrt(variance + 1e-8)`. Mean and variance "
            f"are kept while acting, over the {environments} environments that a policy plays at the same time, from "
            "nothing (mean 0, variance 1, count 0.0001) at the start of each evaluation, so there are no constants to "
            f"pass on. They are updated before normalising: with the first {environments} observations, and with those "
            "of every step, which are then normalised with what they have just updated. "
            "A policy that gets raw observations will fail."
        )
    text = (
        "`states` are in **normalised units**: `(observation - obs_mean) / sqrt(obs_var + 1e-8)`, with the constants "
        "`obs_mean` and `obs_var` that come with the file. Apply the same to every observation that the policy gets; "
        "one that gets raw observations will fail."
    )
    if dataset.obs_mean is None or dataset.obs_var is None or dataset.obs_mean.size > MOST_COLUMNS:
        return text
    names = state_names(dataset.states.shape[1:], meta.get("observation_names", ()))
    rows = [("entry", "obs_mean", "obs_var")]
    rows += [
        (_code(name), f"{mean:.6g}", f"{variance:.6g}")
        for name, mean, variance in zip(names, dataset.obs_mean.ravel(), dataset.obs_var.ravel(), strict=True)
    ]
    return text + "\n\n" + _table(rows, headed=True)


def _advice(meta: dict[str, Any]) -> str:
    if meta["method"] == "hades-f":
        return (
            f"These pairs were evolved for one initialisation (`init_seed` {meta['policy'].get('init_seed')}): "
            "`hadesd evaluate` trains from that one; the programs below draw fresh ones and will do worse."
        )
    return "Each trains one fresh policy; another key or seed gives another one."


def _worth(meta: dict[str, Any], file: Path, origin: Origin) -> str:
    command = evaluate_command(file.name, str(meta["environment"]))
    again = f"Measure it yourself: {_code(f'{command} --inits 10')}."
    if origin.evaluated is None:
        return f"Its return was not measured yet. {again}"
    mean, sem = origin.evaluated
    measure = "test accuracy" if _is_images(meta) else "mean episodic return"
    spread = "" if sem is None else f" ± {sem:.2g} (standard error)"
    policies = f"{origin.inits} fresh policies" if origin.inits > 1 else "one policy"
    return f"{measure[0].upper()}{measure[1:]} **{mean:.5g}**{spread}, of {policies} trained on these pairs. {again}"


def _too_large(count: int, size: int, actions: int, file: Path) -> str:
    command = f"hadesd pairs {as_argument(file.name)}"
    return f"{count} pairs, each of {size} + {actions} entries, are too many for a page: {_code(command)} prints them."


def _pairs(dataset: DatasetFile) -> str:
    meta = dataset.meta
    named = [("state", name) for name in state_names(dataset.states.shape[1:], meta.get("observation_names", ()))]
    named += [("action", name) for name in action_names(dataset.actions.shape[1], meta.get("action_names", ()))]
    states = dataset.states.reshape(len(dataset.states), -1)
    rows = [("pair", *(f"{kind} {_code(name)}" for kind, name in named))]
    for i, (state, action) in enumerate(zip(states, dataset.actions, strict=True)):
        rows.append((str(i), *(f"{value:.3f}" for value in state), *(f"{value:.3g}" for value in action)))
    return _table(rows, headed=True)


def _lineage(meta: dict[str, Any], origin: Origin) -> list[tuple[str, str]]:
    rows = [("run", origin.run), ("group", origin.group)]
    if origin.parent is not None:
        rows.append(("forked from", f"{origin.parent.run}, generation {origin.parent.generation}"))
    if meta.get("source"):
        file, digest = (_text(meta["source"].get(key)) for key in ("file", "sha256"))
        rows.append(("imported from", f"{file}, SHA-256 {digest}"))
    if meta.get("generation"):
        rows.append(("generation", f"{_text(meta['generation'])} of {_text(meta.get('generations', '?'))}"))
        rows.append(("seed", _text(meta.get("seed", "?"))))
    known = meta.get("versions")
    versions = known.items() if isinstance(known, dict) else ()
    made_with = ", ".join(f"{_text(name)} {_text(number)}" for name, number in versions)
    rows.append(("made with", made_with))
    return [(name, value) for name, value in rows if value]


def _code(text: str) -> str:
    """Text as Markdown's code, whatever is in it."""
    shown = printable(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    gap = " " if "`" in shown else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def _text(value: Any) -> str:
    """What somebody else wrote as plain text in Markdown."""
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", printable(str(value)))


def _table(rows: Sequence[tuple[str, ...]], headed: bool = False) -> str:
    """A Markdown table; where the rows bring no headings, two empty ones."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not headed:
        escaped.insert(0, ["", ""])
    lines = ["| " + " | ".join(row) + " |" for row in escaped]
    return "\n".join([lines[0], "|" + " --- |" * len(escaped[0]), *lines[1:]])
