"""The four formats: what is written comes back to the bit, what is damaged is one line."""

import codecs
import json
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save as save_safetensors

from hades_protocol import names
from hades_protocol.errors import UsageError
from hadesd.analysis.datasets import column_order, formats, importing, minari_format, reader, snippet
from hadesd.cli.datasets.export import DIRECTORIES
from hadesd.spec import environments
from hadesd.storage.datasets import DIRECTORY_MARKS, SUFFIXES, is_dataset_name
from tests.helpers.processes.other_user import without_rights

META = {"environment": "CartPole-v1", "observation_names": ["x", "vx", "angle", "w"], "action_names": ["left", "right"]}
TENSOR = b'"states":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}'
TWICE = b"{" + TENSOR + b"," + TENSOR + b"}"
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


def pairs(shape: tuple[int, ...] = (3, 4), actions: int = 2) -> formats.Arrays:
    states = np.linspace(-1.0, 1.0, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return {"states": states, "actions": np.eye(shape[0], actions, dtype=np.float32)}


def test_every_format_is_declared_once() -> None:
    assert set(SUFFIXES) == set(formats.READERS) == set(formats.WRITERS)
    assert set(DIRECTORY_MARKS) == set(formats.MARKS.values())
    assert set(formats.MARKS) == set(formats.DIRECTORY_READERS) == set(formats.DIRECTORY_WRITERS) == set(DIRECTORIES)
    assert minari_format.PROBABILITIES in snippet.LOADING[".hdf5"][1].format(name="", actions="infos/probabilities")
    assert is_dataset_name("a/b.CSV")
    assert not is_dataset_name("cartpole-1121-k3f9")


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8)
    | st.sampled_from(["a,b", "x;y;z", 'say "x"', "\t", "state_a", "a", "action_a", "A", "obs a", "0", "1", "s0"]),
    min_size=4,
    max_size=4,
    unique_by=lambda name: name.strip().lower(),
).filter(lambda names: all(name == name.strip() and name for name in names))
"""Names that an environment of one's own may give its entries (distill.environments.own)."""


@pytest.mark.parametrize("format_", [*SUFFIXES, *DIRECTORIES])
@settings(max_examples=40)  # files are written through to the disk
@given(
    states=hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)), elements=FINITE),
    label=st.sampled_from([(0.0, 1.0), (1.0, 0.0), (0.25, 0.75)]),
    names=NAMES,
    discrete=st.booleans(),
)
def test_import_takes_what_export_writes_to_the_bit_in_every_format(
    tmp_path_factory: pytest.TempPathFactory,
    format_: str,
    states: np.ndarray,
    label: tuple[float, float],
    names: list[str],
    discrete: bool,
) -> None:
    directory = format_ if format_ in DIRECTORIES else ""
    path = tmp_path_factory.mktemp("formats") / ("d" if directory else f"d{format_}")
    constants = {"obs_mean": states[0], "obs_var": np.abs(states[0])}
    arrays = {"states": states, "actions": np.tile(np.array(label, np.float32), (len(states), 1)), **constants}
    size = states[0].size
    observation_names = [*names[:2], *(f"filler {i}" for i in range(size))][:size]
    own = {"observation": list(states.shape[1:]), "discrete": discrete, "actions": 2, "action_names": names[2:]}
    own["observation_names"] = observation_names
    meta = {"environment": "a.b:c", "own_environment": own, "discrete": discrete}
    meta |= {"observation_names": observation_names, "action_names": names[2:]}
    formats.write(path, arrays, json.dumps(meta), directory)
    assert is_dataset_name(str(path))
    entry = environments.of_meta(meta)
    assert entry is not None
    taken = importing.fit(path, formats.read(path), entry)
    assert taken.notes == ()
    for name, array in arrays.items():
        assert np.array_equal(taken.arrays[name], array), f"{name} changed on its way through {format_}"
    back = reader.load(path)
    assert back.meta == meta
    for name, array in arrays.items():
        found = getattr(back, name)
        assert found.dtype == np.float32
        assert found.shape == array.shape
        assert np.array_equal(found, array), f"{name} changed on its way through {format_}"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_pairs_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    formats.write(first, pairs(), json.dumps(META))
    formats.write(second, pairs(), json.dumps(META))
    assert first.read_bytes() == second.read_bytes()


