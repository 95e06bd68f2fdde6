"""Device arrays -> plain numbers, lines and files: the one place where they meet."""

import contextlib
import functools
import io
import json
import math
import os
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hades_protocol.codec import Array
from hades_protocol.messages import DatasetSnapshot, GenerationMetrics
from hades_protocol.run_spec import RunSpec
from hadesd.compute import own_code
from hadesd.distill import visited
from hadesd.distill.averaging import mean_of
from hadesd.distill.dataset import Region
from hadesd.distill.generation import Metrics
from hadesd.distill.problem import EvolutionState, Problem
from hadesd.spec import environments
from hadesd.spec.dataset_meta import settings_meta, sources_meta
from hadesd.storage.atomic import write_outputs
from hadesd.storage.datasets import SCHEMA

PACKAGES = ("hades-distil", "jax", "jaxlib", "evosax", "brax", "gymnax", "flax", "optax", "orbax-checkpoint")

WHERE_INSTALLED = (
    *("mujoco", "mujoco-mjx"),
    *(f"jax-cuda{major}-{part}" for major in (12, 13) for part in ("plugin", "pjrt")),
    *("nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-cublas", "nvidia-cudnn-cu13"),
)
"""Brax's physics `mjx`, and what computes on a GPU."""


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the packages that decide what a run computes."""
    found = {name: version(name) for name in PACKAGES}
    for name in WHERE_INSTALLED:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def versions_of(spec: RunSpec) -> dict[str, str]:
    """The same, and of the packages whose code the run's settings name, with a digest of that code."""
    return versions() | own_code.version_of(spec)


def plain(value: Any) -> float | None:
    """A float of nine digits (exact for float32), or None for NaN and infinity, which JSON does not know."""
    number = float(value)
    return float(f"{number:.9g}") if math.isfinite(number) else None


def metrics_of(
    spec: RunSpec, problem: Problem, generation: int, metrics: Metrics, evaluated: np.ndarray | None = None
) -> GenerationMetrics:
    """The metrics line of a generation (from 1); `evaluated`: of evaluate_mean, where it was made."""
    m = jax.tree.map(np.asarray, metrics)
    inits = spec.inits if spec.method != "es" else 1
    mean, sem = (None, None) if evaluated is None else mean_and_error(evaluated)
    return GenerationMetrics(
        generation=generation,
        fitness_mean=plain(m.fitness_mean),
        fitness_best=plain(m.fitness_best),
        fitness_worst=plain(m.fitness_worst),
        fitness_std=plain(m.fitness_std),
        best_so_far=plain(m.best_so_far),
        sigma=plain(m.sigma),
        episodes=int(m.episodes),
        unfinished=int(m.unfinished),
        nan=int(m.nan),
        env_steps=spec.evolution.population * inits * _cost(spec, problem),
        evaluated_mean=mean,
        evaluated_sem=sem,
    )


def reaches_target(spec: RunSpec, line: GenerationMetrics) -> bool:
    """Whether a run is finished with this generation, by evolution.target."""
    value = line.evaluated_mean if spec.evaluation.mean_every else line.fitness_mean
    return spec.evolution.target is not None and value is not None and value >= spec.evolution.target


def _cost(spec: RunSpec, problem: Problem) -> int:
    """Environment steps, or images, that one policy is evaluated on."""
    if problem.task_data.train is None:
        return spec.evaluation.environments * spec.evaluation.steps
    count = len(problem.task_data.train.labels)
    return min(spec.images.batch or count, count)


