"""A run directory that a real daemon and worker made (tests/golden): shown, exported and resumed by this version.

The directory itself is never touched: every test works on a copy.
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
from hadesd.compute.execution import version_differences
from hadesd.storage import records
from hadesd.storage.checkpoints import read_manifest
from tests.golden.make import ENVIRONMENT, GENERATIONS, GOLDEN, GROUP, PAUSED_AT
from tests.helpers.processes import worker_process as wp
from tests.helpers.processes.daemon import Home

S = RunState
(RUN,) = (path.parent.name for path in GOLDEN.glob("*/run.json"))


def copied(home: Home) -> Path:
    """A copy of the golden run where a daemon looks for runs; its directory."""
    shutil.copytree(GOLDEN / RUN, home.paths.runs / RUN)
    return home.paths.runs / RUN


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def metrics(directory: Path) -> list[GenerationMetrics]:
    found = (directory / "metrics.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=GenerationMetrics) for line in found]


def test_it_is_shown_as_it_was_left(home: Home) -> None:
    copied(home)
    home.fake_daemon()
    (paused,) = home.ask(commands.Snapshot).runs
    assert (paused.id, paused.state, paused.group, paused.method) == (RUN, S.PAUSED, GROUP, "hades-r")
    assert (paused.generation, paused.generations) == (PAUSED_AT, GENERATIONS)
    history = home.ask(commands.History, run=RUN)
    assert [m.generation for m in history.metrics] == [1, 2, 3]
    assert list(history.metrics) == metrics(GOLDEN / RUN)
    assert history.metrics[1].evaluated_mean is not None
    assert min(history.committed_at) > 1.7e9
    assert home.ask(commands.Dataset, run=RUN).states.shape == (2, 4)
    assert home.ask(commands.Dataset, run=RUN, generation=2).generation == 2
    shown = home.ask(commands.Show, run=RUN)
    assert [entry.what for entry in shown.history] == ["submitted", "pause", "paused"]
    assert (shown.checkpoints.generations, shown.checkpoints.with_pairs) == ((2, 3), (2, 3))
    assert shown.checkpoints.execution == "1 x cpu, physics vmap, cloning xla, 8 candidates at a time"


@pytest.mark.optimised  # as it was begun
def test_it_is_resumed_as_if_nothing_had_happened(home: Home, tmp_path: Path) -> None:
    """By this version's daemon and worker; the bits are those of a run that this version computes without a pause."""
    directory = copied(home)
    home.environ.update(ENVIRONMENT)
    home.daemon()
    home.ask(commands.Resume, run=RUN)
    assert (waited := home.hadesd("wait", RUN, timeout=250)).returncode == 0, waited.stderr
    done = home.show(RUN)
    assert (done.generation, done.restarts) == (GENERATIONS, 0)
    assert home.generations(RUN) == list(range(1, GENERATIONS + 1))
    before = (GOLDEN / RUN / "metrics.jsonl").read_bytes()
    assert (directory / "metrics.jsonl").read_bytes().startswith(before), "what was committed is not computed anew"
    (resume,) = lines(directory, "resumes.jsonl")
    assert (resume["kind"], resume["generation"]) == ("resume", PAUSED_AT)
    manifest = read_manifest(GOLDEN / RUN / f"checkpoints/{PAUSED_AT}")
    assert manifest is not None
    if packages := version_differences(manifest, manifest.spec()):
        assert (resume["bit_exact"], resume["text"]) == (False, "; ".join(packages))  # and the bits may differ
        return
    assert resume["bit_exact"], resume["text"]
    alone = wp.make_run(tmp_path / "alone", build_spec(json.loads((directory / "run.json").read_text())["spec"]))
    assert wp.finish(alone, **ENVIRONMENT) == ExitCode.OK, (alone / "worker.log").read_text()
    for name in ("metrics.jsonl", "dataset.npz", "best.npz"):
        assert (alone / name).read_bytes() == (directory / name).read_bytes(), name


def test_its_datasets_are_exported(home: Home, tmp_path: Path) -> None:
    directory = copied(home)
    newest, older = tmp_path / "newest.npz", tmp_path / "older.npz"
    assert (done := home.hadesd("export", RUN, "-o", str(newest))).returncode == 0, done.stderr
    assert newest.read_bytes() == (directory / "dataset.npz").read_bytes()
    assert (done := home.hadesd("export", f"{RUN}@2", "-o", str(older))).returncode == 0, done.stderr
    with np.load(older) as exported, np.load(directory / "checkpoints/2/dataset.npz") as dataset:
        assert json.loads(str(exported["meta"]))["generation"] == 2
        assert all(np.array_equal(dataset[name], exported[name]) for name in ("states", "actions"))
    assert home.hadesd("export", RUN, "--best", "-o", str(tmp_path / "best.npz")).returncode == 0


def test_fields_of_the_future_are_kept_when_a_run_is_changed(home: Home) -> None:
    path = copied(home) / "run.json"
    future = {"colour": "green", "weights": {"a": [1, 2.5, None]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | future))
    home.fake_daemon()
    assert home.ask(commands.Cancel, run=RUN).state == S.CANCELLED
    record = home.record(RUN)
    assert {name: record[name] for name in future} == future
    assert record["outcome"]["kind"] == "cancelled"


def test_a_directory_of_a_newer_schema_is_skipped_untouched(home: Home, tmp_path: Path) -> None:
    directory = copied(home)
    record = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps(record | {"schema": records.SCHEMA + 1}))
    shutil.copytree(directory, tmp_path / RUN)
    home.fake_daemon()
    other = home.start(generations=2)
    home.reaches(other, S.FINISHED)
    assert [summary.id for summary in home.ask(commands.Snapshot).runs] == [other]
    assert any("newer than this version's" in str(line.get("why")) for line in home.log())
    assert home.hadesd("gc", "--evidence", "--yes").returncode == 0
    assert home.hadesd("retain", "--all", "--keep-newest", "2", "--yes").returncode == 0
    assert home.hadesd("rm", "--state", "finished,paused", "--yes").returncode == 0
    same(tmp_path / RUN, directory)


def test_an_archive_of_it_brings_it_back(home: Home, tmp_path: Path) -> None:
    copied(home)
    done = home.hadesd("archive", RUN, "--all-checkpoints", "-o", str(tmp_path), "--yes")
    assert done.returncode == 0, done.stderr
    assert not (home.paths.runs / RUN).exists()
    assert home.hadesd("archive", "--restore", f"{tmp_path}/{RUN}.tar.gz").returncode == 0
    (home.paths.runs / RUN / "lock").touch()
    same(GOLDEN / RUN, home.paths.runs / RUN)


def same(one: Path, other: Path) -> None:
    """Assert that two directories hold the same files with the same bytes."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(one, other, names, shallow=False)[1:] == ([], [])
