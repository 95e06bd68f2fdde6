"""Files in a run directory that are damaged or hostile: one error, no crash, no flood of memory."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hades_protocol.codec import MAX_MESSAGE
from hades_protocol.errors import InternalError
from hades_protocol.messages import DatasetSnapshot, Reference
from hadesd import worker_protocol
from hadesd.storage.datasets import read_dataset
from hadesd.storage.layout import RunPaths
from hadesd.storage.references import read_references

FUZZ = settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def npy(header: str, body: bytes) -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def a_meta(text: str = '{"generation": 3}') -> bytes:
    return npy(f"{{'descr': '<U{len(text)}', 'fortran_order': False, 'shape': ()}}", text.encode("utf-32-le"))


def floats(shape: str = "(2,)", body: bytes = bytes(8), descr: str = "'<f4'") -> bytes:
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}", body)


GOOD = npz(meta=a_meta(), states=floats(), actions=floats())


def look(directory: Path, data: bytes) -> DatasetSnapshot | None:
    (RunPaths(directory).dataset).write_bytes(data)
    try:
        return read_dataset(directory, "run")
    except InternalError as error:
        assert "is damaged" in str(error)  # noqa: PT017 — not raising is as good
        return None


def test_the_file_that_the_others_are_made_of_is_good(tmp_path: Path) -> None:
    found = look(tmp_path, GOOD)
    assert found is not None
    assert (found.generation, found.states.shape) == (3, (2,))


@FUZZ
@given(cut=st.integers(0, len(GOOD)), flips=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255))))
def test_a_damaged_dataset_is_said_to_be_damaged(tmp_path: Path, cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, mask in flips:
        data[at] ^= mask
    look(tmp_path, bytes(data[:cut] if cut % 2 else data))


@FUZZ
@given(header=st.text(st.characters(max_codepoint=255), max_size=200), body=st.binary(max_size=40))
def test_any_header_of_an_array(tmp_path: Path, header: str, body: bytes) -> None:
    look(tmp_path, npz(meta=a_meta(), states=npy(header, body), actions=floats()))
    look(tmp_path, npz(meta=npy(header, body), states=floats(), actions=floats()))


@pytest.mark.parametrize(
    "states",
    [
        floats(shape="7"),
        floats(shape="(-2,)"),
        floats(shape="('2',)"),
        floats(shape="(10**9,)"),
        floats(descr="'|O'", body=b"\x80\x04cos\nsystem\n(S'true'\ntR."),
        floats(descr="__import__('os').system('true')"),
        npy("(" * 5000, b""),
        npy("[" * 9000 + "]" * 900, b""),
        npy("-" * 9000 + "1", b""),
        b"\x93NUMPY",
        b"",
    ],
    ids=lambda data: repr(data[:40]),
)
def test_arrays_that_lie_or_hide_objects(tmp_path: Path, states: bytes) -> None:
    assert look(tmp_path, npz(meta=a_meta(), states=states, actions=floats())) is None


def test_a_small_zip_of_a_huge_array_is_not_unpacked(tmp_path: Path) -> None:
    huge = npz(meta=a_meta(), states=floats(f"({MAX_MESSAGE // 4},)", bytes(MAX_MESSAGE)), actions=floats())
    assert len(huge) < MAX_MESSAGE / 100
    assert look(tmp_path, huge) is None


@FUZZ
@given(data=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_references(tmp_path: Path, data: bytes) -> None:
    (RunPaths(tmp_path).references).write_bytes(data)
    found = read_references(tmp_path)
    assert all(isinstance(one, Reference) for one in found)


@pytest.mark.parametrize(
    "data", [b"[" * 60_000, b'[{"name":' * 6000, b"[" + b"1," * 40_000], ids=["lists", "maps", "large"]
)
def test_references_that_are_deep_or_large(tmp_path: Path, data: bytes) -> None:
    (RunPaths(tmp_path).references).write_bytes(data)
    assert read_references(tmp_path) == ()


@FUZZ
@given(chunks=st.lists(st.binary(max_size=60), max_size=20))
def test_a_worker_that_talks_nonsense_fills_no_memory(tmp_path: Path, chunks: list[bytes]) -> None:
    unpacker = worker_protocol.Unpacker()
    total = 0
    for chunk in chunks:
        try:
            bodies = unpacker.feed(chunk)
        except ValueError as error:
            assert "over the limit" in str(error)  # noqa: PT017 — not raising is as good
            return
        total += len(chunk)
        held: Any = unpacker._buffer
        assert sum(map(len, bodies)) + len(held) <= total
