"""Dataset files in four formats, npz, CSV, JSON and safetensors, and directories in two. Each is read back to the same
float32 values.

| format | arrays | what the file says of itself (`meta`) |
| --- | --- | --- |
| npz | numpy arrays | JSON text in the array `meta` |
| csv | a line for each pair, columns `state_…` and `action_…` | beside it, in FILE.csv.json, with shape and constants |
| json | nested lists | the object `meta` |
| safetensors | tensors | JSON text under `meta` in the file's own metadata |
| huggingface | safetensors, for the Hub: with a CSV for its viewer, and the card as README.md | as safetensors |
| minari | HDF5 in Minari's layout (minari_format) | in its metadata.json |

Nothing is ever unpickled. What arrays mean and whether they fit together is hadesd.analysis.datasets.reader' business.
"""

import csv
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_safetensors

from hades_protocol.errors import UsageError
from hades_protocol.names import action_columns, state_columns
from hadesd.analysis.datasets import minari_format
from hadesd.analysis.datasets.column_order import EntryNames, is_action
from hadesd.spec.user_files import parse_json, read_text
from hadesd.storage.atomic import write_outputs

CONSTANTS = ("obs_mean", "obs_var")
ARRAYS = ("states", "actions", *CONSTANTS)

FIRST_LINE = re.compile(r'\s*((?:[^"\r\n]|"(?:[^"]|"")*")*)')
QUOTED = re.compile(r'"(?:[^"]|"")*"')
TO_QUOTE = re.compile(r'[,;\t"\r\n]')

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Content:
    """What stands in a file: every array by name (`meta`: an array that holds one JSON text), a CSV's titles."""

    arrays: Arrays
    columns: EntryNames = field(default_factory=EntryNames)


def read(path: Path) -> Content:
    """The content of a file, in the format of its suffix.

    Raises:
        UsageError: the file is damaged, may not be read, or is of another kind; one line says why.
    """
    if path.is_dir():
        found = [format_ for format_, mark in MARKS.items() if os.path.isfile(path / mark)]
        _check_access(path / MARKS[found[0]] if found else path)
        if not found:
            raise UsageError(f"{path} is a directory, and none that 'hadesd export --format' writes")
        kind, reader = found[0], DIRECTORY_READERS[found[0]]
    else:
        _check_access(path)
        suffix = path.suffix.lower()
        if suffix not in READERS:
            known = ", ".join(READERS)
            raise UsageError(
                f"{path} is no kind of dataset file that is known: those are {known}, told by their suffix"
            )
        reader, kind = READERS[suffix]
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
        MemoryError,
        NotImplementedError,
        csv.Error,
        zipfile.BadZipFile,
        SafetensorError,
    ) as error:
        raise UsageError(
            f"{path} is not a readable {kind} file ({_first_line(error)}): correct it, or write it again"
        ) from None
    except zipfile.LargeZipFile as error:
        raise UsageError(f"{path} is too large ({_first_line(error)})") from None


def _check_access(path: Path) -> None:
    """Libraries say of a file that may not be read that it is damaged, or not there."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except PermissionError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): 'ls -l' says whose it is") from None
    except OSError:
        return  # the reader says what is wrong with it


def write(path: Path, arrays: Arrays, meta: str, directory: str = "") -> list[Path]:
    """Write a dataset in the format of the file's suffix, each file whole or not at all; the files.

    directory: huggingface or minari, for a directory of that kind.

    arrays: states float32 [D, *obs], actions float32 [D, A], and obs_mean, obs_var [*obs] where there are some.
    meta: JSON text of an object.

    Raises:
        OSError: a file cannot be written.
        KeyError: the suffix is none of SUFFIXES.
    """
    known = {name: np.ascontiguousarray(arrays[name], np.float32) for name in ARRAYS if name in arrays}
    if directory:
        return DIRECTORY_WRITERS[directory](path, known, meta)
    return WRITERS[path.suffix.lower()](path, known, meta)


# npz ---------------------------------------------------------------------------------------------------------


def _read_npz(path: Path) -> Content:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no zip archive")
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        if twice := _twice(archive.files):
            raise ValueError(f"it has the array '{twice}' twice")
        return Content({name: archive[name] for name in archive.files})


def _write_npz(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, meta=np.array(meta))  # type: ignore[arg-type]
    write_outputs({path: buffer.getvalue()})
    return [path]


# CSV ---------------------------------------------------------------------------------------------------------


def sidecar(path: Path) -> Path:
    """Where a CSV file's meta, shape and constants stand: FILE.csv.json."""
    return path.with_name(path.name + ".json")


