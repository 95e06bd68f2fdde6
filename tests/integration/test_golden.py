"""Run directories of earlier versions (tests/golden): listed, shown, exported and gone on with by this one, for ever.

The directories themselves are never touched: every test works on copies.
"""

import filecmp
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hades_protocol import commands
from hades_protocol.errors import ExitCode
from hades_protocol.messages import GenerationMetrics
from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hadesd.storage import records
from tests.helpers import worker_process as wp
from tests.helpers.daemon import Home

S = RunState
GOLDEN = Path(__file__).parents[1] / "golden"
PAUSED = {"run-1.0": "cartpole-1121-shnq", "run-1.1": "cartpole-1121-5xmu"}
FINISHED = {"run-1.0": "cartpole-1121-jctt", "run-1.1": "cartpole-1121-hfrm"}
AT, TOTAL = 3, 6
"""Generation of the paused runs, and their last one."""


@pytest.fixture(params=sorted(PAUSED))
def version(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def copied(version: str, runs: Path) -> Path:
    """All runs of that version, where a daemon looks for them."""
    shutil.copytree(GOLDEN / version, runs)
    return runs


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def metrics(directory: Path) -> list[GenerationMetrics]:
    """metrics.jsonl; fields that a version did not write have their defaults."""
    found = (directory / "metrics.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=GenerationMetrics) for line in found]


def test_every_golden_directory_is_known_to_these_tests() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} == set(PAUSED)
    for version in PAUSED:
        assert {path.name for path in (GOLDEN / version).iterdir()} == {PAUSED[version], FINISHED[version]}


def test_they_are_listed_as_they_were_left(home: Home, version: str) -> None:
    copied(version, home.paths.runs)
    home.fake_daemon()
    found = {summary.id: summary for summary in home.ask(commands.Snapshot).runs}
    paused, finished = found[PAUSED[version]], found[FINISHED[version]]
    assert (paused.state, paused.generation, paused.generations, paused.method) == (S.PAUSED, AT, TOTAL, "hades-r")
    assert (finished.state, finished.generation, finished.generations, finished.method) == (S.FINISHED, 3, 3, "es")
    assert {run.group for run in found.values()} == {"" if version == "run-1.0" else "golden"}
    history = home.ask(commands.History, run=paused.id)
    assert [m.generation for m in history.metrics] == [1, 2, 3]
    assert list(history.metrics) == metrics(GOLDEN / version / paused.id)
    assert home.ask(commands.Dataset, run=paused.id).states.shape == (2, 4)
    what = [entry.what for entry in home.ask(commands.Show, run=paused.id).history]
    assert what == ["submitted", "pause", "paused"]


def test_one_goes_on_as_if_nothing_had_happened(home: Home, version: str, tmp_path: Path) -> None:
    """By this version's daemon and worker; the bits are those of a run that this version computed alone."""
    run = PAUSED[version]
    directory = copied(version, home.paths.runs) / run
    home.daemon()
    home.ask(commands.Resume, run=run)
    assert (waited := home.hadesd("wait", run, timeout=250)).returncode == 0, waited.stderr
    done = home.show(run)
    assert (done.generation, done.restarts) == (TOTAL, 0)
    assert home.generations(run) == list(range(1, TOTAL + 1))
    before = (GOLDEN / version / run / "metrics.jsonl").read_bytes()
    assert (directory / "metrics.jsonl").read_bytes().startswith(before), "what was committed is not computed anew"
    (seam,) = lines(directory, "seams.jsonl")
    assert (seam["kind"], seam["generation"]) == ("resume", AT)
    if not seam["bit_exact"]:  # other packages, or another number of cores: said, and nothing more can be asked for
        assert "->" in seam["text"]
        return
    alone = wp.make_run(tmp_path / "alone", build_spec(json.loads((directory / "run.json").read_text())["spec"]))
    flags = {"PJRT_NPROC": "4", "XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_PLATFORMS": "cpu"}
    assert wp.finish(alone, **flags) == ExitCode.OK, (alone / "worker.log").read_text()
    assert metrics(alone) == metrics(directory)
    with np.load(alone / "dataset.npz") as ours, np.load(directory / "dataset.npz") as theirs:
        assert np.array_equal(ours["states"], theirs["states"])
        assert np.array_equal(ours["actions"], theirs["actions"])


def test_datasets_of_old_runs_are_exported(home: Home, version: str, tmp_path: Path) -> None:
    run = PAUSED[version]
    directory = copied(version, home.paths.runs) / run
    newest, older = tmp_path / "newest.npz", tmp_path / "older.npz"
    assert (done := home.hadesd("export", run, "-o", str(newest))).returncode == 0, done.stderr
    with np.load(directory / "dataset.npz") as dataset, np.load(newest) as exported:
        assert all(np.array_equal(dataset[name], exported[name]) for name in ("states", "actions"))
    assert (done := home.hadesd("export", f"{run}@2", "-o", str(older))).returncode == 0, done.stderr
    with np.load(older) as dataset:
        assert json.loads(str(dataset["meta"]))["generation"] == 2
    if version != "run-1.0":
        assert home.hadesd("export", run, "--best", "-o", str(tmp_path / "best.npz")).returncode == 0


def test_fields_of_the_future_are_kept_when_a_run_is_changed(home: Home, version: str) -> None:
    run = PAUSED[version]
    path = copied(version, home.paths.runs) / run / "run.json"
    future = {"colour": "green", "weights": {"a": [1, 2.5, None]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | future))
    home.fake_daemon()
    assert home.ask(commands.Cancel, run=run).state == S.CANCELLED
    record = home.record(run)
    assert {name: record[name] for name in future} == future
    assert record["outcome"]["kind"] == "cancelled"


def test_a_directory_of_a_newer_schema_is_skipped_untouched(home: Home, version: str, tmp_path: Path) -> None:
    run = PAUSED[version]
    directory = copied(version, home.paths.runs) / run
    record = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps(record | {"schema": records.SCHEMA + 1}))
    shutil.copytree(directory, tmp_path / run)
    home.fake_daemon()
    assert [summary.id for summary in home.ask(commands.Snapshot).runs] == [FINISHED[version]]
    assert any("newer than this version's" in str(line.get("why")) for line in home.log())
    assert home.hadesd("gc", "--evidence", "--yes").returncode == 0
    assert home.hadesd("retain", "--all", "--keep-newest", "2", "--yes").returncode == 0
    assert home.hadesd("rm", "--state", "finished,paused", "--yes").returncode == 0
    same(tmp_path / run, directory)


def test_an_archive_of_an_old_run_brings_it_back(home: Home, version: str, tmp_path: Path) -> None:
    run = PAUSED[version]
    copied(version, home.paths.runs)
    done = home.hadesd("archive", run, "--all-checkpoints", "-o", str(tmp_path), "--yes")
    assert done.returncode == 0, done.stderr
    assert not (home.paths.runs / run).exists()
    assert home.hadesd("archive", "--restore", f"{tmp_path}/{run}.tar.gz").returncode == 0
    (home.paths.runs / run / "lock").touch()
    same(GOLDEN / version / run, home.paths.runs / run)


def same(one: Path, other: Path) -> None:
    """Assert that two directories hold the same files with the same bytes."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(one, other, names, shallow=False)[1:] == ([], [])
