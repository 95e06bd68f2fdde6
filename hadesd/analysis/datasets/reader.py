"""Reading an exported dataset, ours or anybody's, and the settings that go with it."""

import errno
import typing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_spec import Method, RunSpec
from hades_protocol.settings import leaves
from hadesd.analysis.datasets import formats
from hadesd.analysis.datasets.column_order import (
    EntryNames,
    order_actions,
    order_constants,
    order_states,
    with_meta,
)
from hadesd.spec.environments import EnvironmentInfo, of_meta, own_of_meta
from hadesd.spec.user_files import as_argument, parse_json
from hadesd.storage.datasets import SCHEMA

METHODS = typing.get_args(Method)


@dataclass(frozen=True)
class DatasetFile:
    """The content of a dataset file (hadesd.analysis.datasets.formats).

    states float32 [D, ...]; actions float32 [D, A]; obs_mean and obs_var where the normalisation is fixed;
    meta: what the file says of itself ({} for a plain one). columns: a CSV file's titles, as long as the entries are
    not brought into an environment's order.
    """

    path: Path
    states: np.ndarray
    actions: np.ndarray
    obs_mean: np.ndarray | None = None
    obs_var: np.ndarray | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    columns: EntryNames = field(default_factory=EntryNames)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False  # no file has such a name


def check_sizes(dataset: DatasetFile, name: str, observation: tuple[int, ...], actions: int) -> None:
    """Refuse a dataset whose entries are not as many as those of the environment.

    Raises:
        UsageError: the numbers differ.
    """
    size, wanted = int(np.prod(dataset.states.shape[1:])), int(np.prod(observation))
    if size != wanted:
        raise UsageError(
            f"{dataset.path}: its observations have {size} entries, those of {name} have {wanted}: "
            "is --env the environment it was made for?"
        )
    if dataset.actions.shape[1] != actions:
        raise UsageError(
            f"{dataset.path}: its actions have {dataset.actions.shape[1]} entries, those of {name} {actions}"
        )


def check_constants(source: object, mean: np.ndarray | None, variance: np.ndarray | None, size: int) -> None:
    """Refuse constants of normalisation that are not one for each of the `size` entries of a state.

    Raises:
        UsageError: they are more or fewer.
    """
    for name, array in (("obs_mean", mean), ("obs_var", variance)):
        if array is not None and array.size != size:
            raise UsageError(f"{source}: {name} has {array.size} entries, not {size}")


def check_arrays(source: object, states: np.ndarray, actions: np.ndarray) -> None:
    """Refuse what is no dataset of D pairs.

    Raises:
        UsageError: not [D, *obs] and [D, A] with the same D, or an axis has length 0.
    """
    if states.ndim < 2 or actions.ndim != 2 or states.shape[0] != actions.shape[0]:
        raise UsageError(
            f"{source}: states {list(states.shape)} and actions {list(actions.shape)} do not fit: "
            "they must be [D, *obs] and [D, A] with the same D"
        )
    if not states.size or not actions.size:
        what = "pairs" if not len(states) else "observations" if not states.size else "actions"
        raise UsageError(f"{source} has no {what}: its arrays have length 0")


def load(path: Path) -> DatasetFile:
    """Read a file with `states` and `actions`, or a directory that is a dataset (formats.read).

    Where it says its environment, its entries are in that one's order.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is damaged, or its arrays do not fit together or to the names of their entries.
    """
    if not _exists(path):
        raise NotFoundError(f"there is no file {path}: make one with: hadesd export RUN -o {as_argument(path.name)}")
    read = formats.read(path)
    content = read.arrays
    for name in ("states", "actions"):
        if name not in content:
            raise UsageError(f"{path} has no array '{name}': a dataset has 'states' [D, *obs] and 'actions' [D, A]")
    numbers = {name: as_float32(path, name, content[name]) for name in formats.ARRAYS if name in content}
    states, actions = numbers["states"], numbers["actions"]
    check_arrays(path, states, actions)
    mean, variance = numbers.get("obs_mean"), numbers.get("obs_var")
    dataset = DatasetFile(path, states, actions, mean, variance, read_meta(path, content), read.columns)
    entry = of_meta(dataset.meta)
    return dataset if entry is None else in_order_of(dataset, entry)