def test_a_csv_has_titles_a_line_for_each_pair_and_the_rest_beside_it(tmp_path: Path) -> None:
    written = formats.write(tmp_path / "d.csv", pairs(), json.dumps(META))
    lines = (tmp_path / "d.csv").read_text().splitlines()
    assert lines[0] == "state_x,state_vx,state_angle,state_w,action_left,action_right"
    assert len(lines) == 4
    assert lines[1].startswith("-1.0,")
    assert [path.name for path in written] == ["d.csv", "d.csv.json"]
    assert json.loads((tmp_path / "d.csv.json").read_text())["meta"] == META


def test_decimals_are_short(tmp_path: Path) -> None:
    arrays = {"states": np.array([[0.1]], np.float32), "actions": np.array([[1.0]], np.float32)}
    formats.write(tmp_path / "d.json", arrays, "{}")
    assert "0.1" in (tmp_path / "d.json").read_text()
    assert "0.10000000149" not in (tmp_path / "d.json").read_text()


def test_constants_of_the_parts_of_a_merged_file_keep_their_shape(tmp_path: Path) -> None:
    arrays = pairs() | {name: np.full((2, 4), 0.5, np.float32) for name in ("obs_mean", "obs_var")}
    formats.write(tmp_path / "both.csv", arrays, json.dumps(META))
    found = formats.read(tmp_path / "both.csv").arrays
    assert np.array_equal(found["obs_mean"], arrays["obs_mean"])


