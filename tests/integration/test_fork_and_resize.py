"""Forks and resizes with the real worker: what goes on unchanged is bit for bit the same."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol import commands, replies
from hades_protocol.run_state import RunState
from hades_protocol.settings import merge
from tests.helpers.processes.daemon import Home, until
from tests.helpers.runs.specs import TINY

S = RunState


def spec(generations: int, **sections: Any) -> dict[str, Any]:
    small = merge(TINY, {"evolution": {"generations": generations}, "checkpoints": {"keep_newest": 10_000}})
    return merge(small, sections)


def finished(home: Home, run: str) -> Path:
    until(lambda: home.show(run).state == S.FINISHED, f"{run} is finished, but: {home.show(run)}", 240.0)
    return home.paths.runs / run


def metrics(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def resumes(directory: Path, kind: str) -> list[dict[str, Any]]:
    path = directory / "resumes.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [resume for resume in found if resume["kind"] == kind]


def test_a_fork_with_nothing_changed_ends_like_its_parent_and_one_with_a_change_leaves_it_there(home: Home) -> None:
    home.daemon()
    parent = finished(home, home.ask(commands.Start, spec=spec(8)).id)
    home.ask(commands.Rename, run=parent.name, name="parent")
    twin = home.hadesd("fork", "parent@4", "--tag", "twin", "--json")
    assert twin.returncode == 0, twin.stderr
    forked = json.loads(twin.stdout)
    twin_run = forked["run"]
    assert (forked["id"], forked["dry_run"], forked["generation"]) == (twin_run["id"], False, 4)
    assert twin_run["parent"] == {"run": parent.name, "generation": 4}
    assert (twin_run["name"], twin_run["tags"]) == ("", ["twin"])
    directory = finished(home, twin_run["id"])
    assert (directory / "metrics.jsonl").read_bytes() == (parent / "metrics.jsonl").read_bytes()
    ours, theirs = (np.load(d / "dataset.npz")["states"] for d in (directory, parent))
    assert np.array_equal(ours, theirs)

    other = home.hadesd("fork", f"{parent.name}@4", "--set", "evolution.sigma=0.03", "--set", "seed=9")
    assert "evolution.sigma  0.3 → 0.03" in other.stderr
    changed = metrics(finished(home, other.stdout.strip()))
    before = metrics(parent)
    assert changed[:4] == before[:4]
    assert changed[4] != before[4]
    assert changed[4]["sigma"] == pytest.approx(before[4]["sigma"] / 10, rel=0.01)
    history: replies.HistoryResult = home.ask(commands.History, run=other.stdout.strip())
    assert [(mark.kind, mark.generation) for mark in history.marks] == [("fork", 4), ("resume", 4)]

    refused = home.hadesd("fork", f"{parent.name}@4", "--set", "env=hopper")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    missing = home.hadesd("fork", f"{parent.name}@99")
    assert missing.returncode == 3
    assert "1, 2, 3, 4, 5, 6, 7, 8" in missing.stderr


def test_a_policy_becomes_pairs_and_a_search_goes_on_from_them(home: Home) -> None:
    home.daemon()
    directly = spec(12, method="es", preset="cpu", policy={"inits": 1}, evaluation={"mean_every": 4})
    parent = finished(home, home.ask(commands.Start, spec=directly).id)
    sets = ("method=hades-r", "evolution.generations=20", "dataset.pairs=4", "evolution.population=8")
    arguments = [word for text in sets for word in ("--set", text)]
    runs = [home.hadesd("fork", parent.name, *arguments).stdout.strip() for _ in range(2)]
    one, other = (finished(home, run) for run in runs)
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    assert metrics(one)[:12] == metrics(parent)
    (record,) = resumes(one, "method")
    assert (record["generation"], record["bit_exact"]) == (12, True)
    assert "method es → hades-r: 4 pairs" in record["text"]
    assert np.load(one / "dataset.npz")["states"].shape == (4, 4)
    assert np.load(one / "best.npz")["states"].shape == (4, 4), "the best dataset, whatever the policy returned"
    history: replies.HistoryResult = home.ask(commands.History, run=runs[0])
    assert [(mark.kind, mark.generation) for mark in history.marks] == [("fork", 12), ("resume", 12)]
    again = home.hadesd("fork", f"{runs[0]}@16", "--set", "evolution.generations=18")
    assert metrics(finished(home, again.stdout.strip()))[:17] == metrics(one)[:17]
    refused = home.hadesd("fork", runs[0], "--set", "method=hades-f")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "of the policy of method es alone" in refused.stderr


def test_a_run_that_is_resized_while_it_computes_equals_a_twin_that_was_forked_with_that_size(home: Home) -> None:
    home.daemon()
    plain = home.ask(commands.Start, spec=spec(250)).id
    run = home.ask(commands.Start, spec=spec(250)).id
    home.reaches(run, S.RUNNING, 3)
    done = home.hadesd("resize", run, "--pairs", "6", "--population", "12")
    assert done.returncode == 0, done.stderr
    assert "dataset.pairs         2 → 6" in done.stderr

    def resized() -> list[dict[str, Any]]:
        return resumes(home.paths.runs / run, "resize")

    (grown,) = until(resized, "the resize is carried out")
    assert grown["text"] == "population 8 → 12, pairs 2 → 6"
    home.reaches(run, S.RUNNING, grown["generation"] + 3)
    home.hadesd("pause", run)
    home.hadesd("resize", run, "--pairs", "4")
    assert home.show(run).state == S.PAUSED
    home.hadesd("resume", run)
    directory = finished(home, run)
    shrunk = resumes(directory, "resize")[-1]
    assert shrunk["text"] == "pairs 6 → 4"
    assert np.load(directory / "dataset.npz")["states"].shape[0] == 4
    assert [change["reason"] for change in home.record(run)["history"] if change["what"] == "resize"] == [
        "dataset.pairs 2 → 6, evolution.population 8 → 12",
        "dataset.pairs 6 → 4",
    ]

    twin = finished(home, plain).name
    for resume, changes in (
        (grown, {"dataset": {"pairs": 6}, "evolution": {"population": 12}}),
        (shrunk, {"dataset": {"pairs": 4}}),
    ):
        result = home.ask(commands.Fork, run=twin, generation=resume["generation"], changes=changes)
        twin = finished(home, result.run.id).name
    assert (directory / "metrics.jsonl").read_bytes() == (home.paths.runs / twin / "metrics.jsonl").read_bytes()


def test_a_fork_without_a_daemon(home: Home) -> None:
    """`hadesd run --fork`: the same run as a daemon's fork, and the same command goes on with it."""
    first, second = (home.paths.state / name for name in ("first", "second"))
    settings = home.paths.state / "first.json"
    settings.write_text(json.dumps(spec(6)))

    def run(*arguments: str) -> tuple[int, str, str]:
        done = home.hadesd("run", *arguments)
        return done.returncode, done.stdout, done.stderr

    assert run("--spec", str(settings), "--directory", str(first))[0] == 0
    fork = ("--fork", f"{first}@4", "--set", "evolution.sigma=0.1", "--directory", str(second))
    code, out, told = run(*fork)
    assert code == 0, told
    assert "evolution.sigma  0.3 → 0.1" in told
    (parent,), (child,) = ((directory / "runs").glob("cartpole-*") for directory in (first, second))
    assert metrics(child)[:4] == metrics(parent)[:4]
    assert metrics(child)[4:] != metrics(parent)[4:]
    assert json.loads((child / "run.json").read_text())["parent"] == {"run": parent.name, "generation": 4}
    assert run(*fork)[:2] == (0, out)
    for one in (parent, child):
        shutil.copytree(one, home.paths.runs / one.name)
    refusals = {
        ("--fork", str(home.paths.state), "--directory", "third"): 2,  # two runs
        ("--fork", str(first), "--directory", "third"): 2,  # nothing is left to compute
        ("--fork", f"{first}@3", "--directory", str(second), "--set", "evolution.sigma=0.1"): 3,
        ("--fork", str(parent), "--directory", str(second), "--set", "evolution.sigma=0.2"): 2,
        ("--fork", str(first), "--env", "hopper", "--directory", "third"): 2,
        ("--fork", "nothing", "--directory", "third"): 3,
        ("--fork", f"{first}@99", "--directory", "third"): 3,
    }
    for arguments, expected in refusals.items():
        code, _, told = run(*arguments)
        assert (code, told.count("\n")) == (expected, 1), (arguments, told)
    assert not home.paths.state.with_name("third").exists()
