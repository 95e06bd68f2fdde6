"""Files of pairs: read back equal, never over another file, errors in one line."""

import csv
import io
import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs import export
from tests.helpers.faults.small_disk import MIB, a_small_disk, can_mount
from tests.helpers.protocol.protocol_server import a_dataset, a_run, float_array

FLOATS = st.floats(width=32)


def bits(value: float) -> bytes:
    return struct.pack("<f", value)


def same(a: float, b: float) -> bool:
    return bits(a) == bits(b) or (math.isnan(a) and math.isnan(b))


@settings(max_examples=500)
@given(FLOATS)
def test_a_number_is_read_back_as_the_same_float32(value: float) -> None:
    assert same(float(export.shortest(value)), value)


def test_numbers_are_short() -> None:
    rounded = struct.unpack("<4f", struct.pack("<4f", 0.1, 1.0, -0.0, math.inf))
    assert [export.shortest(value) for value in rounded] == ["0.1", "1", "-0", "inf"]


def dataset(pairs: int, values: list[float], shape: tuple[int, ...], acts: int) -> DatasetSnapshot:
    size = math.prod(shape)
    return DatasetSnapshot(
        generation=12,
        states=float_array((pairs, *shape), [values[i % len(values)] for i in range(pairs * size)]),
        actions=float_array((pairs, acts), [values[-1 - i % len(values)] for i in range(pairs * acts)]),
        discrete=False,
        normalisation="running",
    )


@settings(max_examples=100)
@given(
    pairs=st.integers(0, 5),
    values=st.lists(FLOATS, min_size=1, max_size=30),
    shape=st.sampled_from([(4,), (2, 3, 2), (1,)]),
    acts=st.integers(1, 3),
)
def test_a_csv_is_read_back_equal(pairs: int, values: list[float], shape: tuple[int, ...], acts: int) -> None:
    given_ = dataset(pairs, values, shape, acts)
    titles, *rows = list(csv.reader(io.StringIO(export.csv_text(given_))))
    size = math.prod(shape)
    assert [title.split("_")[0] for title in titles] == ["state"] * size + ["action"] * acts
    assert len(rows) == pairs
    states = [float(v) for row in rows for v in row[:size]]
    actions = [float(v) for row in rows for v in row[size:]]
    assert all(same(a, b) for a, b in zip(states, given_.states.values(), strict=True))
    assert all(same(a, b) for a, b in zip(actions, given_.actions.values(), strict=True))


@settings(max_examples=50)
@given(values=st.lists(FLOATS, min_size=1, max_size=30))
def test_a_json_is_read_back_equal_with_its_shape(values: list[float]) -> None:
    given_ = dataset(2, values, (2, 2, 3), 2)
    content = json.loads(export.json_text(given_, a_run("r", env="Pong-misc")))
    assert [len(content["states"]), len(content["states"][0]), len(content["states"][0][0])] == [2, 2, 2]
    flat = [v for pair in content["states"] for row in pair for cell in row for v in cell]
    assert all(same(a, b) for a, b in zip(flat, given_.states.values(), strict=True))
    assert content["meta"]["generation"] == 12
    assert content["meta"]["units"] == "normalised"


def test_names_are_those_of_the_daemons_files() -> None:
    title = export.csv_text(a_dataset(3)).splitlines()[0]
    assert title == (
        "state_cart position,state_cart velocity,state_pole angle,state_pole velocity,action_left,action_right"
    )


def test_the_suffix_is_the_format() -> None:
    assert export.text_for(Path("a.CSV"), a_dataset(), a_run()).startswith("state_")
    assert export.text_for(Path("a.json"), a_dataset(), a_run()).startswith("{")
    with pytest.raises(UsageError, match=r"must end in \.csv or \.json"):
        export.text_for(Path("a.txt"), a_dataset(), a_run())


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    written = [export.write_new(path, text) for text in ("one", "two", "three")]
    assert [p.name for p in written] == ["pairs.csv", "pairs-2.csv", "pairs-3.csv"]
    assert [p.read_text() for p in written] == ["one", "two", "three"]


@pytest.mark.parametrize(("place", "why"), [("none/pairs.csv", "no such directory"), ("file/pairs.csv", "no such")])
def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HadesError, match=why) as caught:
        export.write_new(tmp_path / place, "text")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_too_long_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(HadesError, match="file name too long"):
        export.write_new(tmp_path / ("a" * 300 + ".csv"), "text")


def test_a_home_that_nobody_has_is_said_in_one_line() -> None:
    with pytest.raises(HadesError) as caught:
        export.write_new(Path("~nobodyhere/pairs.csv"), "text")
    assert str(caught.value) == "~nobodyhere/pairs.csv could not be written: ~nobodyhere is no known user's home"


def test_a_current_directory_that_is_gone_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(HadesError, match=r"^pairs.csv could not be written: the current directory is gone"):
        export.write_new(Path("pairs.csv"), "text")
    assert export.write_new(tmp_path / "pairs.csv", "text").read_text() == "text"


@pytest.mark.skipif(not can_mount(), reason="only root may mount")
def test_a_full_or_read_only_disk_is_said_and_nothing_is_left_behind() -> None:
    with a_small_disk(MIB) as disk:
        disk.fill()
        with pytest.raises(HadesError, match="the disk is full"):
            export.write_new(disk.directory / "pairs.csv", "text" * 10_000)
        assert not (disk.directory / "pairs.csv").exists()
        disk.clear()
        disk.make_read_only()
        with pytest.raises(HadesError, match="the file system is read-only"):
            export.write_new(disk.directory / "pairs.csv", "text")
        disk.make_writable()
        assert export.write_new(disk.directory / "pairs.csv", "text").read_text() == "text"


def test_files_go_to_the_downloads_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert export.directory({}) == tmp_path
    assert export.directory({"XDG_DOWNLOAD_DIR": str(tmp_path / "none")}) == tmp_path
    assert export.directory({"XDG_DOWNLOAD_DIR": "~nobodyhere"}) == tmp_path
    (tmp_path / "down").mkdir()
    assert export.directory({"XDG_DOWNLOAD_DIR": str(tmp_path / "down")}) == tmp_path / "down"
