"""Datasets for several environments in one file (Lupu et al. 2024, section 5.3): the pairs one after the other,
observations and actions zero-padded to the largest size.

A merged file is an npz like any other, with these differences:

- `meta["parts"]` is a list, in the order of the pairs: {"pairs": how many, "observation": shape, "actions": size,
  "meta": the meta of the file that it came from}; `meta["environments"]` are their names;
- `obs_mean` and `obs_var` are [parts, *obs], zero-padded (variance: one), where any part's normalisation is fixed:
  every environment's observations are normalised as its own part says, so mixtures can be honoured.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.analysis.datasets.reader import DatasetFile, complete_file_hint, in_order_of
from hadesd.spec import environments
from hadesd.storage.datasets import SCHEMA

TRAINING = ("policy", "cloning")


def is_merged(dataset: DatasetFile) -> bool:
    """Whether a file holds several environments' pairs."""
    return "parts" in dataset.meta


def merge(datasets: Sequence[DatasetFile], specs: Sequence[RunSpec]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One dataset of several: its arrays and its meta. specs: what each file is used with.

    A policy for all of them is trained as the first file says, for as many epochs as the longest.

    Raises:
        UsageError: fewer than two, or two that no one policy can serve; the reason is said.
    """
    if len(datasets) < 2:
        raise UsageError("merging takes two datasets or more, e.g. hadesd merge hopper.npz halfcheetah.npz -o both.npz")
    shaped = [_shaped(dataset, spec) for dataset, spec in zip(datasets, specs, strict=True)]
    _check_together(shaped, specs)
    observation = tuple(int(max(sizes)) for sizes in zip(*(d.states.shape[1:] for d in shaped), strict=True))
    actions = max(d.actions.shape[1] for d in shaped)
    arrays = {
        "states": np.concatenate([_pad(d.states, observation) for d in shaped]),
        "actions": np.concatenate([_pad(d.actions, (actions,)) for d in shaped]),
    }
    if any(d.obs_mean is not None for d in shaped):
        arrays["obs_mean"] = np.stack([_constant(d.obs_mean, observation, 0.0) for d in shaped])
        arrays["obs_var"] = np.stack([_constant(d.obs_var, observation, 1.0) for d in shaped])
    return arrays, _meta(shaped, specs)


def parts_of(dataset: DatasetFile) -> list[DatasetFile]:
    """The datasets that a merged file was made of, each with its own sizes, constants and meta.

    Raises:
        UsageError: its meta and its arrays do not fit together.
    """
    out, start = [], 0
    try:
        for index, part in enumerate(dataset.meta["parts"]):
            stop, observation, actions = start + int(part["pairs"]), tuple(part["observation"]), int(part["actions"])
            cut = tuple(slice(0, size) for size in observation)
            one = DatasetFile(
                path=dataset.path,
                states=dataset.states[(slice(start, stop), *cut)],
                actions=dataset.actions[start:stop, :actions],
                meta=dict(part["meta"]),
            )
            if (entry := environments.of_meta(one.meta)) is None:
                raise ValueError(f"unknown environment {one.meta['environment']}")
            if one.states.shape != (stop - start, *observation) or one.actions.shape != (stop - start, actions):
                raise ValueError(f"part {index + 1} does not fit the arrays")
            if not np.array_equal(in_order_of(one, entry).states, one.states):
                raise ValueError(f"the entries of part {index + 1} are not in the order of its environment")
            if _is_fixed(one.meta) and dataset.obs_mean is not None and dataset.obs_var is not None:
                one = replace(one, obs_mean=dataset.obs_mean[index][cut], obs_var=dataset.obs_var[index][cut])
            out.append(one)
            start = stop
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UsageError(f"{dataset.path}: its 'parts' are damaged ({error}): merge the files again") from None
    if start != len(dataset.states) or len(out) < 2:
        raise UsageError(f"{dataset.path}: its 'parts' do not add up to its {len(dataset.states)} pairs: merge again")
    return out


def with_training(part: DatasetFile, merged: DatasetFile) -> DatasetFile:
    """The part with the whole file's words on policy and cloning, for whoever reads settings out of a meta."""
    return replace(part, meta=part.meta | {name: merged.meta.get(name, {}) for name in ("policy", "cloning")})


def notes(specs: Sequence[RunSpec]) -> list[str]:
    """What a person should know of the choices that merging made; a line each."""
    out = []
    first = {name: spec_to_dict(specs[0])[name] for name in TRAINING}
    for spec in specs[1:]:
        for section in TRAINING:
            for key, value in spec_to_dict(spec)[section].items():
                if value != first[section][key] and key not in ("inits", "init_seed"):
                    chosen = _training(specs)[section][key]
                    out.append(f"{section}.{key} is {first[section][key]} and {value} in these files: {chosen} is used")
    if any(spec.policy.init_seed is not None for spec in specs):
        out.append("a dataset of hades-f is among them: its own initialisation fits no policy for several environments")
    return list(dict.fromkeys(out))


def _check_together(datasets: Sequence[DatasetFile], specs: Sequence[RunSpec]) -> None:
    entries = [environments.of_spec(spec) for spec in specs]
    for i, (dataset, entry) in enumerate(zip(datasets, entries, strict=True)):
        if entry.family == "images":
            raise UsageError(f"{dataset.path} is a dataset of images ({entry.name}): a policy acts in no image")
        for other, twin in zip(datasets[:i], entries[:i], strict=True):
            pair = f"{other.path} ({twin.name}) and {dataset.path} ({entry.name}) cannot be merged"
            if twin.name == entry.name:
                raise UsageError(f"{pair}: they are for the same environment")
            if twin.discrete != entry.discrete:
                raise UsageError(f"{pair}: one has discrete actions, the other continuous ones")
            if other.states.ndim != dataset.states.ndim:
                raise UsageError(f"{pair}: observations of one are vectors, of the other grids")


def _shaped(dataset: DatasetFile, spec: RunSpec) -> DatasetFile:
    """The dataset in its environment's shapes, with a meta that holds whatever an evaluation needs."""
    entry = environments.of_spec(spec)
    dataset = in_order_of(dataset, entry)
    size = int(np.prod(entry.observation))
    if int(np.prod(dataset.states.shape[1:])) != size or dataset.actions.shape[1] != entry.actions:
        raise UsageError(
            f"{dataset.path}: its states {list(dataset.states.shape)} and actions {list(dataset.actions.shape)} "
            f"do not fit {entry.name}, which has {size} observations and {entry.actions} actions"
        )
    fixed = spec.evaluation.normalisation == "fixed"
    if fixed and (dataset.obs_mean is None or dataset.obs_var is None):
        hint = complete_file_hint(dataset.meta)
        raise UsageError(f"{dataset.path} has no obs_mean and obs_var, which fixed normalisation needs{hint}")
    if fixed and any(a is not None and a.size != size for a in (dataset.obs_mean, dataset.obs_var)):
        raise UsageError(f"{dataset.path}: obs_mean and obs_var do not have the {size} entries of an observation")
    said: dict[str, Any] = {name: spec_to_dict(spec)[name] for name in (*TRAINING, "evaluation")}
    said |= {"environment": entry.name, "normalisation": spec.evaluation.normalisation}
    return replace(
        dataset,
        states=dataset.states.reshape(-1, *entry.observation),
        obs_mean=dataset.obs_mean.reshape(entry.observation) if fixed and dataset.obs_mean is not None else None,
        obs_var=dataset.obs_var.reshape(entry.observation) if fixed and dataset.obs_var is not None else None,
        meta=dataset.meta | said,
    )


def _meta(datasets: Sequence[DatasetFile], specs: Sequence[RunSpec]) -> dict[str, Any]:
    names = [str(dataset.meta["environment"]) for dataset in datasets]
    return {
        "schema": SCHEMA,
        "environment": "+".join(names),
        "environments": names,
        "discrete": environments.of_spec(specs[0]).discrete,
        **_training(specs),
        "parts": [
            {
                "pairs": len(dataset.states),
                "observation": list(dataset.states.shape[1:]),
                "actions": dataset.actions.shape[1],
                "meta": dataset.meta,
            }
            for dataset in datasets
        ],
    }


def _training(specs: Sequence[RunSpec]) -> dict[str, Any]:
    out = {name: dict(spec_to_dict(specs[0])[name]) for name in TRAINING}
    out["cloning"]["epochs"] = max(spec.cloning.epochs for spec in specs)
    out["policy"] |= {"inits": None, "init_seed": None}
    return out


def _is_fixed(meta: dict[str, Any]) -> bool:
    return meta.get("normalisation") == "fixed"


def _pad(array: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Zeros behind every axis but the first, up to `sizes`."""
    gaps = [(0, wanted - size) for size, wanted in zip(array.shape[1:], sizes, strict=True)]
    return np.pad(array, [(0, 0), *gaps])


def _constant(array: np.ndarray | None, sizes: tuple[int, ...], fill: float) -> np.ndarray:
    out = np.full(sizes, fill, np.float32)
    if array is not None:
        out[tuple(slice(0, size) for size in array.shape)] = array
    return out
