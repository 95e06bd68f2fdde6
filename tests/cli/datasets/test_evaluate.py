"""hadesd evaluate: of a file or a run, and as text: a figure that was cut short says so."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hades_protocol.run_spec import Cloning, Policy
from hadesd.analysis.evaluation.documents import (
    Computation,
    Level,
    MultitaskDocument,
    Returns,
    TaskReturns,
    TrainingSettings,
)
from hadesd.cli.datasets.evaluate import describe, table
from hadesd.cli.main import main
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from tests.helpers.runs.specs import tiny

WHOLE = Returns(mean=20.0, std=1.0, sem=0.5, per_init=(19.0, 21.0), episodes_completed=9, unfinished=0)


QUICK = ["--inits", "1", "--episodes", "1", "--json"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with the datasets of generations 2 and 4, whose states differ; the working directory is beside it."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    directory = paths.runs / records.create(paths.runs, tiny(), time.time()).id
    kept = RunPaths(directory).checkpoint(2)
    kept.mkdir(parents=True)
    for file, generation in ((kept / "dataset.npz", 2), (RunPaths(directory).dataset, 4)):
        states = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32) * generation
        write_dataset(
            file, {"states": states, "actions": np.eye(2, dtype=np.float32)}, dataset_meta(tiny(), generation)
        )
    return directory


@pytest.mark.environment
def test_a_run_and_one_of_its_generations_are_evaluated_like_their_files(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, file in (("@", run / "dataset.npz"), ("@@2", run / "checkpoints/2/dataset.npz")):
        documents = []
        for what in (name, str(file)):
            assert main(["evaluate", what, *QUICK]) == ExitCode.OK
            documents.append(json.loads(capsys.readouterr().out))
        assert documents[0] == documents[1]
        assert documents[0]["file"] == str(file)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["evaluate", "nobody"], 3, "there is no run 'nobody'"),
        (["evaluate", "@@3"], 3, "keeps no checkpoint of generation 3; kept: 2"),
        (["evaluate", "@@x"], 2, "after @ comes a generation"),
        (["evaluate", "none.npz"], 3, "there is no file none.npz"),
        *((verb.split(), 2, "README.md is no run and no dataset: datasets are .npz, ") for verb in (
            "evaluate README.md", "pairs README.md", "transfer README.md", "report README.md"
        )),
    ],
)  # fmt: skip
def test_what_is_neither_is_said_in_one_line(
    run: Path, arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("README.md").touch()
    assert main(arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_return_says_where_no_episode_ended() -> None:
    assert describe(WHOLE).endswith("over 2 policies; 9 completed episodes)")
    cut = describe(replace(WHOLE, unfinished=8))
    assert cut.endswith(
        "9 completed episodes; no episode ended in 8 environments: the return so far was counted there)"
    )
    assert "over 1 policy; 1 completed episode)" in describe(replace(WHOLE, per_init=(19.0,), episodes_completed=1))
    assert "in one environment" in describe(replace(WHOLE, unfinished=1))


def test_a_row_of_a_merged_file_says_where_no_episode_ended() -> None:
    level = Level(mean=1.0, sem=0.1, unfinished=0)
    whole = TaskReturns(env="hopper", pairs=2, returns=WHOLE, wrong=level, own=level, normalised=None)
    cut = replace(whole, env="ant", returns=replace(WHOLE, unfinished=3), own=replace(level, unfinished=4))
    document = MultitaskDocument(
        file="both.npz",
        envs=("hopper", "ant"),
        pairs=4,
        seed=0,
        inits=2,
        episodes=4,
        settings=TrainingSettings(policy=Policy(), cloning=Cloning()),
        computation=Computation(platform="cpu", device="", devices=1, threads=4, options=(), versions={}),
        tasks=(whole, cut),
    )
    _, first, second = table(document)
    assert "no episode ended" not in first
    assert second.endswith("no episode ended in 7 environments")