def _read_csv(path: Path) -> Content:
    text = read_text(path)
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [(reader.line_num, row) for row in reader if row]
    if len(rows) < 2:
        raise ValueError("it has no line of titles with pairs below it")
    titles = [title.strip() for title in rows[0][1]]
    _check_titles(titles)
    acting = [i for i, title in enumerate(titles) if is_action(title)]
    seen = [i for i in range(len(titles)) if i not in acting]
    if not acting or not seen:
        raise ValueError(
            "its titles must be those of states, and of actions, which begin with 'action'; "
            f"{DELIMITERS[delimiter]}s are taken to stand between them"
        )
    values = np.array([_csv_values(number, row, titles, delimiter) for number, row in rows[1:]])
    arrays = {"states": values[:, seen], "actions": values[:, acting]}
    columns = EntryNames(tuple(titles[i] for i in seen), tuple(titles[i] for i in acting))
    return Content(arrays | _read_sidecar(sidecar(path), arrays["states"]), columns)


def _delimiter(text: str) -> str:
    """What stands between the titles; what is in quotes is part of one."""
    first = FIRST_LINE.match(text)
    bare = QUOTED.sub("", first[1] if first else "")
    return max(DELIMITERS, key=bare.count)


def _check_titles(titles: list[str]) -> None:
    if all(_is_number(title) for title in titles):
        raise ValueError("its first line holds numbers, not the columns' titles, e.g. state_x,state_vx,action_left")
    for number, title in enumerate(titles, start=1):
        if not title or title.lower().startswith("unnamed:"):
            raise ValueError(
                f"column {number} has no title{f' but {title!r}' if title else ''}: leave it out; "
                "of pandas' index, to_csv(index=False) does"
            )
    if twice := _twice(titles):
        raise ValueError(f"it has the column '{twice[:40]}' twice")


def _csv_values(number: int, row: list[str], titles: list[str], delimiter: str) -> list[float]:
    """The numbers of one line. number: of that line, from 1."""
    if len(row) != len(titles):
        raise ValueError(f"line {number} has {len(row)} values, but there are {len(titles)} titles")
    for title, value in zip(titles, row, strict=True):
        if not value.strip():
            raise ValueError(f"line {number} has nothing in column '{title[:40]}'")
        if not _is_number(value):
            hint = "; decimals have a point" if delimiter != "," and _is_number(value.replace(",", ".")) else ""
            raise ValueError(f"line {number} holds '{value[:40]}', which is no number{hint}")
    return [float(value) for value in row]


def _read_sidecar(path: Path, states: np.ndarray) -> Arrays:
    if not path.is_file():
        return {}
    content = _object(path)
    shape = tuple(content.get("states_shape") or states.shape[1:])
    out: Arrays = {"states": states.reshape(len(states), *shape)}
    for name in CONSTANTS:
        if content.get(name) is not None:
            known = np.asarray(content[name])
            # A merged file has constants for each of its parts.
            out[name] = known.reshape(shape) if known.size == math.prod(shape) else known
    return out | ({"meta": np.array(json.dumps(content["meta"]))} if "meta" in content else {})


