"""Pairs as CSV or JSON in the formats that `hadesd pairs FILE` and `hadesd import` read, and their files.

Numbers are the shortest decimals that read back as the same float32.
"""

import csv
import errno
import io
import itertools
import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_protocol.names import action_columns, state_columns
from hades_tui.pairs.drawings.pair_text import action_of, state_of

SUFFIXES = (".csv", ".json")
MOST_COPIES = 10_000
MOST_CLIPBOARD = 74_994
"""Bytes that terminals take through OSC 52: xterm and tmux stop at 100 000 characters of base64."""


def shortest(value: float) -> str:
    """The shortest decimal that reads back as the same float32; nan, inf, -inf."""
    if not math.isfinite(value):
        return str(value)
    wanted = struct.pack("<f", value)
    return next(text for digits in range(6, 10) if struct.pack("<f", float(text := f"{value:.{digits}g}")) == wanted)


def csv_text(dataset: DatasetSnapshot) -> str:
    """CSV: a line of titles, then a line per pair, with columns `state_…`, then `action_…`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_titles(dataset))
    for pair in range(_count(dataset)):
        numbers = (*state_of(dataset, pair), *action_of(dataset, pair))
        writer.writerow([shortest(value) for value in numbers])
    return out.getvalue()


def json_text(dataset: DatasetSnapshot, run: RunSummary) -> str:
    """JSON: `states` and `actions` as nested lists, and `meta` with run, names and units."""
    content = {
        "states": _nested([_exact(v) for v in dataset.states.values()], dataset.states.shape),
        "actions": _nested([_exact(v) for v in dataset.actions.values()], dataset.actions.shape),
        "meta": _meta(dataset, run),
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def text_for(path: Path, dataset: DatasetSnapshot, run: RunSummary) -> str:
    """The text for a file of that name, by its suffix.

    Raises:
        UsageError: the suffix is neither .csv nor .json.
    """
    match path.suffix.lower():
        case ".csv":
            return csv_text(dataset)
        case ".json":
            return json_text(dataset, run)
    raise UsageError(f"'{path.name}' is no name for pairs: it must end in .csv or .json")


def directory(environment: Mapping[str, str]) -> Path:
    """The directory for files: $XDG_DOWNLOAD_DIR if it is one, else the current directory."""
    wanted = environment.get("XDG_DOWNLOAD_DIR", "")
    try:
        path = Path(wanted).expanduser()
    except RuntimeError:  # "~name" of an unknown user
        return Path.cwd()
    return path if wanted and path.is_dir() else Path.cwd()


def file_name(run: str, generation: int, suffix: str = ".csv") -> str:
    """The proposed name of a file."""
    return f"{run}-generation-{generation}{suffix}"


def write_new(path: Path, text: str) -> Path:
    """Write a new file and return its path; where the name is taken it is name-2, name-3, ...

    Raises:
        HadesError: it could not be written; one line says why. Nothing is left behind.
    """
    path = _absolute(path)
    for number in itertools.count(1):
        there = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        if number > MOST_COPIES:
            raise HadesError(f"{path} could not be written: there are {MOST_COPIES} files of that name")
        try:
            file = open(there, "x", encoding="utf-8", newline="")  # noqa: SIM115 - closed below
        except FileExistsError:
            continue
        except OSError as error:
            raise _failed(there, error) from None
        try:
            with file:
                file.write(text)
        except OSError as error:
            with suppress(OSError):  # the disk is full or gone: nothing more can be undone
                there.unlink()
            raise _failed(there, error) from None
        return there
    raise AssertionError("unreachable")


def _absolute(path: Path) -> Path:
    try:
        return Path(os.path.abspath(path.expanduser()))
    except RuntimeError:
        raise HadesError(f"{path} could not be written: {path.parts[0]} is no known user's home") from None
    except OSError:
        raise HadesError(f"{path} could not be written: the current directory is gone; give a whole path") from None


def _failed(path: Path, error: OSError) -> HadesError:
    hint = {
        errno.ENOENT: "there is no such directory",
        errno.ENOTDIR: "there is no such directory",
        errno.EACCES: "permission denied: choose another directory",
        errno.EROFS: "the file system is read-only: choose another directory",
        errno.ENOSPC: "the disk is full",
    }.get(error.errno or 0, (error.strerror or type(error).__name__).lower())
    return HadesError(f"{path} could not be written: {hint}")


def _count(dataset: DatasetSnapshot) -> int:
    return dataset.states.shape[0] if dataset.states.shape else 0


def _titles(dataset: DatasetSnapshot) -> list[str]:
    states = state_columns(dataset.states.shape[1:], dataset.observation_names)
    return states + action_columns(math.prod(dataset.actions.shape[1:]), dataset.action_names)


def _exact(value: float) -> float:
    """The double whose shortest decimal is that of the float32, for JSON."""
    return float(shortest(value))


def _nested(values: list[float], shape: Sequence[int]) -> Any:
    if len(shape) <= 1:
        return values
    size = math.prod(shape[1:])
    return [_nested(values[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def _meta(dataset: DatasetSnapshot, run: RunSummary) -> dict[str, Any]:
    return {
        "schema": 1,
        "run": run.id,
        "environment": run.env,
        "method": run.method,
        "generation": dataset.generation,
        "discrete": dataset.discrete,
        "normalisation": dataset.normalisation,
        "units": "natural" if dataset.normalisation == "none" else "normalised",
        "observation_names": list(dataset.observation_names),
        "action_names": list(dataset.action_names),
    }
