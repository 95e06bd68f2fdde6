"""checkpoint show and unpack, on checkpoints that a real worker made."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.main import main
from hadesd.storage import records
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a finished run of four generations, of which 2, 3 and 4 are kept."""
    home = tmp_path_factory.mktemp("home")
    paths = Paths({"HADES_HOME": str(home)})
    paths.make_private()
    spec = tiny(checkpoints={"keep_newest": 3, "keep_every": 0, "keep_best": False})
    directory = paths.runs / records.create(paths.runs, spec, time.time()).id
    assert wp.finish(directory, timeout=300) == ExitCode.OK
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADES_HOME", str(home))
        yield directory


def hadesd(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(["checkpoint", *arguments])
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip()


def test_the_leaves_of_a_state_and_what_a_checkpoint_says(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = hadesd(capsys, "show", "@@3", "--json")
    assert code == ExitCode.OK, err
    document = json.loads(out)
    assert (document["id"], document["generation"]) == (run.name, 3)
    by_path = {leaf["path"]: leaf for leaf in document["leaves"]}
    assert by_path[".strategy.mean"] == {"path": ".strategy.mean", "shape": [8], "dtype": "float32", "bytes": 32}
    files = [path for path in (run / "checkpoints/3").rglob("*") if path.is_file()]
    assert document["bytes"] == sum(path.stat().st_size for path in files)
    assert document["state_bytes"] == sum(leaf["bytes"] for leaf in document["leaves"]) > 32
    assert document["metadata"]["env"] == "CartPole-v1"
    assert "leaves" not in document["metadata"]


def test_the_newest_checkpoint_as_a_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = hadesd(capsys, "show", run.name)
    assert code == ExitCode.OK, err
    assert out.splitlines()[0].split() == ["PATH", "SHAPE", "DTYPE", "BYTES"]
    assert [".strategy.mean", "[8]", "float32", "32"] in [line.split() for line in out.splitlines()]
    assert f"{run.name}, generation 4" in err


def test_an_unpacked_state_is_the_state_bit_for_bit(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.npz"
    code, out, err = hadesd(capsys, "unpack", "@", "-o", str(file), "--json")
    assert code == ExitCode.OK, err
    document = json.loads(out)
    assert (document["id"], document["generation"], document["file"]) == (run.name, 4, str(file))
    assert document["bytes"] == file.stat().st_size
    with np.load(file, allow_pickle=False) as unpacked, np.load(run / "dataset.npz") as dataset:
        assert set(unpacked.files) == {leaf["path"] for leaf in document["leaves"]} | {"meta"}
        for leaf in document["leaves"]:
            array = unpacked[leaf["path"]]
            assert (list(array.shape), str(array.dtype)) == (leaf["shape"], leaf["dtype"])
            assert array.nbytes == leaf["bytes"]
        mean = unpacked[".averaged"]  # of the means, evolution.averaging
        assert mean.tobytes() == dataset["states"].tobytes(), "labels are fixed: what evolves are the states"
        assert int(unpacked[".generation"]) == 4
        assert json.loads(str(unpacked["meta"]))["env"] == "CartPole-v1"


def test_what_exists_is_replaced_with_force_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.npz"
    file.write_bytes(b"mine")
    code, _, err = hadesd(capsys, "unpack", "@", "-o", str(file))
    assert (code, err.count("\n"), file.read_bytes()) == (ExitCode.USAGE, 0, b"mine")
    assert "--force" in err
    code, out, _ = hadesd(capsys, "unpack", "@", "-o", str(file), "--force")
    assert (code, out.strip()) == (ExitCode.OK, str(file))
    assert file.read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "@@1"], 3, "keeps no checkpoint of generation 1; kept: 2, 3, 4"),
        (["show", "nobody"], 3, "there is no run 'nobody'"),
        (["show", "@@x"], 2, "after @ comes a generation"),
        (["show"], 2, "RUN[@GEN]"),
        (["list", "@"], 2, "invalid choice"),
        (["unpack", "@"], 2, "-o/--output"),
        (["unpack", "@", "-o", "{tmp}/state.csv"], 2, "written as an npz file"),
        (["unpack", "@", "-o", "{tmp}/none/state.npz"], 2, "No such file or directory"),
        (["unpack", "@@1", "-o", "{tmp}/state.npz"], 3, "keeps no checkpoint of generation 1"),
    ],
)
def test_bad_input_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    found, out, err = hadesd(capsys, *(text.format(tmp=tmp_path) for text in arguments))
    assert (found, out, err.count("\n")) == (code, "", 0), err
    assert says in err


def test_a_damaged_checkpoint_is_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = run / "checkpoints/7"
    shutil.copytree(run / "checkpoints/4", copy)
    try:
        packed = max((path for path in (copy / "state").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
        packed.write_bytes(packed.read_bytes()[:-1])
        code, _, err = hadesd(capsys, "unpack", "@@7", "-o", str(tmp_path / "x.npz"))
        assert (code, err.count("\n"), (tmp_path / "x.npz").exists()) == (3, 0, False), err
        assert "checkpoint 7" in err
        (copy / "hades.json").write_text("{}")
        code, _, err = hadesd(capsys, "show", "@@7")
        assert (code, err) == (3, f"hadesd: checkpoint 7 of run {run.name} is damaged: its hades.json cannot be read")
    finally:
        shutil.rmtree(copy)


def test_a_run_without_a_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    records.create(paths.runs, tiny(), time.time())
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    code, _, err = hadesd(capsys, "show", "@")
    assert code == ExitCode.NOT_FOUND_OR_STATE
    assert "has no checkpoint yet" in err