def _write_csv(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    said = json.loads(meta)
    states, actions = arrays["states"], arrays["actions"]
    shape = states.shape[1:]
    beside: dict[str, Any] = {"states_shape": list(shape)}
    beside |= {name: _numbers(arrays[name]) for name in CONSTANTS if name in arrays}
    write_outputs({path: csv_text(states, actions, said).encode(), sidecar(path): _dump(beside | {"meta": said})})
    return [path, sidecar(path)]


def csv_text(states: np.ndarray, actions: np.ndarray, meta: dict[str, Any]) -> str:
    """The pairs as CSV with titles; one with any delimiter in it is quoted, so that nobody takes it for several."""
    titles = state_columns(states.shape[1:], meta.get("observation_names", ()))
    titles += action_columns(actions.shape[1], meta.get("action_names", ()))
    quoted = ['"' + title.replace('"', '""') + '"' if TO_QUOTE.search(title) else title for title in titles]
    rows = np.concatenate([states.reshape(len(states), -1), actions], axis=1).astype(str).tolist()
    return "\n".join(",".join(row) for row in (quoted, *rows)) + "\n"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# JSON --------------------------------------------------------------------------------------------------------


def _read_json(path: Path) -> Content:
    content = _object(path)
    if "states_shape" in content and "states" not in content:
        raise ValueError(f"it goes with {path.stem}, which holds the pairs: name that file")
    out = {name: np.asarray(value) for name, value in content.items() if isinstance(value, list)}
    return Content(out | ({"meta": np.array(json.dumps(content["meta"]))} if "meta" in content else {}))


def _write_json(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    content = {name: _numbers(array) for name, array in arrays.items()}
    write_outputs({path: _dump(content | {"meta": json.loads(meta)})})
    return [path]


def _object(path: Path) -> dict[str, Any]:
    content = parse_json(read_text(path))
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, not an object with 'states' and 'actions'")
    return content


def _numbers(array: np.ndarray) -> Any:
    """Nested lists of the shortest decimals that are read back as the same float32."""
    return array.astype(str).astype(np.float64).tolist()


def _dump(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False) + "\n").encode()


# safetensors -------------------------------------------------------------------------------------------------


def _read_safetensors(path: Path) -> Content:
    with safe_open(path, framework="np") as file:
        out = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — it is no dict
        said = (file.metadata() or {}).get("meta")
    with open(path, "rb") as raw:
        parse_json(raw.read(int.from_bytes(raw.read(8), "little")).decode())  # safetensors takes double names
    return Content(out | ({"meta": np.array(said)} if said is not None else {}))


def _write_safetensors(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    write_outputs({path: save_safetensors(arrays, metadata={"meta": meta})})
    return [path]


READERS: dict[str, tuple[Callable[[Path], Content], str]] = {
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


# Directories -------------------------------------------------------------------------------------------------

HUB_DATA, HUB_TABLE = "dataset.safetensors", "pairs.csv"


def _read_hub(path: Path) -> Content:
    return _read_safetensors(path / HUB_DATA)


def _write_hub(path: Path, arrays: Arrays, meta: str) -> list[Path]:
    path.mkdir(parents=True, exist_ok=True)
    data, table = path / HUB_DATA, path / HUB_TABLE
    text = csv_text(arrays["states"], arrays["actions"], json.loads(meta))
    write_outputs({data: save_safetensors(arrays, metadata={"meta": meta}), table: text.encode()})
    return [data, table]


def _read_minari(path: Path) -> Content:
    return Content(minari_format.read(path))


MARKS = {"huggingface": HUB_DATA, "minari": str(minari_format.DATA)}
"""The file by which a directory of that format is known."""

DIRECTORY_READERS: dict[str, Callable[[Path], Content]] = {"huggingface": _read_hub, "minari": _read_minari}
DIRECTORY_WRITERS: dict[str, Callable[[Path, Arrays, str], list[Path]]] = {
    "huggingface": _write_hub,
    "minari": minari_format.write,
}


def data_file(path: Path) -> Path:
    """The file that holds the arrays of a dataset: itself, or the one in a directory."""
    return next((path / mark for mark in MARKS.values() if (path / mark).is_file()), path)


def _twice(names: list[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
