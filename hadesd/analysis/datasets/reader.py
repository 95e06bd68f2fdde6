"""Reading an exported dataset, ours or anybody's, and the settings that go with it."""

import json
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_spec import Method, RunSpec
from hades_protocol.settings import leaves
from hadesd.analysis.datasets import formats
from hadesd.storage.datasets import SCHEMA

METHODS = typing.get_args(Method)


@dataclass(frozen=True)
class DatasetFile:
    """The content of a dataset file (hadesd.analysis.datasets.formats).

    states float32 [D, ...]; actions float32 [D, A]; obs_mean and obs_var where the normalisation is fixed;
    meta: what the file says of itself ({} for a plain one).
    """

    path: Path
    states: np.ndarray
    actions: np.ndarray
    obs_mean: np.ndarray | None = None
    obs_var: np.ndarray | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def load(path: Path) -> DatasetFile:
    """Read a file with `states` and `actions`: npz, csv, json or safetensors by its suffix.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is damaged, or its arrays do not fit together.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}: make one with 'hadesd export RUN -o {path.name}'")
    content = formats.read(path)
    for name in ("states", "actions"):
        if name not in content:
            raise UsageError(f"{path} has no array '{name}': a dataset has 'states' [D, *obs] and 'actions' [D, A]")
    states, actions = _numbers(path, "states", content), _numbers(path, "actions", content)
    if states.ndim < 2 or actions.ndim != 2 or states.shape[0] != actions.shape[0] or states.shape[0] == 0:
        raise UsageError(
            f"{path}: states {list(states.shape)} and actions {list(actions.shape)} do not fit: "
            "they must be [D, *obs] and [D, A] with the same D"
        )
    return DatasetFile(
        path=path,
        states=states,
        actions=actions,
        obs_mean=_numbers(path, "obs_mean", content) if "obs_mean" in content else None,
        obs_var=_numbers(path, "obs_var", content) if "obs_var" in content else None,
        meta=read_meta(path, content),
    )


def settings_from_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """The settings that a file's meta holds, as nested RunSpec values; what is not known is left out."""
    known = leaves(RunSpec)
    values: dict[str, Any] = {}
    if "environment" in meta:
        values["env"] = meta["environment"]
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


def complete_file_hint(meta: dict[str, Any]) -> str:
    """Where to get what a file lacks: pairs that were saved from the screen name their run. Empty for other files."""
    run = meta.get("run")
    return f"; 'hadesd export {run}' (E on the screen) writes a file that has them" if isinstance(run, str) else ""


def _numbers(path: Path, name: str, content: dict[str, np.ndarray]) -> np.ndarray:
    array = content[name]
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{path}: '{name}' holds {array.dtype}, not numbers")
    if not np.all(np.isfinite(array)):
        raise UsageError(f"{path}: '{name}' holds NaN or infinity")
    return np.asarray(array, np.float32)


def read_meta(path: Path, content: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a file says of itself; {} where it says nothing.

    Raises:
        UsageError: its `meta` is no JSON object, or of a newer version.
    """
    if "meta" not in content:
        return {}
    try:
        meta = json.loads(str(content["meta"]))
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