def test_a_plain_csv_of_somebody_else(tmp_path: Path) -> None:
    for delimiter in ",;\t":
        text = "\ufeffx,vx,angle,w,label\n0.5,0,0,0,1\n0,0,0,-0.5,0\n\n".replace(",", delimiter)
        for encoding in ("utf-8", "utf-16-le"):
            (tmp_path / "d.csv").write_text(text, encoding=encoding)
            found = formats.read(tmp_path / "d.csv")
            assert found.arrays["states"].tolist() == [[0.5, 0, 0, 0], [0, 0, 0, -0.5]], (delimiter, encoding)
            assert found.arrays["actions"].tolist() == [[1.0], [0.0]]
            assert found.columns.state_columns == ("x", "vx", "angle", "w")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    said = "\ufeff" + json.dumps(META)
    formats.write(tmp_path / "d.csv", pairs(), json.dumps(META))
    formats.write(tmp_path / "d.json", pairs(), json.dumps(META))
    for name in ("d.csv", "d.csv.json", "d.json"):
        (tmp_path / name).write_bytes(codecs.BOM_UTF8 + (tmp_path / name).read_bytes())
    np.savez(tmp_path / "d.npz", **pairs(), meta=np.array(said))
    (tmp_path / "d.safetensors").write_bytes(save_safetensors(pairs(), metadata={"meta": said}))
    for suffix in SUFFIXES:
        found = reader.load(tmp_path / f"d{suffix}")
        assert found.meta == META, suffix
        assert np.array_equal(found.states, pairs()["states"]), suffix


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.csv", b"", "no line of titles"),
        ("d.csv", b"x,action\n", "no line of titles"),
        ("d.csv", b"1,2\n3,4\n", "not the columns' titles"),
        ("d.csv", b"x,action\n1\n", "line 2 has 1 values, but there are 2 titles"),
        ("d.csv", b"x,action\n1,left\n", "line 2 holds 'left', which is no number"),
        ("d.csv", b"x,action\n\n1,0\n\n,1\n", "line 5 has nothing in column 'x'"),
        ("d.csv", b"x,action\n\n1,0\n\n1\n", "line 5 has 1 values"),
        ("d.csv", b'"x",action\n"1\n",0\n1,left\n', "line 4 holds 'left'"),
        ("d.csv", b"x;action\n0,5;1\n", "line 2 holds '0,5', which is no number; decimals have a point"),
        ("d.csv", b"x,y\n1,2\n", "begin with 'action'; commas are taken to stand between them"),
        ("d.csv", b"x:action\n1:2\n", "begin with 'action'; commas are taken to stand between them"),
        ("d.csv", b",x,action\n0,1,2\n", "column 1 has no title: .* pandas' index"),
        ("d.csv", b"Unnamed: 0,x,action\n0,1,2\n", "column 1 has no title but 'Unnamed: 0': .* pandas' index"),
        ("d.csv", b"x,action,x\n1,2,3\n", "the column 'x' twice"),
        ("d.csv", b"\xff\xfe\x00", "not a readable CSV file"),
        ("d.json", b"", "not a readable JSON file"),
        ("d.json", b"[1]", "it holds a list, not an object"),
        ("d.json", b'{"states": [[1], [1, 2]], "actions": [[1]]}', "not a readable JSON file"),
        ("d.json", b'{"states_shape": [4]}', "it goes with d, which holds the pairs"),
        (
            "d.json",
            b'{"states": [[1]], "actions": [[1]], "meta": {"schema": 2}}',
            "schema 2, newer than this version's 1",
        ),
        ("d.json", b"[" * 100_000, "not a readable JSON file"),
        ("d.json", b'{"states": [[1]], "actions": [[1]], "states": [[2]]}', "it has 'states' twice"),
        ("d.json", b'{"states": [[1]], "actions": [[1]], "meta": {"seed": 1, "seed": 2}}', "it has 'seed' twice"),
        ("d.json", b'{"states": [[1e39]], "actions": [[1]]}', r"'states' holds 1e\+39, which is beyond float32"),
        ("d.json", b'{"states": [[1]], "actions": [[1e999]]}', "'actions' holds NaN or infinity"),
        ("d.json", b'{"states": [[1]], "actions": [[1]], "obs_mean": [0], "obs_var": [-1]}', "negative"),
        ("d.safetensors", b"", "not a readable safetensors file"),
        ("d.safetensors", b"\xff" * 64, "not a readable safetensors file"),
        ("d.safetensors", struct.pack("<Q", len(TWICE)) + TWICE + bytes(4), "it has 'states' twice"),
        ("d.npz", b"PK", "not a readable npz file"),
        ("d.xyz", b"hello", "those are .npz, .csv, .json, .safetensors"),
        ("d", b"hello", "those are .npz, .csv, .json, .safetensors"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        reader.load(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **pairs())
    with zipfile.ZipFile(tmp_path / "d.npz", "a") as archive:
        archive.writestr("states.npy", archive.read("states.npy"))
    with pytest.raises(UsageError, match="the array 'states' twice"):
        reader.load(tmp_path / "d.npz")


def test_arrays_without_pairs_are_called_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", states=np.zeros((0, 4)), actions=np.zeros((0, 2)))
    with pytest.raises(UsageError, match="has no pairs"):
        reader.load(tmp_path / "d.npz")


def test_a_file_that_may_not_be_read_is_not_called_damaged() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's are closed to other users
        place = Path(name)
        place.chmod(0o755)
        for path in (*(place / f"d{suffix}" for suffix in SUFFIXES), place / "hub", place / "locked"):
            formats.write(path, pairs(), json.dumps(META), "" if path.suffix else "huggingface")
            secret = formats.data_file(path) if path.name != "locked" else path
            secret.chmod(0)
            with without_rights(), pytest.raises(UsageError, match=rf"{secret} cannot be read \(Permission denied\)"):
                formats.read(path)
            secret.chmod(0o700)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_is_refused_or_complete(tmp_path: Path, suffix: str) -> None:
    formats.write(tmp_path / f"d{suffix}", pairs(), json.dumps(META))
    data = (tmp_path / f"d{suffix}").read_bytes()
    torn = tmp_path / f"torn{suffix}"
    for size in range(0, len(data) - 1, 11):
        torn.write_bytes(data[:size])
        try:
            found = reader.load(torn)
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017 — both ways are right, this one only in one line
        else:
            assert suffix == ".csv", "a table may end after any pair; everything else says how long it is"
            assert len(found.states) <= 3


@given(st.lists(st.integers(1, 12), min_size=0, max_size=4), st.integers(1, 20))
def test_every_entry_has_a_title_of_its_own(shape: list[int], count: int) -> None:
    size = int(np.prod(shape)) if shape else 1
    titles = [*names.state_columns(shape, ()), *names.action_columns(count, ())]
    assert len(titles) == len(set(titles)) == size + count
    assert [column_order.is_action(title) for title in titles] == [False] * size + [True] * count


def test_grids_are_named_by_place_and_channel() -> None:
    assert names.state_names((1, 2, 2), ("ball", "wall")) == ["y0x0_ball", "y0x0_wall", "y0x1_ball", "y0x1_wall"]
    assert names.state_names((2, 1, 1), ("brightness",)) == ["y0x0", "y1x0"]
    assert names.state_names((2,), ("x",)) == ["s0", "s1"]


def test_a_shape_that_no_memory_has_is_one_line(tmp_path: Path) -> None:
    empty = np.zeros((0, 2**61), np.bool_)
    with pytest.raises(UsageError, match="which is too large"):
        reader.as_float32(tmp_path / "d.npz", "states", empty)
