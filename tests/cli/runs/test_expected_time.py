"""Before a run begins: how long it will probably take, from what this machine has computed already."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from hades_protocol.messages import GenerationTiming, HistoryEntry, HistoryKind
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.cli.runs.expected_time import Measured, measured, of_run, of_runs
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.specs import tiny

LIKE = ("--env", "CartPole-v1", "--preset", "published", "--set", "policy.width=20")


def test_what_is_not_known_is_not_said() -> None:
    spec, other = tiny(evolution={"generations": 100}), tiny(policy={"width": 99})
    known = [Measured("cartpole-1", spec, 0.5)]
    assert of_run(spec, known) == "about 50 s, if it goes as cartpole-1 did (0.5 s a generation)"
    assert of_run(other, known) == ""
    assert of_runs([spec, spec], known) == "about 1 min 40 s of computing, by the pace of earlier runs here"
    assert "for the 1 of 2 runs whose like were computed" in of_runs([spec, other], known)
    assert of_runs([other], known) == ""


def test_what_it_took_with_other_sizes_is_no_measure(tmp_path: Path) -> None:
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    record = records.create(paths.runs, tiny(), 1.0)
    seconds = [1.0] * 20 + [8.0] * 6
    lines = [GenerationTiming(generation=g, seconds=s, committed_at=0.0) for g, s in enumerate(seconds, 1)]
    RunPaths(paths.runs / record.id).timings.write_bytes(b"".join(msgspec.json.encode(t) + b"\n" for t in lines))
    assert measured(paths)[0].seconds == 1.0
    resized = HistoryEntry(at=2.0, what=HistoryKind.RESIZE, generation=20, reason="population 128 -> 1024")
    records.save(paths.runs / record.id, replace(record, history=(*record.history, resized)))
    assert measured(paths)[0].seconds == 8.0


@pytest.mark.process
def test_the_second_of_two_runs_says_what_the_first_one_took(home: Home) -> None:
    home.fake_daemon()
    first = home.hadesd("start", *LIKE, "--seed", "10", "--set", "evolution.generations=10")
    assert first.returncode == 0, first.stderr
    assert " if it goes as" not in first.stderr
    run = first.stdout.strip()
    home.reaches(run, RunState.FINISHED)
    second = home.hadesd("start", *LIKE, "--seed", "11", "--set", "evolution.generations=1000")
    said = re.search(rf"about (.*), if it goes as {run} did \((.*) s a generation\)", second.stderr)
    assert said is not None, second.stderr
    assert float(said[2]) > 0
    plan = home.hadesd("sweep", *LIKE, "--seed", "12..13", "--set", "evolution.generations=1000", "--dry-run")
    assert "of computing, by the pace of earlier runs here" in plan.stderr