def mean_and_error(evaluated: np.ndarray) -> tuple[float | None, float | None]:
    """Mean of float [inits, groups] and its standard error: over inits, or over groups where there is one init."""
    values = evaluated.mean(axis=1) if len(evaluated) > 1 else evaluated[0]
    error = plain(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return plain(values.mean()), error


def mean_pairs(problem: Problem, state: EvolutionState) -> dict[str, np.ndarray]:
    """The mean dataset: states float32 [D, *obs], actions float32 [D, A]; and obs_mean, obs_var where fixed.

    Empty for direct neuroevolution, which has no dataset.
    """
    if problem.layout is None:
        return {}
    mean: Any = np.asarray(mean_of(problem, state))
    pairs = problem.layout.unflatten(mean, _region(problem, state))
    out = {"states": np.asarray(pairs.states, np.float32), "actions": np.asarray(pairs.targets, np.float32)}
    if problem.evaluation.normalisation == "fixed":
        out["obs_mean"] = np.asarray(state.constants.mean, np.float32)
        out["obs_var"] = np.asarray(state.constants.variance, np.float32)
    return out


def mean_dataset(
    spec: RunSpec, problem: Problem, state: EvolutionState, generation: int
) -> tuple[dict[str, np.ndarray], str]:
    """The mean dataset after a generation, and its `meta`; both empty for direct neuroevolution."""
    arrays = mean_pairs(problem, state)
    return arrays, dataset_meta(spec, generation, _bound_of(problem, state)) if arrays else ""


def _bound_of(problem: Problem, state: EvolutionState) -> dict[str, Any] | None:
    """What the states are bound to, for a dataset's meta: they lie within `deviations` times `std` of `mean`.

    mean, std: of the states that trained policies visit, flat lists in the order and the units of the states' entries.
    None: nothing.
    """
    region = _region(problem, state)
    if region is None or problem.layout is None:
        return None
    mean, std = ([plain(value) for value in np.asarray(array).ravel()] for array in region)
    return {"deviations": problem.layout.bound, "mean": mean, "std": std}


def _region(problem: Problem, state: EvolutionState) -> Region | None:
    region = visited.region_of(problem, state.constants, state.visited)
    return None if region is None else Region(*(np.asarray(array) for array in region))  # type: ignore[arg-type]


def dataset_meta(spec: RunSpec, generation: int, bound: dict[str, Any] | None = None) -> str:
    """The `meta` of an exported dataset: JSON that says how it was made and how to use it. bound: of _bound_of."""
    entry = environments.of_spec(spec)
    meta = {
        "schema": SCHEMA,
        **settings_meta(
            spec,
            generation,
            normalisation=spec.evaluation.normalisation,
            discrete=entry.discrete,
            observation_names=entry.observation_names,
            action_names=entry.action_names,
        ),
        "versions": versions_of(spec),
    }
    if bound is not None:
        meta["bound"] = bound
    meta |= sources_meta(spec)
    return json.dumps(meta)


def dataset_bytes(arrays: dict[str, np.ndarray], meta: str) -> bytes:
    """The content of an npz. The same arrays give the same bytes."""
    file = io.BytesIO()
    np.savez(file, **arrays, meta=np.array(meta))  # type: ignore[arg-type]
    return file.getvalue()


def generation_of(path: Path) -> int:
    """The generation whose mean dataset an npz of ours holds; 0 where there is no such file, or none that says it."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return int(json.loads(str(archive["meta"]))["generation"])
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return 0


def replace_dataset(path: Path, data: bytes) -> None:
    """Replace an npz of a run's directory atomically; it need not be on the disk at once."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def write_dataset(path: Path, arrays: dict[str, np.ndarray], meta: str) -> None:
    """Write an npz that a person named, or replace it atomically."""
    write_outputs({path: dataset_bytes(arrays, meta)})


def snapshot_of(spec: RunSpec, generation: int, arrays: dict[str, np.ndarray]) -> DatasetSnapshot:
    """The pairs as clients get them."""
    entry = environments.of_spec(spec)
    return DatasetSnapshot(
        generation=generation,
        states=_wire(arrays["states"]),
        actions=_wire(arrays["actions"]),
        discrete=entry.discrete,
        normalisation=spec.evaluation.normalisation,
        observation_names=entry.observation_names,
        action_names=entry.action_names,
        obs_mean=_wire(arrays["obs_mean"]) if "obs_mean" in arrays else None,
        obs_var=_wire(arrays["obs_var"]) if "obs_var" in arrays else None,
        observation_units=entry.shown_units,
    )


def _wire(array: np.ndarray) -> Array:
    return Array(dtype="float32", shape=tuple(array.shape), data=np.ascontiguousarray(array, "<f4").tobytes())
