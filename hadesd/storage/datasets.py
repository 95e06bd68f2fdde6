"""Reads dataset.npz without numpy: a zip of .npy files, each a header and plain bytes."""

import ast
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.codec import MAX_MESSAGE, Array
from hades_protocol.errors import InternalError, NotFoundError
from hades_protocol.messages import Count, DatasetSnapshot
from hades_protocol.run_spec import OwnEnvironment
from hadesd.spec.environments import described
from hadesd.storage.layout import RunPaths

SCHEMA = 1
"""Of the `meta` of dataset files."""

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000

DAMAGE = (
    *(OSError, KeyError, IndexError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError),
    *(struct.error, zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError),
)
"""What zipfile, zlib, struct and ast raise for a file that is not what it should be."""


class _Meta(msgspec.Struct, frozen=True):
    """What is read of the file's `meta`."""

    schema: int = SCHEMA
    generation: Count = 0
    discrete: bool = False
    normalisation: str = "none"
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    environment: str = ""
    own_environment: OwnEnvironment | None = None

    @property
    def units(self) -> tuple[str, ...]:
        """Of the entries of an observation, of an environment of one's own."""
        return described(self.environment, self.own_environment).shown_units if self.own_environment else ()


def read_dataset(directory: Path, run: str) -> DatasetSnapshot:
    """The newest dataset in a run directory.

    Raises:
        NotFoundError: there is none yet.
        InternalError: the file is damaged.
    """
    try:
        return read_file(RunPaths(directory).dataset)
    except FileNotFoundError:
        raise NotFoundError(f"run {run} has no dataset yet: it is written with the first generation") from None


def read_file(path: Path) -> DatasetSnapshot:
    """The dataset in a file.

    Raises:
        FileNotFoundError: there is no such file.
        InternalError: it is damaged, or of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            meta = msgspec.json.decode(_text(_member(archive, "meta.npy")), type=_Meta)
            states = _array(_member(archive, "states.npy"))
            actions = _array(_member(archive, "actions.npy"))
            known = set(archive.namelist()) if meta.normalisation == "fixed" else set()
            mean, variance = (
                _array(_member(archive, f"{name}.npy")) if f"{name}.npy" in known else None
                for name in ("obs_mean", "obs_var")
            )
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        raise InternalError(f"{path} is damaged: {error}") from None
    if meta.schema > SCHEMA:
        raise InternalError(f"{path} has schema {meta.schema}, newer than this version's {SCHEMA}")
    return DatasetSnapshot(
        generation=meta.generation,
        states=states,
        actions=actions,
        discrete=meta.discrete,
        normalisation=meta.normalisation,
        observation_names=meta.observation_names,
        action_names=meta.action_names,
        obs_mean=mean,
        obs_var=variance,
        observation_units=meta.units,
    )


def generation_of(path: Path) -> int:
    """The generation after which a dataset in a file was the mean; 0 where there is no file that says it."""
    try:
        return read_file(path).generation
    except (FileNotFoundError, InternalError):
        return 0


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of the archive, but never more than fits into a message: a zip may hold far more than its size."""
    with archive.open(name) as file:
        data = file.read(MAX_MESSAGE + 1)
    if len(data) > MAX_MESSAGE:
        raise ValueError(f"{name} has more than {MAX_MESSAGE} bytes")
    return data


def _array(data: bytes) -> Array:
    header, body = _split(data)
    if header["descr"] != "<f4" or header["fortran_order"]:
        raise ValueError(f"an array of {header['descr']}, not of float32 in C order")
    return Array(dtype="float32", shape=tuple(header["shape"]), data=body)


def _text(data: bytes) -> str:
    """A 0-d array of text (<U, four bytes a character)."""
    header, body = _split(data)
    if not str(header["descr"]).startswith("<U"):
        raise ValueError(f"meta is an array of {header['descr']}, not of text")
    return body.decode("utf-32-le").rstrip("\0")


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    if data[:6] != MAGIC:
        raise ValueError("not a .npy file")
    width, code = (2, "<H") if data[6] == 1 else (4, "<I")
    (length,) = struct.unpack_from(code, data, 8)
    start = 8 + width
    if length > MAX_HEADER:
        raise ValueError(f"a .npy header of {length} bytes")
    header = ast.literal_eval(data[start : start + length].decode("latin-1"))
    if not isinstance(header, dict) or not {"descr", "fortran_order", "shape"} <= header.keys():
        raise ValueError("a .npy header without descr, fortran_order and shape")
    return header, data[start + length :]


SUFFIXES = (".npz", ".csv", ".json", ".safetensors")
DIRECTORY_MARKS = ("dataset.safetensors", "data/main_data.hdf5")
"""A file in each kind of directory that is a dataset (hadesd.analysis.datasets.formats)."""


def is_dataset_name(text: str) -> bool:
    """Whether a person means a dataset file (or a directory that is one), not a run."""
    path = Path(text)
    # os.path: whatever cannot be looked at, a name that is too long say, is none.
    return path.suffix.lower() in SUFFIXES or any(os.path.isfile(path / mark) for mark in DIRECTORY_MARKS)