def in_order_of(dataset: DatasetFile, entry: EnvironmentInfo) -> DatasetFile:
    """The dataset with the entries of states, actions and constants in an environment's order, and named like its.

    Arrays of other sizes than the environment's stay as they are.

    Raises:
        UsageError: a name is none of the environment's, or is there twice.
    """
    path = dataset.path
    names = with_meta(path, dataset.columns, dataset.meta)
    mean, variance = (
        None if array is None else order_constants(path, names, array, entry)
        for array in (dataset.obs_mean, dataset.obs_var)
    )
    own = {"observation_names": list(entry.observation_names), "action_names": list(entry.action_names)}
    return replace(
        dataset,
        states=order_states(path, names, dataset.states, entry),
        actions=order_actions(path, names, dataset.actions, entry),
        obs_mean=mean,
        obs_var=variance,
        meta=dataset.meta | {key: value for key, value in own.items() if dataset.meta.get(key)},
        columns=EntryNames(),
    )


def settings_from_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """The settings that a file's meta holds, as nested RunSpec values; what is not known is left out."""
    known = leaves(RunSpec)
    values: dict[str, Any] = {}
    if "environment" in meta:
        values["env"] = meta["environment"]
    if (own := own_of_meta(meta)) is not None:
        values["own_environment"] = msgspec.to_builtins(own)
    for key in ("backend", "method", "seed"):
        if key in meta and (key != "method" or meta[key] in METHODS):  # a dataset that was imported has none
            values[key] = meta[key]
    for section in ("policy", "cloning", "evaluation", "images"):
        entries = meta.get(section)
        if isinstance(entries, dict):
            values[section] = {key: value for key, value in entries.items() if f"{section}.{key}" in known}
    if "normalisation" in meta:
        values.setdefault("evaluation", {})["normalisation"] = meta["normalisation"]
    return values


def bound_of(meta: dict[str, Any]) -> float | None:
    """Standard deviations of the states that trained policies visit that a file's states keep within; None: unknown."""
    bound = meta.get("bound")
    deviations = bound.get("deviations") if isinstance(bound, dict) else None
    return float(deviations) if isinstance(deviations, int | float) and deviations > 0 else None


def complete_file_hint(meta: dict[str, Any]) -> str:
    """Where to get what a file lacks: pairs that were saved from the screen name their run. Empty for other files."""
    run = meta.get("run")
    if not isinstance(run, str):
        return ""
    return f"; 'hadesd export {as_argument(run)}' (E on the screen) writes a file that has them"


def as_float32(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """An array as float32.

    Raises:
        UsageError: it holds no numbers, NaN, infinity, or a number that is beyond float32; a variance below 0; it is
            too large.
    """
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{path}: '{name}' holds {array.dtype}, not numbers")
    if not np.all(np.isfinite(array)):
        raise UsageError(f"{path}: '{name}' holds NaN or infinity")
    try:
        with np.errstate(over="ignore"):
            out = np.asarray(array, np.float32)
    except (ValueError, MemoryError):  # an axis of none, and others so long that four bytes each are beyond any size
        raise UsageError(f"{path}: '{name}' has the shape {list(array.shape)}, which is too large") from None
    if not np.all(np.isfinite(out)):
        beyond = array[~np.isfinite(out)][0]
        raise UsageError(f"{path}: '{name}' holds {beyond:g}, which is beyond float32 ({np.finfo(np.float32).max:g})")
    if name == "obs_var" and np.any(out < 0):
        raise UsageError(f"{path}: obs_var holds negative values: it is a variance, not a logarithm")
    return out


def read_meta(path: Path, content: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a file says of itself; {} where it says nothing.

    Raises:
        UsageError: its `meta` is no JSON object, or of a newer version.
    """
    if "meta" not in content:
        return {}
    try:
        meta = parse_json(str(content["meta"]))
    except ValueError as error:
        raise UsageError(f"{path}: its 'meta' is no JSON ({_first_line(error)})") from None
    if not isinstance(meta, dict):
        raise UsageError(f"{path}: its 'meta' is no JSON object")
    schema = meta.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise UsageError(f"{path} has schema {schema}, newer than this version's {SCHEMA}: upgrade hades")
    return meta


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
