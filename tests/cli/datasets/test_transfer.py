"""hadesd transfer, as a person uses it: files, a run, bad arguments, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.main import main
from hadesd.cli.progress import Progress
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.storage import records
from tests.helpers.runs.specs import tiny

LEAN = {
    "states": np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32),
    "actions": np.eye(2, dtype=np.float32),
}
SMALL = ["--widths", "4,6", "--draws", "1", "--inits", "2", "--episodes", "2"]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with one run that has committed a dataset, and f.npz beside it."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    record = records.create(paths.runs, tiny(), time.time())
    write_dataset(paths.runs / record.id / "dataset.npz", LEAN, dataset_meta(tiny(), 4))
    f = tiny(method="hades-f", policy={"inits": 1})
    write_dataset(tmp_path / "f.npz", LEAN, dataset_meta(f, 4))
    return paths.runs / record.id


def test_a_run_and_a_file_side_by_side(home, capsys):
    Path("t.svg").touch()
    code = main(["transfer", "@", "f.npz", *SMALL, "--threshold", "1", "-o", "t.svg", "--force", "--json"])
    captured = capsys.readouterr()
    assert code == ExitCode.OK, captured.err
    document = json.loads(captured.out)
    assert (document["mode"], document["complete"], document["threshold"]) == ("draws", True, 1.0)
    run, file = document["datasets"]
    assert (run["run"], run["method"], file["run"], file["method"]) == (home.name, "hades-r", None, "hades-f")
    assert [row["width"] for row in run["widths"]] == [4, 6]
    assert run["reached"] == 1.0, "every episode of CartPole returns at least 1"
    assert len(run["settings"]) == 2
    assert all(len(setting["returns"]) == 2 for setting in run["settings"])
    assert [s["returns"] for s in run["settings"]] == [s["returns"] for s in file["settings"]], (
        "the same pairs and settings: a dataset of hades-f meets fresh initialisations too"
    )
    assert json.loads((home / "transfer.json").read_text()) == document, "the run keeps what was printed"
    assert "<svg" in Path("t.svg").read_text()
    assert "made for one initialisation" in captured.err
    assert "width 6 done in" in captured.err


def test_it_says_when_it_compiles(home, monkeypatch, capsys):
    phases = []
    monkeypatch.setattr(Progress, "phase", lambda _, name, total=None: phases.append((name, total)))
    assert main(["transfer", "f.npz", "--widths", "4", "--draws", "2", "--inits", "1", "--episodes", "1"]) == 0
    assert len(phases) in (2, 4), "of one depth, or of two"
    for (compiling, _), (settings, total) in zip(phases[::2], phases[1::2], strict=True):
        depth = compiling[-1]
        assert compiling == f"f.npz: compiling width 4, depth {depth}"
        assert (settings, total) == (f"f.npz: settings of width 4, depth {depth}", 4 // len(phases))


def test_the_grid_as_a_table(home, capsys):
    code = main(["transfer", "f.npz", "--grid", "--widths", "4", "--inits", "1", "--episodes", "1", "--threshold", "1"])
    captured = capsys.readouterr()
    assert code == ExitCode.OK, captured.err
    heading, row, last = captured.out.splitlines()
    assert heading.split()[:4] == ["DATASET", "METHOD", "WIDTH", "SETTINGS"]
    assert row.split()[:4] == ["f.npz", "hades-f", "4", "24"]
    assert last == "f.npz: 100.0% of 24 settings return 1 or more"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nobody"], 3, "there is no run 'nobody'"),
        (["none.npz"], 3, "there is no file none.npz"),
        (["f.npz", "--widths", "16;64"], 2, "it takes integers with commas"),
        (["f.npz", "--widths", "0"], 2, "a width is an integer from 1"),
        (["f.npz", "--inits", "0"], 2, "--inits is 0"),
        (["f.npz", "--draws", "0"], 2, "--draws is 0"),
        (["f.npz", "--grid", "--draws", "3"], 2, "use one of the two"),
        (["f.npz", "-o", "t.pdf"], 2, ".png or .svg"),
        (["f.npz", "-o", "there.svg"], 2, "there.svg exists already: choose another name with -o, or replace it with"),
        (["f.npz", "--force"], 2, "-o FILE"),
        (["f.npz", "--set", "cloning.epoch=3"], 2, "'cloning.epochs'"),
        (
            ["f.npz", "--set", "dataset.pairs=3"],
            2,
            "dataset.pairs is a setting of the search, and would",
        ),
        (["f.npz", "--set", "env=Acrobot-v1"], 2, "its observations have 4 entries"),
    ],
)
def test_bad_arguments_get_one_line(home, arguments, code, says, capsys):
    Path("there.svg").touch()
    assert main(["transfer", *arguments]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert says in lines[-1]
    assert lines[-1].startswith("hadesd: ")


def interrupted(what: list[str], after: str) -> tuple[dict[str, Any], str]:
    """The document and the messages of a transfer that gets Ctrl-C once it says that."""
    command = [sys.executable, "-m", "hadesd.cli.main", "transfer", *what, "--inits", "1", "--episodes", "1", "--json"]
    with subprocess.Popen(
        [*command, "--widths", "4,512,1024", "--draws", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if after in line:
                process.send_signal(signal.SIGINT)
                break
        out, rest = process.communicate(timeout=120)
    assert process.returncode == ExitCode.INTERRUPTED, said + rest
    return json.loads(out), said + rest


@pytest.mark.parametrize("there", [None, '{"complete": false}', "{", "[]"])
def test_ctrl_c_keeps_what_was_computed(home, there):
    if there is not None:
        (home / "transfer.json").write_text(there)
    document, _ = interrupted(["@"], "width 4 done")
    assert document["complete"] is False
    assert document["datasets"][0]["widths"][0]["settings"] == 2
    assert json.loads((home / "transfer.json").read_text()) == document


def test_ctrl_c_leaves_a_complete_result_alone(home):
    (home / "transfer.json").write_text('{"complete": true}')
    _, said = interrupted(["@"], "width 4 done")
    assert (home / "transfer.json").read_text() == '{"complete": true}'
    assert f"{home / 'transfer.json'} stays" in said


def test_ctrl_c_leaves_a_run_alone_that_was_not_reached(home):
    document, said = interrupted(["f.npz", "@"], "width 4 done")
    assert [entry["run"] for entry in document["datasets"]] == [None]
    assert not (home / "transfer.json").exists()
    assert "stays" not in said
