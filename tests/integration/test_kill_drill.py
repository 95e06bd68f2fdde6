"""SIGKILLs at random moments of real workers and real daemons: nothing may be lost, doubled or changed.

Few of them in every run of the tests, 48 in `make drill`. More, or another seed:
HADES_DRILL_KILLS=100 HADES_DRILL_SEED=7 pytest tests/integration/test_kill_drill.py -s
"""

import json
import os
import random
import signal
import time

import pytest

from hades_protocol.errors import UnreachableError
from hades_protocol.run_state import ENDED, RunState
from tests.helpers.processes.daemon import Home, until

pytestmark = pytest.mark.optimised

KILLS = int(os.environ.get("HADES_DRILL_KILLS", "8"))
SEED = int(os.environ.get("HADES_DRILL_SEED", "1"))

COMMON = ["policy.width=16", "policy.depth=1", "policy.inits=2", "evaluation.environments=1", "cloning.epochs=30"]
RUNS = {
    "CartPole-v1": [f"evolution.generations={75 * KILLS}", "evolution.population=64", "evaluation.steps=150"],
    "inverted_pendulum": [f"evolution.generations={60 * KILLS}", "evolution.population=16", "evaluation.steps=120"],
}


def start(home: Home, env: str) -> str:
    settings = [f"--set={text}" for text in (*COMMON, *RUNS[env])]
    done = home.hadesd("start", "--env", env, "--seed", "5", "--json", *settings)
    assert done.returncode == 0, done.stderr
    run: str = json.loads(done.stdout)["id"]
    return run


def results(home: Home, run: str) -> dict[str, bytes]:
    directory = home.paths.runs / run
    return {name: (directory / name).read_bytes() for name in ("metrics.jsonl", "dataset.npz")}


def strike(home: Home, random_source: random.Random, runs: list[str]) -> str:
    """SIGKILL a worker, the daemon, or the daemon and all workers; what was hit."""
    target = random_source.choice(["worker", "worker", "daemon", "both"])
    workers = home.worker_pids()
    daemon = home.daemons[-1]
    hit = []
    if target in ("worker", "both") and workers:
        hit += workers if target == "both" else [random_source.choice(workers)]
    if target in ("daemon", "both"):
        hit.append(daemon.pid)
    for pid in hit:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if daemon.pid in hit:
        daemon.wait(60)
        home.daemon("--slots", "2")
    return target if hit else ""


def await_moment(home: Home, source: random.Random, runs: list[str]) -> None:
    """A random moment: of a start, a resume or a compilation, or (two in three) soon after a new commit."""
    if source.random() < 1 / 3:
        time.sleep(source.uniform(0.0, 4.0))
        return
    run = source.choice(runs)
    before = home.show(run).generation

    def committed() -> bool:
        revive(home, runs)
        return home.show(run).generation > before or home.show(run).state in ENDED

    until(committed, "a new generation", 120)
    time.sleep(source.uniform(0.0, 0.5))  # at full speed the runs must not be at their end before the kills are


def revive(home: Home, runs: list[str]) -> int:
    """A run that was killed three times before it could commit has FAILED, as promised: a person resumes it."""
    revived = 0
    for run in runs:
        if home.show(run).state == RunState.FAILED:
            assert home.hadesd("resume", run).returncode == 0
            revived += 1
    return revived


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_killed_at_random_the_runs_end_bit_for_bit_like_undisturbed_ones(home: Home) -> None:
    home.daemon("--slots", "2")
    twins = {env: start(home, env) for env in RUNS}
    for twin in twins.values():
        assert home.hadesd("wait", twin, timeout=400).returncode == 0

    source = random.Random(SEED)
    runs = {env: start(home, env) for env in RUNS}
    names = list(runs.values())
    hits: dict[str, int] = {}
    revived = 0
    while sum(hits.values()) < KILLS:
        await_moment(home, source, names)
        if all(home.show(run).state == RunState.FINISHED for run in names):
            break
        if hit := strike(home, source, names):
            hits[hit] = hits.get(hit, 0) + 1
        revived += revive(home, names)
    generations = {env: home.show(run).generation for env, run in runs.items()}
    print(f"\n{sum(hits.values())} SIGKILLs: {hits}; resumed by hand {revived}; generations by then {generations}")
    assert sum(hits.values()) == KILLS, f"the runs ended before the kills did: {hits}"

    def finished() -> bool:
        revive(home, names)
        return all(home.show(run).state == RunState.FINISHED for run in names)

    until(finished, "both runs finish", 400)
    for env, run in runs.items():
        assert home.generations(run) == home.generations(twins[env]), f"{env}: generations lost, doubled or unordered"
        assert results(home, run) == results(home, twins[env]), f"{env}: not the bits of the undisturbed run"
        file = home.paths.runs / run / "resumes.jsonl"
        assert file.exists(), f"{env}: it was never killed between its first generation and its last"
        resumes = [json.loads(s) for s in file.read_text().splitlines()]
        assert all(resume["bit_exact"] for resume in resumes)
        assert len(resumes) >= KILLS // 10, f"{env}: hardly ever killed between its first generation and its last"
    until(lambda: not home.worker_pids(), "no worker process is left")


def test_a_killed_daemon_is_noticed_by_the_next_command(home: Home) -> None:
    daemon = home.daemon()
    daemon.kill()
    daemon.wait(60)
    done = home.hadesd("status")
    assert done.returncode == UnreachableError.exit_code
    assert len(done.stderr.splitlines()) == 1
