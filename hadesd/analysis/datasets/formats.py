"""Dataset files in four formats: npz, CSV, JSON and safetensors. Each is read back to the same float32 values.

| format | arrays | what the file says of itself (`meta`) |
| --- | --- | --- |
| npz | numpy arrays | JSON text in the array `meta` |
| csv | a line for each pair, columns `state_…` and `action_…` | beside it, in FILE.csv.json, with shape and constants |
| json | nested lists | the object `meta` |
| safetensors | tensors | JSON text under `meta` in the file's own metadata |

Nothing is ever unpickled. What arrays mean and whether they fit together is hadesd.analysis.datasets.reader' business.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_safetensors

from hades_protocol.errors import UsageError
from hadesd.analysis.datasets.column_names import action_columns, is_action, state_columns
from hadesd.storage.atomic import write_atomically, write_together

CONSTANTS = ("obs_mean", "obs_var")
ARRAYS = ("states", "actions", *CONSTANTS)

Arrays = dict[str, np.ndarray]


def read(path: Path) -> Arrays:
    """Every array in a file, by name; `meta`, where there is some, as an array that holds one JSON text.

    By the file's suffix; one that is not known is taken for npz.

    Raises:
        UsageError: the file is damaged or no such file; one line says why.
    """
    suffix = path.suffix.lower()
    reader, kind = READERS.get(suffix, READERS[".npz"])
    try:
        return reader(path)
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        NotImplementedError,
        csv.Error,
        zipfile.BadZipFile,
        SafetensorError,
    ) as error:
        raise UsageError(f"{path} is not a readable {kind} file ({_first_line(error)}): export it again") from None
    except zipfile.LargeZipFile as error:
        raise UsageError(f"{path} is too large ({_first_line(error)})") from None


def write(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    """Write a dataset in the format of the file's suffix, each file whole or not at all; the files.

    arrays: states float32 [D, *obs], actions float32 [D, A], and obs_mean, obs_var [*obs] where there are some.
    meta: JSON text of an object.

    Raises:
        OSError: a file cannot be written.
        KeyError: the suffix is none of SUFFIXES.
    """
    known = {name: np.ascontiguousarray(arrays[name], np.float32) for name in ARRAYS if name in arrays}
    return WRITERS[path.suffix.lower()](path, known, meta)


# npz ---------------------------------------------------------------------------------------------------------


def _read_npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no zip archive")
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _write_npz(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, meta=np.array(meta))  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
    return [path]


# CSV ---------------------------------------------------------------------------------------------------------


def sidecar(path: Path) -> Path:
    """Where a CSV file's meta, shape and constants stand: FILE.csv.json."""
    return path.with_name(path.name + ".json")


def _read_csv(path: Path) -> Arrays:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise ValueError("it has no line of titles with pairs below it")
    titles = [title.strip() for title in rows[0]]
    if all(_is_number(title) for title in titles):
        raise ValueError("its first line holds numbers, not the columns' titles, e.g. state_x,state_vx,action_left")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(titles):
            raise ValueError(f"line {number} has {len(row)} values, but there are {len(titles)} titles")
        if wrong := next((value for value in row if not _is_number(value)), None):
            raise ValueError(f"line {number} holds '{wrong[:40]}', which is no number")
    values = np.array([[float(value) for value in row] for row in rows[1:]])
    kept = [i for i, title in enumerate(titles) if title]  # pandas' index has no title
    acting = [i for i in kept if is_action(titles[i])]
    seen = [i for i in kept if i not in acting]
    if not acting or not seen:
        raise ValueError("its titles must be those of states, and of actions, which begin with 'action'")
    out = {"states": values[:, seen], "actions": values[:, acting]}
    return out | _read_sidecar(sidecar(path), out["states"])


def _read_sidecar(path: Path, states: np.ndarray) -> Arrays:
    if not path.is_file():
        return {}
    content = _object(path)
    shape = tuple(content.get("states_shape") or states.shape[1:])
    out: Arrays = {"states": states.reshape(len(states), *shape)}
    out |= {name: np.asarray(content[name]).reshape(shape) for name in CONSTANTS if content.get(name) is not None}
    return out | ({"meta": np.array(json.dumps(content["meta"]))} if "meta" in content else {})


def _write_csv(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    said = json.loads(meta)
    states, actions = arrays["states"], arrays["actions"]
    shape = states.shape[1:]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            *state_columns(shape, said.get("observation_names", ())),
            *action_columns(actions.shape[1], said.get("action_names", ())),
        ]
    )
    writer.writerows(np.concatenate([states.reshape(len(states), -1), actions], axis=1).astype(str).tolist())
    beside: dict[str, Any] = {"states_shape": list(shape)}
    beside |= {name: _numbers(arrays[name]) for name in CONSTANTS if name in arrays}
    write_together({path: out.getvalue().encode(), sidecar(path): _dump(beside | {"meta": said})})
    return [path, sidecar(path)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# JSON --------------------------------------------------------------------------------------------------------


def _read_json(path: Path) -> Arrays:
    content = _object(path)
    if "states_shape" in content and "states" not in content:
        raise ValueError(f"it goes with {path.stem}, which holds the pairs: name that file")
    out = {name: np.asarray(value) for name, value in content.items() if isinstance(value, list)}
    return out | ({"meta": np.array(json.dumps(content["meta"]))} if "meta" in content else {})


def _write_json(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    content = {name: _numbers(array) for name, array in arrays.items()}
    write_atomically(path, _dump(content | {"meta": json.loads(meta)}))
    return [path]


def _object(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, not an object with 'states' and 'actions'")
    return content


def _numbers(array: np.ndarray) -> Any:
    """Nested lists of the shortest decimals that are read back as the same float32."""
    return array.astype(str).astype(np.float64).tolist()


def _dump(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False) + "\n").encode()


# safetensors -------------------------------------------------------------------------------------------------


def _read_safetensors(path: Path) -> Arrays:
    with safe_open(path, framework="np") as file:
        out = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — it is no dict
        said = (file.metadata() or {}).get("meta")
    return out | ({"meta": np.array(said)} if said is not None else {})


def _write_safetensors(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    write_atomically(path, save_safetensors(arrays, metadata={"meta": meta}))
    return [path]


READERS: dict[str, tuple[Callable[[Path], Arrays], str]] = {
    ".npz": (_read_npz, "npz"),
    ".csv": (_read_csv, "CSV"),
    ".json": (_read_json, "JSON"),
    ".safetensors": (_read_safetensors, "safetensors"),
}

WRITERS: dict[str, Callable[[Path, Arrays, str], list[Path]]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".json": _write_json,
    ".safetensors": _write_safetensors,
}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
